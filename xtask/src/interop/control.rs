//! The connection over which the command asks about the servers, and stops and starts them.
//!
//! One line asks, one line of JSON answers. `SERVER` is `grpc-go` or `c-core`.
//!
//! | line | what is done | answer |
//! |---|---|---|
//! | `counts SERVER` | nothing | `{"event":"counts","calls":{"/helloworld.Greeter/SayHello":3}}`; grpc-go adds `accepts` and `closes` |
//! | `terminate SERVER` | SIGTERM; it drains | the same as `"event":"stopped"`, when the process has ended |
//! | `kill SERVER` | SIGKILL | `{"event":"killed"}` |
//! | `start SERVER` | it runs again, at its address, with counters from 0 | `{"event":"ready","address":".."}` |
//!
//! What cannot be done is answered by `{"event":"error","message":".."}`.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::json;

use super::backends::Backends;
use crate::failure::Failure;

/// Answers on a thread until the process ends; gives the address.
pub(super) fn listen(backends: &Backends) -> Result<SocketAddr, Failure> {
    let failed = |error| Failure::new(format!("cannot listen on loopback: {error}"));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let backends = backends.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that breaks is the command's affair; the next one is answered again.
            let _ = answer(&backends, &stream);
        }
    });
    Ok(address)
}

/// Answers one connection to its end.
fn answer(backends: &Backends, mut stream: &TcpStream) -> std::io::Result<()> {
    for line in BufReader::new(stream).lines() {
        let answer = backends.obey(line?.trim()).unwrap_or_else(
            |failure| json!({"event": "error", "message": format!("{}\n{}", failure.what, failure.output)}),
        );
        stream.write_all(format!("{answer}\n").as_bytes())?;
    }
    Ok(())
}
