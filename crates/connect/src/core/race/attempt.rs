//! One connection attempt: its id, how far it is, how it ended.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Identifies an attempt within its race. Attempts are numbered from 0, in the order of their
/// start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub(super) u32);

impl AttemptId {
    /// Returns its index among the attempts of the [`RaceReport`](crate::RaceReport).
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The step that an attempt is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AttemptStage {
    /// The connection is not established yet.
    Connecting,
    /// The connection is established, and a handshake runs that is part of the race.
    Handshaking,
}

/// How an attempt ended. Prints as one word, `timed_out` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ConnectOutcome {
    /// The attempt won.
    Connected,
    /// The host refused the connection: no process listens on the port.
    Refused,
    /// There is no route to the host, by this system's table or a router's report.
    Unreachable,
    /// The answer did not come in time, by the system's limit or one of the race's.
    TimedOut,
    /// The connection was reset or aborted.
    Reset,
    /// The attempt was given up, because another one won, the race was stopped, or a newer attempt
    /// needed its place.
    Cancelled,
    /// The attempt failed in another way; see the error.
    Failed,
}

impl ConnectOutcome {
    /// Returns the outcome of an attempt that failed with this error of the operating system.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Self::Reset,
            _ => Self::Failed,
        }
    }

    /// Returns the word that the outcome prints as.
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

/// An attempt, as a [`RaceReport`](crate::RaceReport) shows it. Times count from the start of the
/// race.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptReport<'a> {
    /// The address that it connects to.
    pub address: SocketAddr,
    /// The time of its start.
    pub start: Duration,
    /// The time of its end; `None` while it runs.
    pub end: Option<Duration>,
    /// How it ended; `None` while it runs.
    pub outcome: Option<ConnectOutcome>,
    /// The step that it is in, or was in when it ended.
    pub stage: AttemptStage,
    /// The error that ended it, if one did.
    pub error: Option<&'a io::Error>,
}

/// What the race keeps of an attempt that was started.
#[derive(Debug)]
pub(super) struct AttemptRecord {
    pub(super) started: Instant,
    /// The time of the start, or of the last [`handle_progress`](crate::Race::handle_progress).
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

    /// True when the attempt sent nothing: it failed at the instant of its start, with an error
    /// that needs no answer. A refusal, which a host nearby returns as fast, is an answer.
    pub(super) fn sent_nothing(&self) -> bool {
        self.ended.is_some_and(|(at, outcome)| {
            at == self.started
                && self.stage == AttemptStage::Connecting
                && matches!(
                    outcome,
                    ConnectOutcome::Unreachable | ConnectOutcome::Failed
                )
        })
    }
}
