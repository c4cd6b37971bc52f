//! Streaming calls, flow control and cancellation.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{join_all, select};
use h2::server::Builder;
use http_body_util::{BodyExt, Empty, Full};
use tower_service::Service;
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};
use trunkline_transport::HttpOptions;

use crate::bodies::Pieces;
use crate::world::{
    address, builder, call, channel, echo, ok_trailers, read_to_end, request, response_head,
    send_all, serve, unary, unary_within,
};

/// A unary call can send and receive a message that is larger than any flow-control window.
#[test]
fn a_unary_body_larger_than_the_window() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    let body = Bytes::from(vec![3; 8 << 20]);
    let outcome = sim.run(call(&channel, request(Full::new(body.clone()))));
    assert!(outcome.expect_ok().data == body);
}

/// A streaming call can send and receive at the same time, in many pieces, more than fits into any
/// flow-control window.
#[test]
fn a_stream_larger_than_the_window_both_ways() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    let outcome = sim.run(call(&channel, request(Pieces::new(80, 100_000))));
    assert_eq!(outcome.expect_ok().data.len(), 8_000_000);
}

/// A response of 60,000 frames of 5 bytes arrives whole: the client does not take them for an
/// attack.
#[test]
fn many_small_frames_arrive() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), |mut incoming| async move {
        let Ok(mut send) = incoming.respond.send_response(response_head(), false) else {
            return;
        };
        for _ in 0..60_000 {
            if send_all(&mut send, Bytes::from_static(b"small"))
                .await
                .is_err()
            {
                return;
            }
        }
        let _ = send.send_trailers(ok_trailers());
    });
    let channel = channel(&sim, 1);
    let outcome = sim.run(unary(&channel, b"hello"));
    assert_eq!(outcome.expect_ok().data.len(), 300_000);
}

/// A response that ends before its request does is the call's result, and the rest of the request
/// is not sent.
#[test]
fn an_early_response_ends_the_request() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), |mut incoming| async move {
        let mut head = response_head();
        Status::new(Code::FailedPrecondition, "").add_to_trailers(head.headers_mut());
        let _ = incoming.respond.send_response(head, true);
    });
    let channel = channel(&sim, 1);
    sim.run(async {
        let outcome = call(&channel, request(Pieces::new(usize::MAX, 1000))).await;
        outcome.expect(Code::FailedPrecondition, &[]);
        // An upload that goes on would keep the simulation busy without end.
        sim.sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(counts.calls(), 1);
}

/// A call whose request body fails ends with INTERNAL and the body's error, and the connection
/// still serves other calls.
#[test]
fn a_request_body_that_fails_ends_its_call_alone() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    sim.run(async {
        for left in [0, 1, 5, 200] {
            let body = Pieces::new(left, 100_000).failing();
            let Ok(response) = channel.clone().call(request(body)).await;
            let outcome = read_to_end(response).await;
            outcome.expect(
                Code::Internal,
                &["the request's body failed: the disk is gone"],
            );
        }
        unary(&channel, b"hello").await.expect_ok();
    });
    assert_eq!(counts.accepts(), 1);
}

/// Dropping a response before its end cancels the call at the server, ends the upload, and gives
/// the flow-control window back to the connection.
#[test]
fn dropping_a_response_gives_its_window_back() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    sim.run(async {
        for _ in 0..50 {
            let Ok(response) = channel
                .clone()
                .call(request(Pieces::new(usize::MAX, 100_000)))
                .await;
            let mut body = response.into_body();
            body.frame().await.expect("a frame").expect("no error");
            // Long enough for the windows to fill up.
            sim.sleep(Duration::from_millis(50)).await;
            drop(body);
        }
        sim.sleep(Duration::from_millis(50)).await;
        let outcome = call(&channel, request(Pieces::new(80, 100_000))).await;
        assert_eq!(outcome.expect_ok().data.len(), 8_000_000);
    });
    assert_eq!((counts.accepts(), counts.calls()), (1, 51));
}

/// When one in three of 6,000 calls is cancelled, no other call fails, and the connection stays.
#[test]
fn cancelled_calls_do_not_disturb_others() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    let one = |number: usize| {
        let (channel, sim) = (&channel, &sim);
        async move {
            let calling = call(channel, request(Pieces::new(20, 500)));
            if number.is_multiple_of(3) {
                // Each call is cancelled at another moment of its life.
                let moment = Duration::from_micros(((number * 37) % 8000) as u64);
                let sleep = pin!(sim.sleep(moment));
                let calling = pin!(calling);
                let _ = select(calling, sleep).await;
            } else {
                assert_eq!(calling.await.expect_ok().data.len(), 10_000);
            }
        }
    };
    for round in 0..30 {
        sim.run(join_all((0..200).map(|number| one(round * 200 + number))));
    }
    assert_eq!(counts.accepts(), 1);
}

/// Ten calls at a server that allows one at a time all succeed, on one connection.
#[test]
fn calls_wait_for_a_free_stream() {
    let sim = Sim::new(1);
    let mut http2 = Builder::new();
    http2.max_concurrent_streams(1);
    let counts = serve(&sim, 1, http2, echo);
    let channel = channel(&sim, 1);
    let outcomes = sim.run(join_all((0..10).map(|_| unary(&channel, b"hello"))));
    for outcome in outcomes {
        assert_eq!(outcome.expect_ok().data, "hello");
    }
    assert_eq!((counts.accepts(), counts.calls()), (1, 10));
}

/// A request may have no frame, one empty frame, or several.
#[test]
fn empty_requests_are_sent() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    let empty = Empty::<Bytes>::new().map_err(|never: Infallible| match never {});
    assert_eq!(sim.run(call(&channel, request(empty))).expect_ok().data, "");
    assert_eq!(sim.run(unary(&channel, b"")).expect_ok().data, "");
    assert_eq!(
        sim.run(call(&channel, request(Pieces::new(3, 0))))
            .expect_ok()
            .data,
        ""
    );
}

/// A call goes on, with its request and its response, after the last handle of its channel is
/// dropped.
#[test]
fn a_stream_outlives_its_channel() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    sim.run(async {
        let Ok(response) = channel
            .clone()
            .call(request(Pieces::new(80, 100_000)))
            .await;
        drop(channel);
        sim.sleep(Duration::from_secs(1)).await;
        assert_eq!(sim.net().connections(), 1);
        assert_eq!(
            read_to_end(response).await.expect_ok().data.len(),
            8_000_000
        );
        sim.sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(sim.net().connections(), 0);
}

/// Flow-control windows that HTTP/2 does not allow, or that are too small to work, are replaced by
/// the nearest that work.
#[test]
fn windows_of_any_size_work() {
    for window in [0, 1, u32::MAX] {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), echo);
        let mut http = HttpOptions::default();
        http.stream_window = window;
        http.connection_window = window;
        let target = format!("ipv4:{}", address(1));
        let channel = builder(&sim, target).http(http).build().expect("a channel");
        let outcome = sim.run(call(&channel, request(Pieces::new(10, 100_000))));
        assert_eq!(outcome.expect_ok().data.len(), 1_000_000, "{window}");
    }
}

/// Responses that the application does not read block no other call on the connection: they fill
/// only their own flow-control windows.
#[test]
fn unread_responses_block_no_other_call() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), |mut incoming| async move {
        let sent = incoming.respond.send_response(response_head(), false);
        let mut send = sent.expect("an open stream");
        // The response to a request with a body is larger than the window of a stream.
        if incoming.body.data().await.is_some() {
            let _ = send_all(&mut send, Bytes::from(vec![7; 100_000])).await;
        }
        let _ = send.send_trailers(ok_trailers());
    });
    let mut http = HttpOptions::default();
    http.stream_window = 65_535;
    let target = format!("ipv4:{}", address(1));
    let channel = builder(&sim, target).http(http).build().expect("a channel");
    sim.run(async {
        let mut unread = Vec::new();
        // Their windows together are larger than 5 MiB.
        for _ in 0..100 {
            let Ok(response) = channel.clone().call(request(Pieces::new(1, 1))).await;
            unread.push(response);
        }
        sim.sleep(Duration::from_secs(5)).await;
        for _ in 0..3 {
            unary(&channel, b"").await.expect_ok();
        }
        for response in unread {
            let read = read_to_end(response).await.expect_ok();
            assert_eq!(read.data.len(), 100_000);
        }
    });
    assert_eq!(counts.accepts(), 1);
}

/// Calls that are dropped before their requests leave take no room of the server's limit of
/// concurrent calls with them.
#[test]
fn calls_that_are_dropped_early_leave_their_room() {
    let sim = Sim::new(1);
    let mut http2 = Builder::new();
    http2.max_concurrent_streams(2);
    serve(&sim, 1, http2, echo);
    let mut channel = channel(&sim, 1);
    sim.run(async {
        unary(&channel, b"connect").await.expect_ok();
        for _ in 0..10 {
            let mut call = channel.call(request(Full::new(Bytes::from_static(b"hello"))));
            assert!((&mut call).now_or_never().is_none());
            drop(call);
        }
        unary_within(&channel, "5S").await.expect_ok();
    });
}

/// A streaming call that is dropped before its request leaves costs no other call the connection.
#[test]
fn streams_that_are_dropped_early_leave_the_connection() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), echo);
    let mut channel = channel(&sim, 1);
    sim.run(async {
        unary(&channel, b"connect").await.expect_ok();
        for _ in 0..10 {
            let mut call = channel.call(request(Pieces::new(3, 1_000)));
            assert!((&mut call).now_or_never().is_none());
            drop(call);
            unary(&channel, b"still here").await.expect_ok();
        }
    });
    assert_eq!(counts.accepts(), 1);
}
