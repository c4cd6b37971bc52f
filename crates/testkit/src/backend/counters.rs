//! What a backend counts.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// 127.0.0.1.
    Ipv4,
    /// ::1.
    Ipv6,
}

/// What one backend counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// What came over IPv4.
    pub ipv4: FamilyCounters,
    /// What came over IPv6.
    pub ipv6: FamilyCounters,
}

/// What one backend counted over one address family since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyCounters {
    /// Connections that were accepted.
    pub accepts: u64,
    /// Connections that are closed again, by either side.
    pub closes: u64,
    /// Calls that came in: the headers of a request were read.
    pub calls: u64,
    /// Calls that were answered: the trailers of a response were handed to HTTP/2.
    pub answers: u64,
}

impl Counters {
    /// One family's part.
    #[must_use]
    pub fn of(&self, family: Family) -> FamilyCounters {
        match family {
            Family::Ipv4 => self.ipv4,
            Family::Ipv6 => self.ipv6,
        }
    }

    /// Both families together.
    #[must_use]
    pub fn total(&self) -> FamilyCounters {
        FamilyCounters {
            accepts: self.ipv4.accepts + self.ipv6.accepts,
            closes: self.ipv4.closes + self.ipv6.closes,
            calls: self.ipv4.calls + self.ipv6.calls,
            answers: self.ipv4.answers + self.ipv6.answers,
        }
    }
}

impl FamilyCounters {
    /// Connections that are open now.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.accepts.saturating_sub(self.closes)
    }
}

/// The counters of a running backend, of one family.
#[derive(Debug, Default)]
pub(super) struct Tally {
    accepts: AtomicU64,
    closes: AtomicU64,
    calls: AtomicU64,
    answers: AtomicU64,
}

impl Tally {
    pub(super) fn accepted(&self) {
        self.accepts.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) {
        self.closes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> FamilyCounters {
        FamilyCounters {
            accepts: self.accepts.load(Ordering::Relaxed),
            closes: self.closes.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
            answers: self.answers.load(Ordering::Relaxed),
        }
    }
}
