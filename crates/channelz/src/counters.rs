//! The counters of calls, which many threads write at the same time.

use std::sync::atomic::{AtomicU64, Ordering};

use trunkline_lb::PerThread;

/// Counts calls and their ends.
#[derive(Debug, Default)]
pub(crate) struct CallCounters {
    started: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// When the last call started, in nanoseconds of the channel's clock plus 1; 0 before the first
    /// call.
    last_started: AtomicU64,
}

/// What [`CallCounters`] have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallTotals {
    pub(crate) started: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// When the last call started, in nanoseconds of the channel's clock.
    pub(crate) last_started: Option<u64>,
}

impl CallCounters {
    /// Counts a call that started at this time of the channel's clock.
    pub(crate) fn start(&self, nanos: u64) {
        self.started.fetch_add(1, Ordering::Relaxed);
        // Of two calls that start at the same time on two threads, either may write last.
        let last = nanos.saturating_add(1);
        self.last_started.store(last, Ordering::Relaxed);
    }

    /// Counts the end of a call. It publishes what this thread has counted before.
    pub(crate) fn end(&self, is_ok: bool) {
        let ended = if is_ok { &self.succeeded } else { &self.failed };
        ended.fetch_add(1, Ordering::Release);
    }

    /// Returns the totals. A call that is counted as ended is counted as started too.
    fn totals(&self) -> CallTotals {
        // The ends first: a call that ends in between is not counted without its start.
        let succeeded = self.succeeded.load(Ordering::Acquire);
        let failed = self.failed.load(Ordering::Acquire);
        CallTotals {
            started: self.started.load(Ordering::Relaxed),
            succeeded,
            failed,
            last_started: self.last_started.load(Ordering::Relaxed).checked_sub(1),
        }
    }
}

/// The calls of a channel. Each thread counts in memory of its own.
#[derive(Debug)]
pub(crate) struct ChannelCalls(PerThread<CallCounters>);

impl ChannelCalls {
    pub(crate) fn new() -> Self {
        Self(PerThread::new(|_| CallCounters::default()))
    }

    /// Returns the counters of this thread.
    pub(crate) fn counters(&self) -> &CallCounters {
        self.0.get()
    }

    /// Returns the sums over all threads.
    pub(crate) fn totals(&self) -> CallTotals {
        // A call can start on one thread and end on another: all ends are read before all starts, so a
        // call that is counted as ended is counted as started too.
        let cells = || self.0.iter();
        let succeeded = cells().map(|cell| cell.succeeded.load(Ordering::Acquire));
        let succeeded = succeeded.sum();
        let failed = cells().map(|cell| cell.failed.load(Ordering::Acquire));
        let failed = failed.sum();
        let last_started = cells().map(|cell| cell.last_started.load(Ordering::Relaxed));
        CallTotals {
            started: cells()
                .map(|cell| cell.started.load(Ordering::Relaxed))
                .sum(),
            succeeded,
            failed,
            last_started: last_started.max().and_then(|last| last.checked_sub(1)),
        }
    }
}

/// The attempts that were sent over a subchannel. They fill cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct SubchannelCalls(CallCounters);

impl SubchannelCalls {
    pub(crate) fn counters(&self) -> &CallCounters {
        &self.0
    }

    pub(crate) fn totals(&self) -> CallTotals {
        self.0.totals()
    }
}

/// Counts the messages of a socket, those of attempts that have ended.
#[derive(Debug, Default)]
pub(crate) struct MessageCounters {
    sent: AtomicU64,
    received: AtomicU64,
}

impl MessageCounters {
    /// Counts the messages of an attempt.
    pub(crate) fn add(&self, sent: u64, received: u64) {
        for (counter, messages) in [(&self.sent, sent), (&self.received, received)] {
            if messages > 0 {
                counter.fetch_add(messages, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}
