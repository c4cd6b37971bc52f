//! The facts of one connection that its wire, its driver and its calls share.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Waker;
use std::time::Instant;

use trunkline_runtime::{Lock, PeerAddr, Stream};
use trunkline_status::Status;

use crate::admission::Admission;
use crate::codes::WrongFirstFrame;
use crate::counts::SharedCounts;
use crate::driver_task::DriverTask;
use crate::go_away::GoAway;
use crate::keepalive::Silence;
use crate::line::CallLine;
use crate::lone_calls::LoneCalls;
use crate::settings::ServerSettings;
use crate::stats::ConnectionStats;
use crate::unfinished::ShownRequests;
use crate::waiting::WaitingStep;

/// How many of the first bytes of a peer that does not speak HTTP/2 are kept.
const FOREIGN_KEPT: usize = 64;

/// The maximum number of streams that are recorded because a header list over the limit came on
/// them. A stream is forgotten only when as many others follow before its response is read.
const LONG_HEADERS_KEPT: usize = 256;

/// The facts of one connection that its wire, its driver and its calls share.
///
/// The wire writes them, as the frames go by; the others read them.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    pub(crate) peer: PeerAddr,
    /// The address of this side, if the byte stream knows it.
    local: Option<PeerAddr>,
    /// The numbers of the connection.
    pub(crate) counts: SharedCounts,
    /// The calls that are on the connection, and those that wait for room.
    pub(crate) admission: Admission,
    /// Serves a call that is alone on the connection.
    pub(crate) lone_calls: LoneCalls,
    /// The connection takes no new calls once this stream was used.
    last_stream: u32,
    /// The longest header list that is taken from the server, in bytes as HTTP/2 counts them.
    pub(crate) header_limit: u32,
    /// The streams on which more than that came in one header list, still encoded; only some are
    /// kept.
    long_headers: Lock<VecDeque<u32>>,
    /// False until there is one in `long_headers`.
    has_long_headers: AtomicBool,
    /// Whether the server's SETTINGS came.
    settings_seen: AtomicBool,
    /// The server's `SETTINGS_MAX_HEADER_LIST_SIZE`; without one, the largest value.
    max_header_list: AtomicU32,
    /// The lowest stream of ours on which HEADERS came.
    first_answered: AtomicU32,
    /// Whether the byte stream takes no more bytes for now.
    is_stuck: AtomicBool,
    /// The requests of which only a part was written.
    pub(crate) unfinished: ShownRequests,
    /// The highest stream of which a part of the HEADERS was written to the byte stream.
    last_sent: AtomicU32,
    /// The first GOAWAY that came.
    go_away: OnceLock<GoAway>,
    /// The last stream that the server may process; lowered by later GOAWAYs.
    last_processed: AtomicU32,
    /// The first bytes of a peer that does not speak HTTP/2.
    foreign: OnceLock<Vec<u8>>,
    /// The server's first frame, when that is not SETTINGS.
    wrong_first_frame: OnceLock<WrongFirstFrame>,
    /// Wakes the driver.
    pub(crate) driver: DriverTask,
    /// The status of the calls, once this side ends the connection with them.
    cut_off: OnceLock<Status>,
    /// The silence for which the keepalive gave the connection up.
    silence: OnceLock<Silence>,
}

impl ConnectionState {
    /// Returns the facts of a connection over `stream` that is made now.
    pub(crate) fn new(
        stream: &dyn Stream,
        line: CallLine,
        last_stream: u32,
        header_limit: u32,
        now: Instant,
    ) -> Self {
        Self {
            peer: stream.peer_addr(),
            local: stream.local_addr(),
            counts: SharedCounts::new(now),
            admission: Admission::new(line),
            lone_calls: LoneCalls::default(),
            last_stream,
            header_limit,
            long_headers: Lock::default(),
            has_long_headers: AtomicBool::new(false),
            settings_seen: AtomicBool::new(false),
            max_header_list: AtomicU32::new(u32::MAX),
            first_answered: AtomicU32::new(u32::MAX),
            is_stuck: AtomicBool::new(false),
            unfinished: ShownRequests::default(),
            last_sent: AtomicU32::new(0),
            go_away: OnceLock::new(),
            last_processed: AtomicU32::new(u32::MAX),
            foreign: OnceLock::new(),
            wrong_first_frame: OnceLock::new(),
            driver: DriverTask::default(),
            cut_off: OnceLock::new(),
            silence: OnceLock::new(),
        }
    }

    /// Returns the numbers of the connection.
    pub(crate) fn stats(&self) -> ConnectionStats {
        let mut stats = ConnectionStats::new(self.peer.clone());
        stats.local_addr.clone_from(&self.local);
        stats.max_concurrent_streams = self.admission.server_limit();
        stats.go_away = self.go_away().map(GoAway::code);
        self.counts.show(&mut stats);
        stats
    }

    pub(crate) fn set_settings(&self, settings: ServerSettings) {
        if let Some(max) = settings.max_header_list {
            self.max_header_list.store(max, Ordering::Relaxed);
        }
        if let Some(max) = settings.max_streams {
            self.admission.set_server_limit(max as usize);
        }
        self.settings_seen.store(true, Ordering::Relaxed);
    }

    /// Returns the waker with which h2 wakes a call that is `task`.
    pub(crate) fn waker_for_h2<'a>(&'a self, task: &'a Waker, is_alone: bool) -> &'a Waker {
        if is_alone {
            self.lone_calls.waker(task)
        } else {
            task
        }
    }

    /// Returns whether the byte stream takes no more bytes for now.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    pub(crate) fn set_stuck(&self, is_stuck: bool) {
        self.is_stuck.store(is_stuck, Ordering::Relaxed);
    }

    /// Returns what the request on this stream waits for, as far as the connection knows.
    pub(crate) fn waiting_step(&self, stream: u32) -> WaitingStep {
        let is_stuck = self.is_stuck();
        if !self.is_sent(stream) {
            WaitingStep::Writing
        } else if !self.unfinished.contains(stream) {
            WaitingStep::Response
        } else if is_stuck {
            WaitingStep::Writing
        } else {
            WaitingStep::FlowControl
        }
    }

    /// Returns the longest header list that the server takes, in bytes as HTTP/2 counts them.
    pub(crate) fn max_header_list(&self) -> u32 {
        self.max_header_list.load(Ordering::Relaxed)
    }

    pub(crate) fn settings_seen(&self) -> bool {
        self.settings_seen.load(Ordering::Relaxed)
    }

    /// Records HEADERS of the server on a stream. Only those count that can answer a call of ours:
    /// a client's streams have odd numbers, and its HEADERS come first.
    pub(crate) fn set_answered(&self, stream: u32) {
        let is_ours = stream % 2 == 1 && stream <= self.last_sent.load(Ordering::Relaxed);
        // Most of the time a lower one is known, and a load, unlike a store, does not take the cache
        // line away from other threads.
        if is_ours && stream < self.first_answered.load(Ordering::Relaxed) {
            self.first_answered.store(stream, Ordering::Relaxed);
        }
    }

    /// Returns whether the server began the response of any call that it has taken.
    pub(crate) fn is_answered(&self) -> bool {
        let last = self.last_processed.load(Ordering::Relaxed);
        let first = self.first_answered.load(Ordering::Relaxed);
        first != u32::MAX && first <= last
    }

    /// Returns whether the server took a call: it began a response, or sent an orderly GOAWAY that
    /// includes a call that was sent.
    pub(crate) fn is_used(&self) -> bool {
        let is_sent = || self.last_sent.load(Ordering::Relaxed) > 0;
        self.is_answered() || is_sent() && self.go_away().is_some_and(GoAway::is_orderly)
    }

    /// Returns whether so many stream numbers are used that no new call may begin.
    pub(crate) fn streams_used_up(&self) -> bool {
        self.last_sent.load(Ordering::Relaxed) >= self.last_stream
    }

    pub(crate) fn set_last_sent(&self, stream: u32) {
        self.last_sent.store(stream, Ordering::Relaxed);
    }

    pub(crate) fn set_long_headers(&self, stream: u32) {
        self.has_long_headers.store(true, Ordering::Relaxed);
        let mut streams = self.long_headers.lock();
        if streams.len() == LONG_HEADERS_KEPT {
            streams.pop_front();
        }
        streams.push_back(stream);
    }

    /// Returns whether any header list over the limit came.
    pub(crate) fn has_long_headers(&self) -> bool {
        self.has_long_headers.load(Ordering::Relaxed)
    }

    /// Returns whether a header list over the limit came on this stream.
    pub(crate) fn has_long_headers_on(&self, stream: u32) -> bool {
        self.has_long_headers() && self.long_headers.lock().contains(&stream)
    }

    pub(crate) fn set_go_away(&self, go_away: GoAway) {
        self.last_processed
            .fetch_min(go_away.last_stream, Ordering::Relaxed);
        // A graceful server sends two; the first one gives the reason.
        let _ = self.go_away.set(go_away);
    }

    pub(crate) fn go_away(&self) -> Option<&GoAway> {
        self.go_away.get()
    }

    pub(crate) fn set_foreign(&self, bytes: &[u8]) {
        let kept = &bytes[..bytes.len().min(FOREIGN_KEPT)];
        let _ = self.foreign.set(kept.to_vec());
    }

    pub(crate) fn set_wrong_first_frame(&self, first: WrongFirstFrame) {
        let _ = self.wrong_first_frame.set(first);
    }

    /// Returns the server's first frame, when that is neither SETTINGS nor GOAWAY.
    pub(crate) fn wrong_first_frame(&self) -> Option<WrongFirstFrame> {
        self.wrong_first_frame.get().copied()
    }

    /// Handles that a call has joined the line for this connection, or gone back to its place there. Call
    /// it only then: a driver that runs in the task of the call would have it polled again and again.
    ///
    /// It wakes the driver, which tests a connection that had no calls. HTTP/2 does not know of the call.
    /// While calls are open, the driver knows that there are some.
    pub(crate) fn handle_call_in_line(&self) {
        if self.admission.open() == 0 {
            self.driver.wake();
        }
    }

    /// Ends the connection. Its calls end with `status`.
    pub(crate) fn cut_off(&self, status: Status) {
        let _ = self.cut_off.set(status);
        self.driver.wake();
    }

    /// Returns the status of the calls, if this side ends the connection with them.
    pub(crate) fn cut_off_status(&self) -> Option<&Status> {
        self.cut_off.get()
    }

    /// Records that the keepalive gives the connection up.
    pub(crate) fn set_silence(&self, silence: Silence) {
        let _ = self.silence.set(silence);
    }

    /// Returns the silence for which the keepalive gave the connection up, if it did.
    pub(crate) fn silence(&self) -> Option<Silence> {
        self.silence.get().copied()
    }

    /// Returns the first bytes of a peer that does not speak HTTP/2.
    pub(crate) fn foreign(&self) -> Option<&[u8]> {
        self.foreign.get().map(Vec::as_slice)
    }

    /// Returns whether a part of a stream's HEADERS was written to the byte stream.
    pub(crate) fn is_sent(&self, stream: u32) -> bool {
        stream <= self.last_sent.load(Ordering::Relaxed)
    }

    /// Returns whether a GOAWAY excludes a stream: the server has not acted on it, and will not.
    pub(crate) fn is_excluded(&self, stream: u32) -> bool {
        stream > self.last_processed.load(Ordering::Relaxed)
    }
}
