//! When a connection writes to its stream, and what follows when that fails.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use http::Request;
use trunkline_runtime::{PeerAddr, Stream, TcpOptions};
use trunkline_sim::Sim;
use trunkline_transport::{
    Connection, Fate, HttpOptions, Lost, RequestBody, ResponseHead, handshake,
};

const MESSAGE: usize = 4 * 1024;

/// A stream whose writes are watched.
#[derive(Debug)]
struct Watched {
    stream: Box<dyn Stream>,
    watch: Arc<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    /// The size of the largest write, in bytes.
    largest: AtomicUsize,
    /// The number of writes.
    count: AtomicUsize,
    /// True when writes are to fail.
    is_broken: AtomicBool,
    /// True when the next read is to panic.
    is_faulty: AtomicBool,
}

impl Stream for Watched {
    fn peer_addr(&self) -> PeerAddr {
        self.stream.peer_addr()
    }

    fn abort(self: Box<Self>) {
        self.stream.abort();
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let is_faulty = self.watch.is_faulty.swap(false, Relaxed);
        assert!(!is_faulty, "this read panics");
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.watch.is_broken.load(Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.watch.largest.fetch_max(bytes.len(), Relaxed);
        self.watch.count.fetch_add(1, Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// Runs `client` with a connection to a server, and returns the reason why that was lost.
fn check<F: Future<Output = ()>>(client: impl FnOnce(Connection, Arc<Watch>) -> F) -> String {
    let sim = Sim::new(1);
    let address = SocketAddr::from(([198, 51, 100, 1], 1));
    let _backend = sim.backend(address);
    let runtime = sim.runtime();
    let watch = Arc::new(Watch::default());
    let why = Arc::new(Mutex::new(None));
    let lost = Arc::clone(&why);
    sim.run(async {
        let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
        let stream = Box::new(Watched {
            stream: stream.expect("a stream"),
            watch: Arc::clone(&watch),
        });
        let on_lost = move |why: Lost| *lost.lock().expect("no panic") = Some(why);
        let handshake = handshake(
            stream,
            &HttpOptions::default(),
            Arc::clone(&runtime),
            on_lost,
        )
        .await;
        let (connection, driver) = handshake.expect("a connection");
        let client = client(connection, watch);
        // The driver is polled after the client, so that it finds all calls that the client began.
        // It ends when the client is done, because that drops the connection.
        let (mut client, mut driver) = (pin!(client), pin!(driver));
        let (mut client_done, mut driver_done) = (false, false);
        poll_fn(|cx| {
            client_done = client_done || client.as_mut().poll(cx).is_ready();
            driver_done = driver_done || driver.as_mut().poll(cx).is_ready();
            if client_done && driver_done {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    });
    let why = why.lock().expect("no panic").take();
    why.expect("a loss").to_string()
}

/// Begins a call whose message is not small.
fn begin(connection: &Connection) -> ResponseHead {
    let head = Request::post("http://x/s/m").body(()).expect("a request");
    let body = RequestBody::<()>::whole(Bytes::from(vec![0; MESSAGE]));
    connection.send(head, &body).expect("a stream").response
}

/// All that one poll of the connection writes goes to the stream in one write: a system call for
/// each message would cost more than the rest of a call. Only the first call, which is alone when it
/// begins, is sent at once.
#[test]
fn messages_go_out_together() {
    check(async |connection, watch| {
        let calls: Vec<ResponseHead> = (0..8).map(|_| begin(&connection)).collect();
        for call in calls {
            call.await.expect("an answer");
        }
        let largest = watch.largest.load(Relaxed);
        assert!(largest > 7 * MESSAGE, "{largest} bytes at most");
    });
}

/// Waits for the end of a call.
async fn finish(call: ResponseHead) {
    let mut body = call.await.expect("an answer").into_body();
    while let Some(frame) = poll_fn(|cx| body.poll_frame(cx)).await {
        frame.expect("no failure");
    }
}

/// A call that is alone on its connection is sent when it begins: its caller need not wait until the
/// driver runs, which may be on another thread. All other calls are sent by the driver.
#[test]
fn a_call_that_is_alone_is_sent_at_once() {
    check(async |connection, watch| {
        for _ in 0..3 {
            let before = watch.count.load(Relaxed);
            let call = begin(&connection);
            assert_eq!(watch.count.load(Relaxed), before + 1);
            finish(call).await;
        }
        let first = begin(&connection);
        let before = watch.count.load(Relaxed);
        let second = begin(&connection);
        assert_eq!(watch.count.load(Relaxed), before);
        finish(first).await;
        finish(second).await;
    });
}

/// After calls that were not alone, the next ones are left to the driver, though each is alone when it
/// begins: many calls that begin together again and again are sent in one write each time.
#[test]
fn the_first_of_many_calls_is_sent_with_them() {
    check(async |connection, watch| {
        for round in 0..3 {
            let before = watch.count.load(Relaxed);
            let calls: Vec<ResponseHead> = (0..4).map(|_| begin(&connection)).collect();
            // In the first round nothing is known of the calls.
            let at_once = usize::from(round == 0);
            assert_eq!(watch.count.load(Relaxed), before + at_once);
            for call in calls {
                finish(call).await;
            }
        }
        // Once calls have been alone for long enough, the next one is sent at once.
        for _ in 0..16 {
            finish(begin(&connection)).await;
        }
        let before = watch.count.load(Relaxed);
        let call = begin(&connection);
        assert_eq!(watch.count.load(Relaxed), before + 1);
        finish(call).await;
    });
}

/// A connection closes in good order after its last handle and its last call, whichever is last.
#[test]
fn a_connection_closes_after_its_last_use() {
    let why = check(async |connection, _| finish(begin(&connection)).await);
    assert!(why.contains("closed"), "{why}");
    let why = check(async |connection, _| {
        let call = begin(&connection);
        drop(connection);
        finish(call).await;
    });
    assert!(why.contains("closed"), "{why}");
    let why = check(async |connection, _| drop((begin(&connection), connection)));
    assert!(why.contains("closed"), "{why}");
}

/// A write that fails ends the connection and its calls, and is reported as the reason.
#[test]
fn a_failed_write_ends_the_connection() {
    let why = check(async |connection, watch| {
        begin(&connection).await.expect("an answer");
        watch.is_broken.store(true, Relaxed);
        let error = begin(&connection).await.expect_err("no answer");
        assert_eq!(error.fate(), Fate::Unsent, "{error:?}");
    });
    assert!(why.contains("broken pipe"), "{why}");
}

/// A byte stream that panics while a call is sent at once costs that call alone: the driver goes on
/// with the connection.
#[test]
fn the_driver_runs_after_a_panic_of_a_caller() {
    let sim = Sim::new(1);
    let address = SocketAddr::from(([198, 51, 100, 1], 1));
    let _backend = sim.backend(address);
    let runtime = sim.runtime();
    let watch = Arc::new(Watch::default());
    sim.run(async {
        let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
        let stream = Box::new(Watched {
            stream: stream.expect("a stream"),
            watch: Arc::clone(&watch),
        });
        let options = HttpOptions::default();
        let made = handshake(stream, &options, Arc::clone(&runtime), |_| ()).await;
        let (connection, driver) = made.expect("a connection");
        runtime.spawn(Box::pin(driver));
        finish(begin(&connection)).await;
        sim.sleep(Duration::from_millis(10)).await;
        let before = watch.count.load(Relaxed);
        watch.is_faulty.store(true, Relaxed);
        let sent = catch_unwind(AssertUnwindSafe(|| begin(&connection)));
        assert!(sent.is_err());
        sim.sleep(Duration::from_millis(10)).await;
        // The request, which is cancelled.
        assert_eq!(watch.count.load(Relaxed), before + 1);
        finish(begin(&connection)).await;
    });
}
