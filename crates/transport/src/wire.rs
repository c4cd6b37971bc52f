//! The buffers between h2 and the byte stream.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::Stream;

use crate::buffers::{ReadBuffer, release_write_buffer, take_write_buffer};
use crate::coalesce::Coalescer;
use crate::codes::{FRAME_TYPE_AT, SETTINGS_FRAME};
use crate::counts::WireCounts;
use crate::frames::{FrameWatch, SMALL_DATA, Seen};
use crate::probes::Received;
use crate::settings::announce_header_list;
use crate::stall::SendRoom;
use crate::state::ConnectionState;
use crate::streams::OpenStreams;
use crate::unfinished::UnfinishedRequests;

/// How much one poll of a connection reads, in bytes; each frame counts as [`FRAME_COST`] bytes more.
/// After that the task yields. A peer that sends faster than its frames are handled, be it PINGs or
/// data, would otherwise keep the thread from all other tasks.
///
/// It is far more than most polls find to read. A poll that uses it up takes about a millisecond.
const POLL_BUDGET: usize = 256 * 1024;

/// What a frame costs beside its bytes: to handle the smallest frame takes about as long as to copy
/// this number of bytes.
const FRAME_COST: usize = 256;

/// What a SETTINGS frame costs for each open stream: h2 changes the window of each.
const SETTINGS_COST: usize = 4;

/// How many bytes h2 gets at a time where each of them may cost much. At most four SETTINGS frames fit
/// into it that are not empty.
const COSTLY_PIECE: usize = 64;
const SETTINGS_IN_PIECE: usize = 4;

/// How many HEADERS frames that do not end their stream may come, beyond two for each call: its head,
/// and an informational response before that. h2 keeps them until the application asks for the
/// response, and flow control does not count them.
const EXTRA_HEADS: u64 = 100;

/// How many small DATA frames a read must have so that they are joined. Fewer cost little.
const MANY_SMALL: usize = 16;

/// The longest part of a frame that is kept until the rest comes, in bytes. It is longer than a small
/// frame.
const MOST_HELD: usize = 1024;

/// How many bytes of small writes are gathered before they are written without a flush.
const WRITE_BUFFER: usize = 64 * 1024;

/// The byte stream under h2, with buffers: it gathers small writes until the flush, and reads into
/// one buffer that is initialised once. It also watches the frames that go by.
pub(crate) struct Wire {
    /// `None` once the stream was aborted.
    stream: Option<Box<dyn Stream>>,
    state: Arc<ConnectionState>,
    incoming: FrameWatch,
    outgoing: FrameWatch,
    /// The limit of header lists that the first SETTINGS frame announces; `None` once it was written.
    ///
    /// h2 has a higher limit, because it cuts off trailers at its limit without an error. The wire
    /// replaces h2's limit by this one in the frame.
    announced: Option<u32>,
    /// True until the first bytes come.
    expects_first: bool,
    /// Has memory only while there is something in it, as `write` has.
    read: ReadBuffer,
    /// Joins small DATA frames.
    coalescer: Coalescer,
    /// The start of a frame, which h2 gets with the rest of it.
    held: Vec<u8>,
    /// The part of `read` that h2 has not taken yet.
    unread: std::ops::Range<usize>,
    /// What each [`COSTLY_PIECE`] of `unread` costs beside its bytes; 0 where it is handed over at once.
    piece_cost: usize,
    /// What is left of [`POLL_BUDGET`] for this poll of the connection.
    budget: usize,
    write: Vec<u8>,
    /// How many bytes of `write` the stream has taken.
    written: usize,
    /// The highest stream whose HEADERS are in `write` or were written.
    last_headers: u32,
    /// The number of HEADERS frames that came and did not end their stream.
    heads: u64,
    /// The requests of which a part is in `write` or was written, and not all.
    unfinished: UnfinishedRequests,
    /// True while the stream takes no more of `write`.
    is_stuck: bool,
    streams: OpenStreams,
    counts: WireCounts,
    /// Counts what the peer does so that more can be sent: the bytes that the byte stream takes, and
    /// WINDOW_UPDATEs.
    progress: u64,
    /// The number of bytes that came in DATA frames.
    received_data: u64,
    /// The number of small DATA frames that came for calls that had ended.
    late_frames: usize,
    /// True when flushes are left to [`poll_drain`](Self::poll_drain).
    gathers: bool,
    /// The error of a gathered write, until h2 gets it.
    failure: Option<io::Error>,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>, state: Arc<ConnectionState>) -> Self {
        Self {
            stream: Some(stream),
            incoming: FrameWatch::of_server(state.header_limit),
            announced: Some(state.header_limit),
            outgoing: FrameWatch::of_client(),
            state,
            expects_first: true,
            read: ReadBuffer::default(),
            coalescer: Coalescer::default(),
            held: Vec::new(),
            unread: 0..0,
            piece_cost: 0,
            budget: POLL_BUDGET,
            write: Vec::new(),
            written: 0,
            last_headers: 0,
            heads: 0,
            unfinished: UnfinishedRequests::default(),
            is_stuck: false,
            streams: OpenStreams::default(),
            counts: WireCounts::default(),
            progress: 0,
            received_data: 0,
            late_frames: 0,
            gathers: false,
            failure: None,
        }
    }

    /// Ignores h2's flushes from now on: the driver calls [`poll_drain`](Self::poll_drain) after each
    /// poll of the connection.
    ///
    /// h2 flushes after each DATA frame that is not small, which would cost a system call for each
    /// message. This way, all that one poll of the connection writes is written together.
    pub(crate) fn gather(&mut self) {
        self.gathers = true;
        self.publish();
    }

    /// Allows the next poll of the connection to read again. Needed only before the wire gathers:
    /// later, [`poll_drain`](Self::poll_drain) does it.
    pub(crate) fn refill_budget(&mut self) {
        self.budget = POLL_BUDGET;
    }

    /// Ends a poll of the connection: writes to the stream what was gathered.
    ///
    /// h2 gets an error of the stream with its next read or write.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteFailed>> {
        self.refill_budget();
        let drained = self.poll_hand_over(cx);
        self.state.admission.close(self.streams.take_closed());
        self.publish();
        drained.map_err(|error| {
            self.failure = Some(error);
            WriteFailed
        })
    }

    /// Publishes the numbers of the connection.
    fn publish(&mut self) {
        self.counts.frames_sent += self.outgoing.take_counts().all;
        let streams = self.streams.counts();
        self.state.counts.publish(&self.counts, streams);
    }

    /// Returns the number of streams that were started so far.
    pub(crate) fn streams_started(&self) -> u64 {
        self.streams.counts().started
    }

    /// Returns what the peer lets be sent. `is_blocked` is true when bytes wait for the peer to read.
    pub(crate) fn send_room(&self, is_blocked: bool) -> SendRoom {
        SendRoom {
            is_blocked,
            is_window_closed: self.counts.send_window <= 0,
            progress: self.progress,
        }
    }

    /// Returns how many small DATA frames came for calls that had ended, such as by a cancellation.
    pub(crate) fn late_frames(&self) -> usize {
        self.late_frames
    }

    /// Returns the numbers of bytes that came from the peer so far.
    pub(crate) fn received(&self) -> Received {
        Received {
            all: self.counts.bytes_received,
            data: self.received_data,
        }
    }

    /// Closes the byte stream at once, and frees the bytes that it has not taken. h2 gets an error of
    /// this kind with its next read or write.
    pub(crate) fn abort(&mut self, kind: io::ErrorKind) {
        self.write = Vec::new();
        self.written = 0;
        if let Some(stream) = self.stream.take() {
            stream.abort();
        }
        self.failure = Some(kind.into());
    }

    /// Returns the error of a gathered write, once.
    fn check(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Returns the next bytes for h2, at most `most`, which are handed over with that; none at the end of
    /// the stream.
    pub(crate) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<&[u8]>> {
        self.check()?;
        while self.unread.is_empty() {
            if self.budget == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if ready!(self.poll_fill(cx))? == 0 {
                break;
            }
        }
        let mut n = most.min(self.unread.len());
        if self.piece_cost > 0 && n > 0 {
            if self.budget == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            n = n.min(COSTLY_PIECE);
            self.budget = self.budget.saturating_sub(self.piece_cost);
        }
        let start = self.unread.start;
        self.unread.start += n;
        Poll::Ready(Ok(&self.read.bytes()[start..start + n]))
    }

    /// Reads from the byte stream for h2. Returns how many bytes came; none at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let held = self.held.len();
        let stream = open(&mut self.stream)?;
        let poll = stream.poll_read(cx, &mut self.read.get()[held..]);
        if !matches!(poll, Poll::Ready(Ok(_))) {
            self.read.release();
            self.unread = 0..0;
        }
        let n = ready!(poll)?;
        self.counts.bytes_received += n as u64;
        let read = self.read.get();
        read[..held].copy_from_slice(&self.held);
        let (start, end) = (held, held + n);
        // The held part begins with a frame. Else that is where the watched frame ends.
        let frame = if held > 0 {
            Some(0)
        } else {
            self.incoming.next_frame(&read[start..end])
        };
        self.held.clear();
        self.watch_incoming(start..end)?;
        // Before h2 wakes their callers: the next call of a caller would find its last one counted.
        self.state.admission.close(self.streams.take_closed());
        let counts = self.incoming.take_counts();
        self.counts.frames_received += counts.all;
        let cost = n + counts.all * FRAME_COST;
        self.budget = self.budget.saturating_sub(cost);
        self.piece_cost = if counts.settings > 1 {
            let settings = counts.settings.min(SETTINGS_IN_PIECE);
            settings * self.state.admission.open() * SETTINGS_COST
        } else {
            0
        };
        self.unread = 0..end;
        // Most responses have one small message and two HEADERS frames: there is nothing to join.
        let is_worth = counts.small_data >= MANY_SMALL && counts.small_data > 2 * counts.headers;
        let is_worth = is_worth || counts.empty_data > 0;
        if is_worth && let Some(frame) = frame.filter(|frame| *frame < end) {
            let (joined, left) = self.coalescer.join(&mut self.read.get()[frame..end]);
            let tail = end - left..end;
            if left <= MOST_HELD {
                self.held.extend_from_slice(&self.read.bytes()[tail]);
                self.unread = 0..frame + joined;
            } else {
                self.read.get().copy_within(tail, frame + joined);
                self.unread = 0..frame + joined + left;
            }
        } else {
            // The frame that begins there may be an empty one.
            let whole = end - self.incoming.partial_header().min(end);
            self.held.extend_from_slice(&self.read.bytes()[whole..end]);
            self.unread = 0..whole;
        }
        Poll::Ready(Ok(n))
    }

    /// Watches a part of `read`; fails when the peer does not speak HTTP/2, or begins
    /// with another frame than SETTINGS.
    fn watch_incoming(&mut self, part: std::ops::Range<usize>) -> io::Result<()> {
        let bytes = &self.read.bytes()[part];
        let (state, streams) = (&self.state, &mut self.streams);
        let (counts, progress) = (&mut self.counts, &mut self.progress);
        let mut is_http2 = true;
        let mut wrong_first = None;
        let (unfinished, heads) = (&mut self.unfinished, &mut self.heads);
        let (received_data, late_frames) = (&mut self.received_data, &mut self.late_frames);
        self.incoming.feed(bytes, |seen| match seen {
            Seen::Settings(settings) => state.set_settings(settings),
            Seen::GoAway(go_away) => {
                streams.exclude_after(go_away.last_stream);
                state.set_go_away(go_away);
            }
            Seen::NotHttp2 => is_http2 = false,
            Seen::WrongFirstFrame(first) => wrong_first = Some(first),
            Seen::Headers { stream, is_end } => {
                state.set_answered(stream);
                if is_end {
                    streams.end_server(stream);
                } else {
                    *heads += 1;
                }
            }
            Seen::Data {
                stream,
                len,
                is_end,
            } => {
                *received_data += len as u64;
                counts.receive_window -= len as i64;
                if len < SMALL_DATA && !is_end && !streams.is_open(stream) {
                    *late_frames += 1;
                }
                if is_end {
                    streams.end_server(stream);
                }
            }
            Seen::Reset(stream) => {
                unfinished.end(stream);
                streams.reset(stream);
            }
            Seen::WindowUpdate(increment) => {
                counts.send_window += i64::from(increment);
                *progress += 1;
            }
            Seen::LongHeaders { stream } => state.set_long_headers(stream),
        });
        let calls = u64::from(self.last_headers / 2);
        if self.heads > 2 * calls + EXTRA_HEADS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer sends informational responses (1xx) without end",
            ));
        }
        // This finds a foreign peer also when it sends less than a frame header.
        let is_first = std::mem::take(&mut self.expects_first);
        if !is_http2 || is_first && is_foreign(bytes) {
            state.set_foreign(bytes);
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer speaks no HTTP/2",
            ));
        }
        if let Some(first) = wrong_first {
            state.set_wrong_first_frame(first);
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer's first frame is not SETTINGS",
            ));
        }
        Ok(())
    }

    /// Writes to the stream what is in `write`, and records for the calls how far that got.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = self.poll_write_all(cx);
        self.unfinished.show(&self.state.unfinished);
        if self.is_stuck != poll.is_pending() {
            self.is_stuck = poll.is_pending();
            self.state.set_stuck(self.is_stuck);
        }
        poll
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.write.len() {
            let stream = open(&mut self.stream)?;
            let n = ready!(stream.poll_write(cx, &self.write[self.written..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += n;
            self.counts.bytes_sent += n as u64;
            self.progress += n as u64;
            self.state.set_last_sent(self.last_headers);
        }
        release_write_buffer(&mut self.write);
        self.written = 0;
        // A stream with a buffer of its own, such as that of TLS, has not sent all of it yet.
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// A gathered write failed; h2 gets the error with its next read or write.
#[derive(Debug)]
pub(crate) struct WriteFailed;

/// Returns the stream, unless it was aborted.
fn open(stream: &mut Option<Box<dyn Stream>>) -> io::Result<Pin<&mut Box<dyn Stream>>> {
    let stream = stream.as_mut().map(Pin::new);
    stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
}

/// Returns whether the first bytes of a peer cannot begin a SETTINGS frame.
///
/// A frame begins with the high byte of its length, which is 0 for the lengths up to 16,384 that a
/// peer may send without being allowed more.
///
/// Source: [RFC 9113 section 4.2](https://www.rfc-editor.org/rfc/rfc9113#section-4.2).
fn is_foreign(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first != 0)
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.check()?;
        if this.write.len() + bytes.len() > WRITE_BUFFER && !this.write.is_empty() {
            ready!(this.poll_hand_over(cx))?;
        }
        let n = bytes.len().min(WRITE_BUFFER);
        let (streams, counts) = (&mut this.streams, &mut this.counts);
        let (last_headers, unfinished) = (&mut this.last_headers, &mut this.unfinished);
        this.outgoing.feed(&bytes[..n], |seen| match seen {
            Seen::Headers { stream, is_end } => {
                // Later HEADERS of a stream are trailers.
                if stream > *last_headers {
                    *last_headers = stream;
                    streams.open(stream);
                    if !is_end {
                        unfinished.begin(stream);
                    }
                } else if is_end {
                    unfinished.end(stream);
                }
                if is_end {
                    streams.end_client(stream);
                }
            }
            Seen::Data {
                stream,
                len,
                is_end,
            } => {
                counts.send_window -= len as i64;
                if is_end {
                    unfinished.end(stream);
                    streams.end_client(stream);
                }
            }
            Seen::Reset(stream) => {
                unfinished.end(stream);
                streams.reset(stream);
            }
            Seen::WindowUpdate(increment) => counts.receive_window += i64::from(increment),
            _ => {}
        });
        take_write_buffer(&mut this.write);
        let start = this.write.len();
        this.write.extend_from_slice(&bytes[..n]);
        // The preface is a write of its own; the next one begins with SETTINGS.
        let begins_with_settings = || bytes.get(FRAME_TYPE_AT) == Some(&SETTINGS_FRAME);
        if let Some(limit) = this.announced.take_if(|_| begins_with_settings()) {
            announce_header_list(&mut this.write[start..], limit);
        }
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        if self.gathers {
            return Poll::Ready(Ok(()));
        }
        self.poll_hand_over(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        ready!(self.poll_hand_over(cx))?;
        open(&mut self.stream)?.poll_close(cx)
    }
}

impl Drop for Wire {
    /// Publishes the numbers for the last time: the streams that are open end with the connection.
    fn drop(&mut self) {
        self.streams.exclude_after(0);
        self.publish();
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
