//! The control connection: queries, stops and starts the servers of other projects.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::wrong::Wrong;

/// The read timeout of the connection. A server that drains takes up to ten seconds, and one that
/// starts a few.
const PATIENCE: Duration = Duration::from_secs(60);

/// The connection to `cargo xtask interop`, which started the servers. A request is one line of text,
/// and its answer one line of JSON.
#[derive(Debug)]
pub(crate) struct ServerControl(BufReader<TcpStream>);

impl ServerControl {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Wrong> {
        let stream = TcpStream::connect(address)
            .map_err(|error| format!("the control at {address}: {error}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends the request `verb server`, and returns the answer.
    ///
    /// # Errors
    ///
    /// When the connection fails, and when the answer is an error.
    pub(crate) fn ask(&mut self, verb: &str, server: &str) -> Result<Value, Wrong> {
        self.0
            .get_ref()
            .write_all(format!("{verb} {server}\n").as_bytes())?;
        let mut line = String::new();
        self.0
            .read_line(&mut line)
            .map_err(|error| format!("{verb} {server}: {error}"))?;
        let answer: Value = serde_json::from_str(&line)
            .map_err(|error| format!("{verb} {server} was answered `{line}`: {error}"))?;
        if answer["event"] == "error" {
            let why = answer["message"].as_str().unwrap_or("no reason was given");
            return Err(format!("{verb} {server}: {why}").into());
        }
        Ok(answer)
    }
}
