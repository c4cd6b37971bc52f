//! A foreign client that reads what this program shows of itself, in a process of its own.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::wrong::Wrong;

/// A client that is run for each reading, and prints one line of JSON.
pub(super) struct Reader {
    /// What it reads.
    pub(super) name: &'static str,
    pub(super) command: Vec<String>,
    pub(super) address: SocketAddr,
}

impl Reader {
    /// Reads, with more arguments.
    pub(super) fn read(&self, args: &[&str]) -> Result<Value, Wrong> {
        let name = self.name;
        let (program, words) = self.command.split_first().ok_or("an empty command")?;
        let output = Command::new(program)
            .args(words)
            .args(["--address", &self.address.to_string()])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot start the {name} client: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the {name} client ended with {}: {text}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}
