//! A process that obeys commands, each a line of JSON, and answers each with a line of JSON.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use trunkline_benches::child::Child;

/// A process that does not answer within this time hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A running process, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Side {
    child: Child,
    /// Its event `ready`.
    pub(crate) ready: Value,
}

impl Side {
    pub(crate) fn start(name: &str, command: Command) -> Self {
        let mut child = Child::start(name.to_owned(), command);
        let ready = parse(&child.line(LIMIT));
        Self { child, ready }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives a command, and returns its answer.
    pub(crate) fn ask(&mut self, command: &Value) -> Value {
        self.child.send(&command.to_string());
        parse(&self.child.line(LIMIT))
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}
