//! The numbers of a connection, as its wire writes them and users read them.

use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::time::{Duration, Instant};

use crate::codes::FIRST_WINDOW;
use crate::stats::ConnectionStats;
use crate::streams::StreamCounts;

/// The numbers of a connection that its wire counts, beside those of its streams.
#[derive(Debug)]
pub(crate) struct WireCounts {
    /// The number of bytes that the byte stream has taken.
    pub(crate) bytes_sent: u64,
    /// The number of bytes that came from the byte stream.
    pub(crate) bytes_received: u64,
    pub(crate) frames_sent: usize,
    pub(crate) frames_received: usize,
    /// What the server lets be sent on all streams together, in bytes.
    pub(crate) send_window: i64,
    /// What this side lets the server send on all streams together, in bytes.
    pub(crate) receive_window: i64,
}

impl Default for WireCounts {
    fn default() -> Self {
        Self {
            bytes_sent: 0,
            bytes_received: 0,
            frames_sent: 0,
            frames_received: 0,
            send_window: FIRST_WINDOW.into(),
            receive_window: FIRST_WINDOW.into(),
        }
    }
}

/// The numbers of a connection that any thread can read.
///
/// Only the task that polls the connection writes them, so that a write is a plain store. On cache lines of
/// their own: calls read the other facts of the connection.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct SharedCounts {
    /// What `last_start` counts from.
    origin: Instant,
    started: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// When the last stream was started, in nanoseconds after `origin`; [`NEVER`] before the first.
    last_start: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    frames_sent: AtomicU64,
    frames_received: AtomicU64,
    send_window: AtomicU32,
    receive_window: AtomicU32,
    keepalives: AtomicU64,
}

const NEVER: u64 = u64::MAX;

impl SharedCounts {
    /// Returns the numbers of a connection that is made after `origin`.
    pub(crate) fn new(origin: Instant) -> Self {
        Self {
            origin,
            started: AtomicU64::new(0),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            last_start: AtomicU64::new(NEVER),
            bytes_sent: AtomicU64::new(0),
            bytes_received: AtomicU64::new(0),
            frames_sent: AtomicU64::new(0),
            frames_received: AtomicU64::new(0),
            send_window: AtomicU32::new(FIRST_WINDOW),
            receive_window: AtomicU32::new(FIRST_WINDOW),
            keepalives: AtomicU64::new(0),
        }
    }

    /// Publishes what the wire has counted.
    pub(crate) fn publish(&self, counts: &WireCounts, streams: StreamCounts) {
        self.started.store(streams.started, Relaxed);
        // After the starts, so that no more ends are seen than starts.
        self.succeeded.store(streams.succeeded, Release);
        self.failed.store(streams.failed, Release);
        self.bytes_sent.store(counts.bytes_sent, Relaxed);
        self.bytes_received.store(counts.bytes_received, Relaxed);
        self.frames_sent.store(counts.frames_sent as u64, Relaxed);
        let received = counts.frames_received as u64;
        self.frames_received.store(received, Relaxed);
        let window = |window: i64| u32::try_from(window.max(0)).unwrap_or(u32::MAX);
        self.send_window.store(window(counts.send_window), Relaxed);
        let receive = window(counts.receive_window);
        self.receive_window.store(receive, Relaxed);
    }

    /// Records when the last stream was started.
    pub(crate) fn set_last_start(&self, now: Instant) {
        let after = now.saturating_duration_since(self.origin).as_nanos();
        let after = u64::try_from(after).unwrap_or(NEVER);
        self.last_start.store(after, Relaxed);
    }

    /// Records how many PINGs the keepalive has sent.
    pub(crate) fn set_keepalives(&self, keepalives: u64) {
        self.keepalives.store(keepalives, Relaxed);
    }

    /// Fills in the numbers.
    pub(crate) fn show(&self, stats: &mut ConnectionStats) {
        stats.streams_succeeded = self.succeeded.load(Acquire);
        stats.streams_failed = self.failed.load(Acquire);
        stats.streams_started = self.started.load(Relaxed);
        let last_start = Some(self.last_start.load(Relaxed)).filter(|after| *after != NEVER);
        stats.last_stream_started =
            last_start.map(|after| self.origin + Duration::from_nanos(after));
        stats.bytes_sent = self.bytes_sent.load(Relaxed);
        stats.bytes_received = self.bytes_received.load(Relaxed);
        stats.frames_sent = self.frames_sent.load(Relaxed);
        stats.frames_received = self.frames_received.load(Relaxed);
        stats.send_window = self.send_window.load(Relaxed);
        stats.receive_window = self.receive_window.load(Relaxed);
        stats.keepalives_sent = self.keepalives.load(Relaxed);
    }
}
