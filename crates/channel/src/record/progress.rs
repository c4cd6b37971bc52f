//! What has happened to a call so far.

use std::time::{Duration, Instant};

use trunkline_runtime::PeerAddr;

/// What an attempt is to its call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AttemptKind {
    /// The number of attempts before this one, without transparent retries.
    pub(crate) previous_attempts: u32,
    pub(crate) is_transparent_retry: bool,
    pub(crate) is_hedged: bool,
}

/// What has happened to a call so far, and the totals over its attempts that have ended.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// When the call began to wait for the first resolution, if it did.
    pub(crate) unresolved_since: Option<Instant>,
    /// The attempts that were started.
    started: u32,
    pub(crate) retries: u32,
    pub(crate) transparent_retries: u32,
    pub(crate) hedges: u32,
    /// The attempts that have ended.
    ended: u32,
    /// When the last one of them ended.
    ended_at: Option<Instant>,
    pub(crate) retry_delay: Duration,
    pub(crate) totals: Totals,
    /// The address of the attempt that ended last, of those that no other one has overtaken.
    pub(crate) peer: Option<PeerAddr>,
}

/// The totals over attempts that were sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) attempts: u32,
    /// True when the head of a response arrived.
    pub(crate) has_headers: bool,
    /// True when the attempt that ended last, of those that no other one has overtaken, has the status of a
    /// server.
    pub(crate) has_status: bool,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
}

/// An attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedAttempt<'a> {
    /// The other end; `None` if it was never sent.
    pub(crate) peer: Option<&'a PeerAddr>,
    pub(crate) has_headers: bool,
    /// True when it has the status of a server.
    pub(crate) has_status: bool,
    /// True when another attempt decides the call.
    pub(crate) is_overtaken: bool,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) started: Instant,
    /// The time from its start to its end.
    pub(crate) latency: Duration,
    pub(crate) at: Instant,
}

impl Progress {
    /// Counts an attempt that starts now. Returns its number, which is 1 for the first.
    #[inline]
    pub(crate) fn start(&mut self, kind: AttemptKind, now: Instant) -> u32 {
        self.started += 1;
        if kind.is_transparent_retry {
            self.transparent_retries += 1;
        }
        if self.started > 1 {
            self.start_again(kind, now);
        }
        self.started
    }

    /// Counts an attempt that is not the first.
    #[cold]
    fn start_again(&mut self, kind: AttemptKind, now: Instant) {
        if !kind.is_transparent_retry {
            let count = if kind.is_hedged {
                &mut self.hedges
            } else {
                &mut self.retries
            };
            *count += 1;
        }
        if self.ended + 1 == self.started
            && let Some(since) = self.ended_at
        {
            self.retry_delay += now.saturating_duration_since(since);
        }
    }

    /// Forgets everything, for another call.
    pub(crate) fn clear(&mut self) {
        if self.started > 1 || self.ended > 0 || self.unresolved_since.is_some() {
            *self = Self::default();
        } else {
            // Nothing else is written before an attempt ends.
            self.started = 0;
            self.transparent_retries = 0;
        }
    }

    /// Counts the end of an attempt after which the call goes on.
    pub(crate) fn end(&mut self, ended: &EndedAttempt<'_>) {
        self.ended += 1;
        self.ended_at = Some(ended.at);
        self.totals.add(ended);
        if let Some(peer) = ended.decisive_peer() {
            self.peer = Some(peer.clone());
        }
    }
}

impl Totals {
    /// Adds an attempt, if it was sent.
    pub(crate) fn add(&mut self, ended: &EndedAttempt<'_>) {
        if ended.peer.is_none() {
            return;
        }
        self.attempts += 1;
        self.has_headers |= ended.has_headers;
        self.bytes_sent += ended.bytes_sent;
        self.bytes_received += ended.bytes_received;
        if !ended.is_overtaken {
            self.has_status = ended.has_status;
        }
    }
}

impl<'a> EndedAttempt<'a> {
    /// Returns the other end; `None` if it was never sent, or if another attempt decides the call.
    pub(crate) fn decisive_peer(&self) -> Option<&'a PeerAddr> {
        self.peer.filter(|_| !self.is_overtaken)
    }
}
