//! A connection over which the command reads the servers' counters, and stops and starts servers.
//!
//! A request is one line, an answer is one line of JSON. `SERVER` is `grpc-go` or `c-core`.
//!
//! | request | action | answer |
//! |---|---|---|
//! | `counts SERVER` | none | `{"event":"counts","calls":{"/helloworld.Greeter/SayHello":3}}`; grpc-go adds `accepts` and `closes` |
//! | `terminate SERVER` | SIGTERM; the server drains | the counters as `"event":"stopped"`, after the process has ended |
//! | `kill SERVER` | SIGKILL | `{"event":"killed"}` |
//! | `start SERVER` | starts it again at the same address, with counters from 0 | `{"event":"ready","address":".."}` |
//!
//! The answer to a request that fails is `{"event":"error","message":".."}`.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::json;

use super::backends::Backends;
use crate::failure::Failure;

/// Answers requests on a thread until the process ends. Returns the address.
pub(super) fn listen(backends: &Backends) -> Result<SocketAddr, Failure> {
    let failed = |error| Failure::new(format!("cannot listen on loopback: {error}"));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let backends = backends.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Ignore a broken connection: the command notices it, and may open another one.
            let _ = answer(&backends, &stream);
        }
    });
    Ok(address)
}

/// Answers the requests of one connection until it ends.
fn answer(backends: &Backends, mut stream: &TcpStream) -> std::io::Result<()> {
    for line in BufReader::new(stream).lines() {
        let answer = backends.execute(line?.trim()).unwrap_or_else(
            |failure| json!({"event": "error", "message": format!("{}\n{}", failure.what, failure.output)}),
        );
        stream.write_all(format!("{answer}\n").as_bytes())?;
    }
    Ok(())
}
