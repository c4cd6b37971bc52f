//! Asking about the servers that are not ours, and stopping and starting them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::wrong::Wrong;

/// A server that drains may take ten seconds, and one that starts a few.
const PATIENCE: Duration = Duration::from_secs(60);

/// The connection to whoever started the servers: a line asks, a line of JSON answers.
#[derive(Debug)]
pub(crate) struct ServerControl(BufReader<TcpStream>);

impl ServerControl {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Wrong> {
        let stream = TcpStream::connect(address)
            .map_err(|error| format!("the control at {address}: {error}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks `verb server`, and gives the answer, which is no error.
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
