//! The counters of a backend.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use trunkline_sim::IpVersion;

/// The counters of one backend since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// The counters of 127.0.0.1.
    pub ipv4: FamilyCounters,
    /// The counters of ::1.
    pub ipv6: FamilyCounters,
}

/// The counters of one backend and one address family since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyCounters {
    /// How many connections were accepted.
    pub accepts: u64,
    /// How many connections were closed, by either side.
    pub closes: u64,
    /// How many calls arrived: the headers of a request were read.
    pub calls: u64,
    /// How many calls were answered: the trailers of a response were passed to HTTP/2.
    pub answers: u64,
}

impl Counters {
    /// Returns the counters of one address family.
    #[must_use]
    pub fn of(&self, version: IpVersion) -> FamilyCounters {
        match version {
            IpVersion::V4 => self.ipv4,
            IpVersion::V6 => self.ipv6,
        }
    }

    /// Returns the sums over both address families.
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
    /// Returns how many connections are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.accepts.saturating_sub(self.closes)
    }
}

/// The counters of a running backend for one address family.
#[derive(Debug, Default)]
pub(super) struct AtomicCounters {
    accepts: AtomicU64,
    closes: AtomicU64,
    calls: AtomicU64,
    answers: AtomicU64,
}

impl AtomicCounters {
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
