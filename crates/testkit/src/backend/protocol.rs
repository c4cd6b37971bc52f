//! The lines on the pipes between a test and its backend.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::counters::Counters;

/// The environment variable that asks a program to become a backend; its value is the command line.
pub(super) const ASKED: &str = "TRUNKLINE_TESTKIT_BACKEND";

/// A line from the test to the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BackendCommand {
    Stats,
    Ipv6Silent,
    Ipv6Normal,
}

impl BackendCommand {
    const ALL: [Self; 3] = [Self::Stats, Self::Ipv6Silent, Self::Ipv6Normal];
}

impl fmt::Display for BackendCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stats => "stats",
            Self::Ipv6Silent => "ipv6 silent",
            Self::Ipv6Normal => "ipv6 normal",
        })
    }
}

impl FromStr for BackendCommand {
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
pub(super) enum BackendReport {
    /// The backend listens.
    Ready { port: u16, ipv6: bool },
    /// The counters, as the answer to `stats`.
    Stats(Counters),
    /// The command that was carried out.
    Done(String),
    /// Why a command was not carried out.
    Failed(String),
    /// The counters at the end of a drain.
    Final(Counters),
}
