//! Nothing is kept for ever because a peer hangs: it stops reading, or allows no call to be sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use http::Request;
use trunkline_runtime::TcpOptions;
use trunkline_sim::Sim;
use trunkline_transport::{
    Connection, HttpOptions, Lost, LostReason, RequestBody, ResponseHead, handshake,
};

/// SETTINGS and WINDOW_UPDATE with which a peer lets everything be sent at once: windows of
/// 2^31 - 1. (RFC 9113 section 6.9)
const LARGE_WINDOWS: &[u8] = &[
    0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff, // INITIAL_WINDOW_SIZE
    0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0, 0, // WINDOW_UPDATE
];

/// SETTINGS that allow no call: MAX_CONCURRENT_STREAMS is 0.
const NO_CALLS: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0];

/// SETTINGS that leave HTTP/2's initial windows: 65,535 bytes.
const SMALL_WINDOWS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A message that fits into no buffer of a connection, in bytes.
const LARGE: usize = 6_000_000;

async fn write(stream: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let write =
            std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_write(cx, bytes));
        let n = write.await.expect("an open stream");
        bytes = &bytes[n..];
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> usize {
    let read = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_read(cx, buffer));
    read.await.unwrap_or(0)
}

/// Connects to a peer that writes `first`, and then nothing. It reads nothing, or everything.
async fn connect_to_hung(
    sim: &Sim,
    first: &'static [u8],
    reads: bool,
    on_lost: impl FnOnce(Lost) + Send + 'static,
) -> Connection {
    let address = SocketAddr::from(([198, 51, 100, 1], 1));
    let mut listener = sim.net().listen(address).expect("a free address");
    let runtime = sim.runtime();
    sim.spawn("peer", async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        write(&mut stream, first).await;
        let mut buffer = [0; 4096];
        while reads && read(&mut stream, &mut buffer).await > 0 {}
        std::future::pending::<()>().await;
    });
    let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
    let stream = stream.expect("a stream");
    let options = HttpOptions::default();
    let handshake = handshake(stream, &options, Arc::clone(&runtime), on_lost).await;
    let (connection, driver) = handshake.expect("a connection");
    runtime.spawn(Box::pin(driver));
    connection
}

fn begin(connection: &Connection, message: &Bytes) -> ResponseHead {
    let head = Request::post("http://x/s/m").body(()).expect("a request");
    let body = RequestBody::<()>::whole(message.clone());
    connection.send(head, &body).expect("a stream").response
}

async fn rest(sim: &Sim, time: Duration) {
    let runtime = sim.runtime();
    runtime.sleep_until(runtime.now() + time).await;
}

/// A connection that nothing uses any more is given up some seconds after its peer stopped reading.
#[test]
fn an_unused_connection_is_given_up() {
    let sim = Sim::new(1);
    let lost = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&lost);
    sim.run(async {
        let on_lost = move |lost| *seen.lock().expect("no panic") = Some(lost);
        let connection = connect_to_hung(&sim, LARGE_WINDOWS, false, on_lost).await;
        let message = Bytes::from(vec![7; LARGE]);
        let response = begin(&connection, &message);
        // In use, it stays.
        rest(&sim, Duration::from_secs(100)).await;
        assert!(lost.lock().expect("no panic").is_none());
        drop((response, connection));
        rest(&sim, Duration::from_secs(7)).await;
        assert!(message.is_unique());
    });
    let lost: Lost = lost.lock().expect("no panic").take().expect("a loss");
    assert_eq!(*lost.reason(), LostReason::NotRead);
    assert!(lost.to_string().contains("stopped reading"), "{lost}");
}

/// Nothing is kept of calls that have ended, although their connection is in use and its peer reads
/// nothing. Only the message stays of which HTTP/2 is writing a frame.
#[test]
fn the_data_of_ended_calls_is_freed() {
    let sim = Sim::new(1);
    sim.run(async {
        let connection = connect_to_hung(&sim, LARGE_WINDOWS, false, |_| ()).await;
        let messages: Vec<Bytes> = (0..3).map(|_| Bytes::from(vec![7; LARGE])).collect();
        let calls: Vec<_> = messages
            .iter()
            .map(|message| begin(&connection, message))
            .collect();
        rest(&sim, Duration::from_secs(1)).await;
        drop(calls);
        let kept = messages.iter().filter(|message| !message.is_unique());
        assert!(kept.count() <= 1);
    });
}

/// Nothing is left of calls that ended while they were held back: by the limit of concurrent calls,
/// by a window that is used up, or by a peer that does not read.
#[test]
fn nothing_is_left_of_calls_that_were_held_back() {
    for (settings, reads) in [
        (NO_CALLS, true),
        (SMALL_WINDOWS, true),
        (LARGE_WINDOWS, false),
    ] {
        let sim = Sim::new(1);
        sim.run(async {
            let connection = connect_to_hung(&sim, settings, reads, |_| ()).await;
            let first = Bytes::from(vec![7; LARGE]);
            let _in_the_way = begin(&connection, &first);
            // Longer than a stall takes to be found.
            rest(&sim, Duration::from_secs(3)).await;
            let message = Bytes::from(vec![7; 1000]);
            let calls: Vec<_> = (0..10).map(|_| begin(&connection, &message)).collect();
            rest(&sim, Duration::from_secs(1)).await;
            for call in &calls {
                assert_eq!(call.bytes_sent(), 0);
            }
            drop(calls);
            assert!(message.is_unique());
        });
    }
}
