//! The buffers between h2 and the byte stream.

// What goes in each direction.
mod reading;
mod writing;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use trunkline_runtime::Stream;

use crate::buffers::ReadBuffer;
use crate::coalesce::Coalescer;
use crate::counts::WireCounts;
use crate::frames::FrameWatch;
use crate::probes::Received;
use crate::stall::SendRoom;
use crate::state::ConnectionState;
use crate::streams::OpenStreams;
use crate::unfinished::UnfinishedRequests;

/// How much one poll of a connection reads, in bytes; each frame counts as `FRAME_COST` bytes more.
/// After that the task yields. A peer that sends faster than its frames are handled, be it PINGs or
/// data, would otherwise keep the thread from all other tasks.
///
/// It is far more than most polls find to read. A poll that uses it up takes about a millisecond.
const POLL_BUDGET: usize = 256 * 1024;

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
    /// What each costly piece of `unread` costs beside its bytes; 0 where it is handed over at once.
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
    /// The error of a gathered write, until h2 gets it.
    failure: Option<io::Error>,
}

/// What a wire knows after a poll of its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireFacts {
    /// What the peer lets be sent.
    pub(crate) room: SendRoom,
    /// The numbers of bytes that came from the peer so far.
    pub(crate) received: Received,
    /// The number of streams that were started so far.
    pub(crate) started: u64,
    /// The number of small DATA frames that came for calls that had ended, such as by a cancellation.
    pub(crate) late_frames: usize,
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
            failure: None,
        }
    }

    /// Allows the next poll of the connection to read again. Needed only while h2's flushes are obeyed:
    /// later, [`drain`](Self::drain) does it.
    pub(crate) fn refill_budget(&mut self) {
        self.budget = POLL_BUDGET;
    }

    /// Publishes the numbers of the connection.
    pub(crate) fn publish(&mut self) {
        self.counts.frames_sent += self.outgoing.take_counts().all;
        let streams = self.streams.counts();
        self.state.counts.publish(&self.counts, streams);
    }

    /// Returns what the polls of the connection need to know. `is_blocked` is true when bytes wait for the
    /// peer to read.
    pub(crate) fn facts(&self, is_blocked: bool) -> WireFacts {
        WireFacts {
            room: SendRoom {
                is_blocked,
                is_window_closed: self.counts.send_window <= 0,
                progress: self.progress,
            },
            received: Received {
                all: self.counts.bytes_received,
                data: self.received_data,
            },
            started: self.streams.counts().started,
            late_frames: self.late_frames,
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
}

/// Returns the stream, unless it was aborted.
fn open(stream: &mut Option<Box<dyn Stream>>) -> io::Result<Pin<&mut Box<dyn Stream>>> {
    let stream = stream.as_mut().map(Pin::new);
    stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
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
