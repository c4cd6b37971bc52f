//! What a hostile peer sends costs bounded memory, and harms its own connection at most.
//!
//! The table of all attacks and of what bounds them is in `docs/hostile-peers.md`. Source: [RFC 9113
//! section 10.5](https://www.rfc-editor.org/rfc/rfc9113#section-10.5), "Denial-of-Service
//! Considerations".

#![expect(unsafe_code, reason = "a counting allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use http::Request;
use trunkline_runtime::{Stream, TcpOptions};
use trunkline_sim::Sim;
use trunkline_transport::{
    CallError, Connection, HttpOptions, Incoming, IncomingFrame, Lost, LostReason, RequestBody,
    ResponseHead, handshake,
};

/// Counts the bytes that each thread has allocated and not freed. A simulation runs on one thread.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
}

/// Counts bytes that this thread allocates, or frees.
fn count(bytes: isize) {
    // A thread that ends has no counter any more.
    let _ = ALLOCATED.try_with(|allocated| allocated.set(allocated.get().wrapping_add(bytes)));
}

// SAFETY: each method passes its arguments to the system's allocator, which has the same contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// How much a peer sends in most attacks.
const FLOOD: usize = 2 * MIB;

/// The most memory that a flood may take where flow control does not apply: some buffers.
const BUFFERS: usize = 512 * KIB;

/// The most memory that an unread response may take: twice its window of 2 MiB, and some buffers.
const WINDOW: usize = 4 * MIB + BUFFERS;

// Frame types and flags. Source: RFC 9113 section 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const UNKNOWN: u8 = 0xfa;
const NO_FLAGS: u8 = 0;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// `:status: 200`, indexed. (RFC 7541 appendix A)
const STATUS_200: &[u8] = &[0x88];

/// `:status: 103`, as a literal.
const STATUS_103: &[u8] = b"\x08\x03103";

/// Error codes. (RFC 9113 section 7)
const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const FRAME_SIZE_ERROR: u32 = 6;
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a short payload");
    let mut frame = len.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn head(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, STATUS_200)
}

/// What the application does with the response of the one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// It waits for the head, and reads what comes.
    Reads,
    /// It takes the head, and reads no more.
    StopsAfterHead,
    /// It does not poll the response at all.
    Never,
}

/// An attack on the connection of one call, on stream 1.
struct Attack {
    /// What the peer sends when the request has come.
    first: Vec<u8>,
    /// What it sends after that, again and again, up to `amount` bytes.
    flood: Vec<u8>,
    /// Whether the peer reads while it sends.
    reads: bool,
    reader: Reader,
    /// How many bytes the peer sends, unless the connection ends before.
    amount: usize,
}

impl Attack {
    fn new(first: Vec<u8>, flood: Vec<u8>) -> Self {
        Self {
            first,
            flood,
            reads: true,
            reader: Reader::Reads,
            amount: FLOOD,
        }
    }

    fn with_amount(mut self, amount: usize) -> Self {
        self.amount = amount;
        self
    }

    fn with_reader(mut self, reader: Reader) -> Self {
        self.reader = reader;
        self
    }

    fn without_reading(mut self) -> Self {
        self.reads = false;
        self
    }
}

/// What came of an attack.
#[derive(Debug)]
struct Outcome {
    /// How many bytes more are allocated at the end of the flood.
    memory: usize,
    /// How many bytes the peer could send.
    sent: usize,
    /// Why the connection was lost, if it was.
    lost: Option<LostReason>,
}

async fn write(stream: &mut Box<dyn Stream>, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let write = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes));
        let Ok(n) = write.await else { return false };
        bytes = &bytes[n..];
    }
    true
}

/// Reads all that has come, without waiting. Returns false at the end of the stream.
async fn drain(stream: &mut Box<dyn Stream>) -> bool {
    let mut buffer = vec![0; 64 * KIB];
    poll_fn(|cx| {
        loop {
            match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(n)) if n > 0 => {}
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending => return Poll::Ready(true),
            }
        }
    })
    .await
}

async fn connect(
    sim: &Sim,
    address: SocketAddr,
    on_lost: impl FnOnce(Lost) + Send + 'static,
) -> Connection {
    let runtime = sim.runtime();
    let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
    let clock = Arc::clone(&runtime);
    let options = HttpOptions::default();
    let handshake = handshake(stream.expect("a stream"), &options, clock, on_lost);
    let (connection, driver) = handshake.await.expect("a connection");
    runtime.spawn(Box::pin(driver));
    connection
}

fn begin(connection: &Connection) -> Result<ResponseHead, CallError> {
    let head = Request::post("http://x/s/m").body(()).expect("a request");
    let body = RequestBody::<()>::whole(Bytes::from_static(b"\0\0\0\0\0"));
    connection.send(head, &body).map(|sent| sent.response)
}

async fn next(incoming: &mut Incoming) -> Option<Result<IncomingFrame, CallError>> {
    poll_fn(|cx| incoming.poll_frame(cx)).await
}

/// Runs an attack beside calls to a good backend on the same thread, which must all succeed.
fn run(attack: Attack) -> Outcome {
    let sim = Sim::new(1);
    let [bad, good] = [1, 2].map(|host| SocketAddr::from(([198, 51, 100, host], 1)));
    let _backend = sim.backend(good);
    let mut listener = sim.net().listen(bad).expect("a free address");
    let lost = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&lost);
    let runtime = sim.runtime();
    let (reader, reads) = (attack.reader, attack.reads);
    let (memory, sent) = sim.run(async {
        let on_lost = move |why: Lost| *seen.lock().expect("no panic") = Some(why);
        let connecting = connect(&sim, bad, on_lost);
        let accepting = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            assert!(write(&mut stream, &frame(SETTINGS, NO_FLAGS, 0, &[])).await);
            stream
        };
        let (connection, mut peer) = futures_util::future::join(connecting, accepting).await;
        let other = connect(&sim, good, |_| ()).await;
        let response = begin(&connection).expect("a call");
        let mut kept = None;
        match reader {
            Reader::Never => kept = Some(response),
            Reader::StopsAfterHead => runtime.spawn(Box::pin(async move {
                let _response = response.await;
                std::future::pending::<()>().await;
            })),
            Reader::Reads => runtime.spawn(Box::pin(async move {
                if let Ok(response) = response.await {
                    let mut incoming = response.into_body();
                    while let Some(Ok(_)) = next(&mut incoming).await {}
                }
            })),
        }
        sim.sleep(Duration::from_millis(10)).await;
        drain(&mut peer).await;
        let before = ALLOCATED.get();
        let mut sent = 0;
        // The acknowledgement lets the client's windows grow from 65,535 bytes to 2 MiB.
        let mut chunk = [frame(SETTINGS, ACK, 0, &[]), attack.first].concat();
        let repeat = (32 * KIB).div_ceil(attack.flood.len().max(1));
        let flood = attack.flood.repeat(repeat);
        while sent < attack.amount {
            // A peer whose bytes are not read any more waits for a while, then gives up.
            let mut timer = runtime.sleep_until(runtime.now() + Duration::from_secs(30));
            let (is_open, len) = {
                let mut writing = std::pin::pin!(write(&mut peer, &chunk));
                let is_open = poll_fn(|cx| {
                    if let Poll::Ready(is_open) = writing.as_mut().poll(cx) {
                        return Poll::Ready(is_open);
                    }
                    Pin::new(&mut timer).poll(cx).map(|()| false)
                });
                (is_open.await, chunk.len())
            };
            sent += len;
            let is_open = is_open && (!reads || drain(&mut peer).await);
            if !is_open || flood.is_empty() {
                break;
            }
            chunk.clone_from(&flood);
            // The good backend is called meanwhile.
            if sent / (256 * KIB) != (sent - len) / (256 * KIB) {
                begin(&other).expect("a call").await.expect("an answer");
            }
        }
        drop((chunk, flood));
        sim.sleep(Duration::from_secs(1)).await;
        let memory = usize::try_from(ALLOCATED.get() - before).unwrap_or(0);
        begin(&other).expect("a call").await.expect("an answer");
        drop(kept);
        (memory, sent)
    });
    let lost = lost.lock().expect("no panic").take();
    Outcome {
        memory,
        sent,
        lost: lost.map(|lost: Lost| lost.reason().clone()),
    }
}

/// Checks that the connection survives, and takes no more memory than `most`.
#[track_caller]
fn survives(attack: Attack, most: usize) {
    let outcome = run(attack);
    assert_eq!(outcome.lost, None, "{outcome:?}");
    assert!(outcome.memory < most, "{outcome:?}");
}

/// Checks that this side ends the connection soon, because the peer sends frames without end.
#[track_caller]
fn breaks(attack: Attack) {
    let outcome = run(attack);
    let reason = LostReason::Io(std::io::ErrorKind::InvalidData);
    assert_eq!(outcome.lost, Some(reason), "{outcome:?}");
    assert!(
        outcome.memory < BUFFERS && outcome.sent < 128 * KIB,
        "{outcome:?}"
    );
}

/// Checks that the connection ends for breaking HTTP/2 with this error code, after `most` bytes at most.
#[track_caller]
fn ends_with(attack: Attack, code: u32, most: usize) {
    let outcome = run(attack);
    let code = Some(code);
    assert_eq!(
        outcome.lost,
        Some(LostReason::Protocol { code }),
        "{outcome:?}"
    );
    assert!(
        outcome.memory < BUFFERS && outcome.sent <= most,
        "{outcome:?}"
    );
}

/// Frames that need an answer: PING and SETTINGS. (RFC 9113 section 10.5)
#[test]
fn frames_that_need_an_answer() {
    let ping = frame(PING, NO_FLAGS, 0, b"deadbeef");
    let settings = frame(SETTINGS, NO_FLAGS, 0, &[0, 4, 0, 0, 0xff, 0xff]);
    for flood in [ping, settings] {
        survives(Attack::new(Vec::new(), flood.clone()), BUFFERS);
        // A peer that does not read the answers is not read either.
        let outcome = run(Attack::new(Vec::new(), flood).without_reading());
        assert!(
            outcome.memory < BUFFERS && outcome.sent < MIB / 2,
            "{outcome:?}"
        );
    }
}

/// Frames without a meaning: unknown types, PRIORITY, and WINDOW_UPDATE of one byte.
#[test]
fn frames_without_a_meaning() {
    let one = [0, 0, 0, 1];
    for flood in [
        frame(UNKNOWN, NO_FLAGS, 0, &[]),
        frame(UNKNOWN, NO_FLAGS, 1, &[0; 100]),
        frame(PRIORITY, NO_FLAGS, 1, &[0; 5]),
        frame(WINDOW_UPDATE, NO_FLAGS, 0, &one),
        frame(WINDOW_UPDATE, NO_FLAGS, 1, &one),
    ] {
        survives(Attack::new(Vec::new(), flood), BUFFERS);
    }
}

/// WINDOW_UPDATE beyond the largest window, or of nothing. (RFC 9113 section 6.9)
#[test]
fn forbidden_window_updates() {
    let largest = [0x7f, 0xff, 0xff, 0xff];
    let over = frame(WINDOW_UPDATE, NO_FLAGS, 0, &largest);
    ends_with(Attack::new(Vec::new(), over), FLOW_CONTROL_ERROR, 128 * KIB);
    let nothing = frame(WINDOW_UPDATE, NO_FLAGS, 0, &[0; 4]);
    ends_with(Attack::new(Vec::new(), nothing), PROTOCOL_ERROR, 128 * KIB);
}

/// DATA frames that carry nothing, or next to nothing, on a response that nothing reads. (RFC 9113
/// section 10.5: "A large number of small or empty frames can be abused")
#[test]
fn empty_and_small_data() {
    let empty = frame(DATA, NO_FLAGS, 1, &[]);
    for reader in [Reader::Reads, Reader::StopsAfterHead] {
        let attack = Attack::new(head(1), empty.clone()).with_reader(reader);
        survives(attack, BUFFERS);
    }
    let one_byte = frame(DATA, NO_FLAGS, 1, &[7]);
    survives(Attack::new(head(1), one_byte.clone()), BUFFERS);
    // With padding of no byte, which takes one byte for its length.
    let padded = frame(DATA, PADDED, 1, &[0, 7]);
    for flood in [one_byte, padded] {
        let unread = Attack::new(head(1), flood).with_reader(Reader::StopsAfterHead);
        survives(unread.with_amount(8 * MIB), WINDOW);
    }
}

/// More data than the window allows.
#[test]
fn data_beyond_the_window() {
    let data = frame(DATA, NO_FLAGS, 1, &[7; 16_384]);
    let unread = Attack::new(head(1), data).with_reader(Reader::StopsAfterHead);
    let outcome = run(unread);
    assert!(outcome.memory < WINDOW, "{outcome:?}");
    assert_eq!(outcome.lost, None, "the stream alone ends: {outcome:?}");
}

/// Informational responses without end. (RFC 9110 section 15.2)
#[test]
fn endless_informational_responses() {
    let informational = frame(HEADERS, END_HEADERS, 1, STATUS_103);
    for reader in [Reader::Reads, Reader::Never] {
        let few = informational.repeat(100);
        survives(Attack::new(few, Vec::new()).with_reader(reader), BUFFERS);
        breaks(Attack::new(Vec::new(), informational.clone()).with_reader(reader));
    }
}

/// Header lists without end, in long, short and empty frames. (RFC 9113 section 10.5.1)
#[test]
fn endless_header_lists() {
    let first = frame(HEADERS, NO_FLAGS, 1, STATUS_200);
    // A field of 100 bytes, not indexed, with the name "x".
    let field = [&[0, 1, b'x', 100][..], &[b'v'; 100]].concat();
    for (more, most) in [
        (field.repeat(150), 4 * MIB),
        (field, 128 * KIB),
        (Vec::new(), 128 * KIB),
    ] {
        let flood = frame(CONTINUATION, NO_FLAGS, 1, &more);
        let attack = Attack::new(first.clone(), flood).with_amount(most);
        ends_with(attack, ENHANCE_YOUR_CALM, most);
    }
}

/// An HPACK bomb: one long field in the table, which single bytes repeat. (RFC 7541 section 7.3)
#[test]
fn an_hpack_bomb() {
    // A field of 4,000 bytes with the name "x", added to the table, in a list of its own.
    let length = 4000 - 127;
    let long = [0x7f, 0x80 | (length & 0x7f) as u8, (length >> 7) as u8];
    let mut block = [STATUS_200, &[0x40, 1, b'x'], &long].concat();
    block.extend([b'v'; 4000]);
    // The first entry of the table, 16,000 times: 64 MB.
    let bomb = [0xbe; 16_000];
    let first = [
        frame(HEADERS, END_HEADERS, 1, &block),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb),
    ];
    let outcome = run(Attack::new(first.concat(), Vec::new()));
    assert!(outcome.memory < BUFFERS, "{outcome:?}");
}

/// A table that is larger than this side allows. (RFC 7541 section 4.2)
#[test]
fn an_hpack_table_over_the_limit() {
    // The table's new size: 2^20.
    let block = [&[0x3f, 0xe1, 0xff, 0x3f][..], STATUS_200].concat();
    let first = frame(HEADERS, END_HEADERS, 1, &block);
    ends_with(Attack::new(first, Vec::new()), PROTOCOL_ERROR, KIB);
}

/// Trailers that do not end their stream end the call alone. Without end, they end the connection. (RFC
/// 9113 section 8.1)
#[test]
fn trailers_without_end() {
    let trailers = frame(HEADERS, END_HEADERS, 1, &[0, 1, b'x', 1, b'y']);
    let once = [head(1), trailers.clone()].concat();
    survives(Attack::new(once, Vec::new()), BUFFERS);
    breaks(Attack::new(head(1), trailers));
}

/// Resets without end, of a call that has ended and of calls that never were. (RFC 9113 section 5.1)
#[test]
fn resets_without_end() {
    let reset = |stream| frame(RST_STREAM, NO_FLAGS, stream, &8_u32.to_be_bytes());
    let outcome = run(Attack::new(Vec::new(), reset(1)));
    assert!(outcome.memory < BUFFERS, "{outcome:?}");
    ends_with(
        Attack::new(Vec::new(), reset(99)),
        PROTOCOL_ERROR,
        128 * KIB,
    );
    ends_with(Attack::new(Vec::new(), reset(2)), PROTOCOL_ERROR, 128 * KIB);
}

/// Responses and pushed streams that nothing asked for. (RFC 9113 section 8.4)
#[test]
fn streams_that_were_not_opened() {
    for stream in [2, 99] {
        ends_with(
            Attack::new(head(stream), Vec::new()),
            PROTOCOL_ERROR,
            128 * KIB,
        );
        let data = frame(DATA, NO_FLAGS, stream, &[7]);
        ends_with(Attack::new(Vec::new(), data), PROTOCOL_ERROR, 128 * KIB);
    }
    let promise = [&[0, 0, 0, 2][..], STATUS_200].concat();
    let push = frame(PUSH_PROMISE, END_HEADERS, 1, &promise);
    ends_with(Attack::new(Vec::new(), push), PROTOCOL_ERROR, 128 * KIB);
}

/// A frame that is longer than this side allows. (RFC 9113 section 4.2)
#[test]
fn a_frame_over_the_limit() {
    let mut long = frame(DATA, NO_FLAGS, 1, &[7; 100]);
    long[..3].copy_from_slice(&[0xff, 0xff, 0xff]);
    ends_with(Attack::new(head(1), long), FRAME_SIZE_ERROR, 128 * KIB);
}

/// GOAWAY without end: the connection takes no new calls, and the call that runs goes on.
#[test]
fn goaways_without_end() {
    let payload = [&[0, 0, 0, 1, 0, 0, 0, 0][..], &[b'x'; 1000]].concat();
    let outcome = run(Attack::new(
        Vec::new(),
        frame(GOAWAY, NO_FLAGS, 0, &payload),
    ));
    assert!(
        matches!(outcome.lost, Some(LostReason::GoAway(_))),
        "{outcome:?}"
    );
    assert!(outcome.memory < BUFFERS, "{outcome:?}");
}

/// A message of 4 GiB that is announced, and never comes: only what comes takes memory.
#[test]
fn an_announced_message_of_4_gib() {
    let prefix = frame(DATA, NO_FLAGS, 1, &[0, 0xff, 0xff, 0xff, 0xff]);
    let attack = Attack::new([head(1), prefix].concat(), Vec::new());
    survives(attack.with_reader(Reader::StopsAfterHead), BUFFERS);
}
