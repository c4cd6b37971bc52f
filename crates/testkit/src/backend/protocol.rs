//! What goes over the pipes between a test and its backend.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Counters;

/// A line from the test to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Stats,
    Ipv6Silent,
    Ipv6Normal,
}

impl Command {
    const ALL: [Self; 3] = [Self::Stats, Self::Ipv6Silent, Self::Ipv6Normal];
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stats => "stats",
            Self::Ipv6Silent => "ipv6 silent",
            Self::Ipv6Normal => "ipv6 normal",
        })
    }
}

impl FromStr for Command {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|command| command.to_string() == line.trim())
            .ok_or_else(|| {
                format!("unknown command {line:?}; there are stats, ipv6 silent and ipv6 normal")
            })
    }
}

/// A line from the backend to the test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// It listens.
    Ready { port: u16, ipv6: bool },
    /// The counters, when asked for.
    Stats(Counters),
    /// A command was carried out.
    Done(String),
    /// A command was not carried out.
    Failed(String),
    /// The counters at the end of a drain.
    Final(Counters),
}
