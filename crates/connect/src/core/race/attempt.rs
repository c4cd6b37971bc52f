//! One attempt: its name, its life, its end.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Names an attempt of one race; they are counted from 0 in the order of their start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub(super) u32);

impl AttemptId {
    /// Its place among the attempts of the [`RaceReport`](crate::RaceReport).
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AttemptStage {
    /// Waiting for the connection.
    Connecting,
    /// Connected, and in a handshake that is part of the race.
    Handshaking,
}

/// How an attempt ended. Prints as one word, `timed_out` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConnectOutcome {
    /// It won.
    Connected,
    /// The host answered that nobody listens there.
    Refused,
    /// There is no way to the host, or a router said so.
    Unreachable,
    /// No answer in time: the system's limit, or one of the race's.
    TimedOut,
    /// Cut off after it had been connected.
    Reset,
    /// Given up, because another one won or its place was needed.
    Cancelled,
    /// Anything else; the error tells.
    Failed,
}

impl ConnectOutcome {
    /// Sorts the operating system's error.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Self::Reset,
            _ => Self::Failed,
        }
    }

    /// The word that it prints as.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Reset => "reset",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for ConnectOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known about an attempt; times count from the beginning of the race.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptReport<'a> {
    /// Where to.
    pub address: SocketAddr,
    /// When it started.
    pub start: Duration,
    /// When it ended; `None` while it runs.
    pub end: Option<Duration>,
    /// How it ended; `None` while it runs.
    pub outcome: Option<ConnectOutcome>,
    /// How far it has come.
    pub stage: AttemptStage,
    /// The error that ended it, where there was one.
    pub error: Option<&'a io::Error>,
}

/// The facts about an attempt, as they are kept.
#[derive(Debug)]
pub(super) struct AttemptRecord {
    pub(super) started: Instant,
    /// The start, or the last sign of progress.
    pub(super) last_step: Instant,
    pub(super) stage: AttemptStage,
    pub(super) ended: Option<(Instant, ConnectOutcome)>,
    pub(super) error: Option<io::Error>,
}

impl AttemptRecord {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started: now,
            last_step: now,
            stage: AttemptStage::Connecting,
            ended: None,
            error: None,
        }
    }

    /// Whether it failed at the very instant of its start, and so sent nothing.
    pub(super) fn failed_at_once(&self) -> bool {
        self.ended.is_some_and(|(at, _)| at == self.started)
    }
}
