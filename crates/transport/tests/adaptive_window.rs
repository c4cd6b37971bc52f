//! Flow-control windows that grow with the bandwidth-delay product.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use async_compat::{Compat, CompatExt};
use bytes::Bytes;
use http::{Request, Response};
use trunkline_runtime::{Stream, TcpOptions};
use trunkline_sim::{Listener, Sim};
use trunkline_transport::{HttpOptions, IncomingFrame, RequestBody, handshake};

/// The length of the response, in bytes.
const LENGTH: usize = 8 * 1024 * 1024;

/// Accepts a connection and its first call, and sends the head of the response.
async fn begin_response(
    mut listener: Listener,
) -> (
    h2::server::Connection<Compat<Box<dyn Stream>>, Bytes>,
    h2::SendStream<Bytes>,
) {
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut server = h2::server::handshake(stream.compat())
        .await
        .expect("HTTP/2");
    let (_, mut respond) = server.accept().await.expect("a call").expect("a call");
    let send = respond.send_response(Response::new(()), false);
    (server, send.expect("a stream"))
}

/// Sends data as the client's windows allow.
async fn send_all(send: &mut h2::SendStream<Bytes>, mut data: Bytes) {
    while !data.is_empty() {
        send.reserve_capacity(data.len());
        let room = match send.capacity() {
            0 => {
                let room = poll_fn(|cx| send.poll_capacity(cx)).await;
                room.expect("an open stream").expect("an open stream")
            }
            room => room,
        };
        let part = data.split_to(room.min(data.len()));
        send.send_data(part, false).expect("an open stream");
    }
    send.send_data(Bytes::new(), true).expect("an open stream");
}

/// Returns how long a response of [`LENGTH`] takes over a path with a round trip of 100 ms.
fn time_of_response(options: HttpOptions) -> Duration {
    let sim = Sim::new(1);
    let address = SocketAddr::from(([198, 51, 100, 1], 1));
    sim.net()
        .set_latency(address.ip(), Duration::from_millis(50));
    sim.net().set_buffer(2 * LENGTH);
    let listener = sim.net().listen(address).expect("a free address");
    sim.spawn("server", async move {
        let (mut server, mut send) = begin_response(listener).await;
        let mut sending = Box::pin(async move {
            send_all(&mut send, Bytes::from(vec![7; LENGTH])).await;
            std::future::pending::<()>().await;
        });
        poll_fn(|cx| {
            let _ = sending.as_mut().poll(cx);
            server.poll_closed(cx)
        })
        .await
        .expect("an end in good order");
    });
    let runtime = sim.runtime();
    sim.run(async {
        let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
        let stream = stream.expect("a stream");
        let handshake = handshake(stream, &options, Arc::clone(&runtime), |_| ()).await;
        let (connection, driver) = handshake.expect("a connection");
        runtime.spawn(Box::pin(driver));
        let began = sim.elapsed();
        let head = Request::post("http://x/s/m").body(()).expect("a request");
        let sent = connection.send(head, &RequestBody::<()>::whole(None));
        let response = sent.expect("a stream").response.await.expect("a response");
        let mut incoming = response.into_body();
        let mut length = 0;
        while let Some(frame) = poll_fn(|cx| incoming.poll_frame(cx)).await {
            match frame.expect("a whole response") {
                IncomingFrame::Data(data) => length += data.len(),
                IncomingFrame::Trailers(_) => {}
            }
        }
        assert_eq!(length, LENGTH);
        // The PINGs that measure the path are not those of a keepalive.
        assert_eq!(connection.stats().keepalives_sent, 0);
        sim.elapsed() - began
    })
}

/// With windows that grow, a response takes a few round trips more than with large windows from the
/// start, and far fewer than with HTTP/2's own windows.
#[test]
fn windows_grow() {
    let options = HttpOptions::default;
    let small = time_of_response(options().with_stream_window(65_535));
    let large = time_of_response(options().with_stream_window(16 << 20));
    let growing = time_of_response(options().with_adaptive_window(true));
    assert!(small > Duration::from_secs(10), "{small:?}");
    assert!(large < Duration::from_millis(400), "{large:?}");
    assert!(growing < Duration::from_secs(2), "{growing:?}");
}

/// A window that has grown is announced at once, though nothing else is sent or received then: the
/// server has used the old window up, and the application reads nothing yet.
#[test]
fn a_new_window_is_announced_at_once() {
    let sim = Sim::new(1);
    let address = SocketAddr::from(([198, 51, 100, 1], 1));
    let listener = sim.net().listen(address).expect("a free address");
    let goes_on = Arc::new(AtomicBool::new(false));
    let sent_more = Arc::clone(&goes_on);
    sim.spawn("server", async move {
        let (mut server, mut send) = begin_response(listener).await;
        let first = Bytes::from(vec![7; 65_535]);
        send.reserve_capacity(first.len());
        send.send_data(first, false).expect("an open stream");
        poll_fn(|cx| {
            // Room that is left once the first window is used up comes with a larger one.
            send.reserve_capacity(1);
            if let Poll::Ready(Some(Ok(1..))) = send.poll_capacity(cx) {
                sent_more.store(true, Relaxed);
            }
            server.poll_closed(cx)
        })
        .await
        .expect("an end in good order");
    });
    let runtime = sim.runtime();
    sim.run(async {
        let stream = runtime.connect_tcp(address, &TcpOptions::default()).await;
        let stream = stream.expect("a stream");
        let options = HttpOptions::default().with_adaptive_window(true);
        let handshake = handshake(stream, &options, Arc::clone(&runtime), |_| ()).await;
        let (connection, driver) = handshake.expect("a connection");
        runtime.spawn(Box::pin(driver));
        let head = Request::post("http://x/s/m").body(()).expect("a request");
        let sent = connection.send(head, &RequestBody::<()>::whole(None));
        let response = sent.expect("a stream").response.await.expect("a response");
        sim.sleep(Duration::from_secs(1)).await;
        assert!(goes_on.load(Relaxed));
        drop(response);
    });
}
