//! A peer that sends without end does not keep the thread from other tasks.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use http::Request;
use trunkline_runtime::{PeerAddr, Stream};
use trunkline_sim::Sim;
use trunkline_transport::{HttpOptions, RequestBody, handshake};

/// The maximum number of bytes that a task may read before it yields.
const MOST: usize = 1024 * 1024;

/// An empty SETTINGS frame. (RFC 9113 section 6.5)
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A stream whose peer sends SETTINGS, then one frame again and again, as fast as it is read.
#[derive(Debug)]
struct Flood {
    frame: Vec<u8>,
    /// What comes next: the rest of SETTINGS or of a frame.
    next: Vec<u8>,
    facts: Arc<Facts>,
}

#[derive(Debug)]
struct Facts {
    /// True once the peer sends more than SETTINGS.
    is_flooding: AtomicBool,
    /// The number of bytes that were read since the test has set it to 0.
    read: AtomicUsize,
    /// The number of bytes that were written since the test has set it to 0.
    written: AtomicUsize,
}

impl Stream for Flood {
    fn peer_addr(&self) -> PeerAddr {
        PeerAddr::Ip(SocketAddr::from(([198, 51, 100, 1], 1)))
    }

    fn abort(self: Box<Self>) {}
}

impl AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.next.is_empty() && !this.facts.is_flooding.load(Relaxed) {
            return Poll::Pending;
        }
        let mut len = 0;
        for byte in &mut *buffer {
            if this.next.is_empty() {
                if !this.facts.is_flooding.load(Relaxed) {
                    break;
                }
                this.next.clone_from(&this.frame);
            }
            *byte = this.next.remove(0);
            len += 1;
        }
        let before = this.facts.read.fetch_add(len, Relaxed);
        assert!(before < MOST, "more than {MOST} bytes in one poll");
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.facts.written.fetch_add(bytes.len(), Relaxed);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Counts its wakes.
#[derive(Debug, Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Checks that the handshake and the driver yield after a bounded number of bytes, and ask to be
/// polled again. The flood begins with the connection, or after the first call was sent.
fn check(frame: &[u8], is_at_once: bool) {
    check_with(1, frame, is_at_once, usize::MAX);
}

/// As [`check`], with this number of calls. In one poll, at most this number of bytes is written in
/// answer to the flood.
fn check_with(calls: usize, frame: &[u8], is_at_once: bool, most_written: usize) {
    let sim = Sim::new(1);
    let facts = Arc::new(Facts {
        is_flooding: AtomicBool::new(is_at_once),
        read: AtomicUsize::new(0),
        written: AtomicUsize::new(0),
    });
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    let stream = Box::new(Flood {
        frame: frame.to_vec(),
        next: SETTINGS.to_vec(),
        facts: Arc::clone(&facts),
    });
    let options = HttpOptions::default();
    let mut handshake = pin!(handshake(stream, &options, sim.runtime(), |_| ()));
    let Poll::Ready(Ok((connection, driver))) = handshake.as_mut().poll(&mut cx) else {
        panic!("no connection, although SETTINGS have come");
    };
    let begin = |_| {
        let head = Request::post("http://x/s/m").body(()).expect("a request");
        let body = RequestBody::<http_body_util::Empty<Bytes>>::whole(Bytes::from_static(b"x"));
        connection.send(head, &body).expect("a stream")
    };
    let _sent: Vec<_> = (0..calls).map(begin).collect();
    let mut driver = pin!(driver);
    facts.read.store(0, Relaxed);
    assert!(driver.as_mut().poll(&mut cx).is_pending());
    facts.is_flooding.store(true, Relaxed);
    for poll in 0..10 {
        facts.read.store(0, Relaxed);
        facts.written.store(0, Relaxed);
        let before = wakes.0.load(Relaxed);
        assert!(driver.as_mut().poll(&mut cx).is_pending(), "poll {poll}");
        assert!(wakes.0.load(Relaxed) > before, "poll {poll}");
        let written = facts.written.load(Relaxed);
        assert!(written <= most_written, "poll {poll}: {written} bytes");
    }
    let goes_on = facts.read.load(Relaxed) + facts.written.load(Relaxed) > 0;
    assert!(
        goes_on,
        "the connection reads on, or handles what it has read"
    );
}

/// No kind of frame can be sent so fast that a connection is polled without end.
#[test]
fn a_flood_leaves_the_thread_to_others() {
    let ping = b"\0\0\x08\x06\0\0\0\0\0deadbeef";
    let window_update = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let unknown = [0, 0, 0, 0xfa, 0, 0, 0, 0, 0];
    check(ping, true);
    check(SETTINGS, true);
    check(&window_update, true);
    check(&unknown, true);
    // Trailers that reset the call, on stream 1: HEADERS with `:status: 200` and END_STREAM.
    check(b"\0\0\x01\x01\x05\0\0\0\x01\x88", false);
}

/// SETTINGS that change the window of each of 1,000 open streams are handled a few at a time, because h2
/// goes through all streams for each. Each is answered by 9 bytes.
#[test]
fn settings_for_many_streams() {
    let window = |size: u8| [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, size, 0];
    check_with(1000, &[window(1), window(2)].concat(), false, 100 * 9);
}
