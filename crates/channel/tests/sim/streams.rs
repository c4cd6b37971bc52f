//! Streaming calls, flow control, cancellation.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::server::Builder;
use http_body_util::{BodyExt, Full};
use tower_service::Service;
use trunkline_sim::Sim;
use trunkline_status::Code;
use trunkline_transport::HttpOptions;

use crate::bodies::Pieces;
use crate::world::{
    address, builder, call, channel, echo, ok_trailers, read_to_end, request, response_head,
    send_all, serve, unary,
};

/// Unary bodies larger than any window, both ways.
#[test]
fn a_unary_body_larger_than_the_window() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    let body = Bytes::from(vec![3; 8 << 20]);
    let outcome = sim.run(call(&channel, request(Full::new(body.clone()))));
    assert!(outcome.expect_ok().data == body);
}

/// Both directions at once, in many pieces, larger than any window.
#[test]
fn a_stream_larger_than_the_window_both_ways() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    let outcome = sim.run(call(&channel, request(Pieces::new(80, 100_000))));
    assert_eq!(outcome.expect_ok().data.len(), 8_000_000);
}

/// Tens of thousands of frames of five octets, which nobody may take for an attack.
#[test]
fn many_small_frames() {
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

/// A server that answers before the request has ended: the answer counts, and what is left of the
/// request is not sent.
#[test]
fn an_answer_before_the_request_ends() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), |mut incoming| async move {
        let mut head = response_head();
        head.headers_mut().insert("grpc-status", 9.into());
        let _ = incoming.respond.send_response(head, true);
    });
    let channel = channel(&sim, 1);
    sim.run(async {
        let outcome = call(&channel, request(Pieces::new(usize::MAX, 1000))).await;
        outcome.expect(Code::FailedPrecondition, &[]);
        // An upload that went on would never let the simulation come to rest.
        sim.sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(counts.calls(), 1);
}

/// A request body that fails: the caller hears of the body, not of the connection, which goes on.
#[test]
fn a_request_body_that_fails() {
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

/// A response that is dropped half-way: the server is told, the upload ends, and the window that it
/// took is given back.
#[test]
fn responses_dropped_half_way() {
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
            // The windows fill up.
            sim.sleep(Duration::from_millis(50)).await;
            drop(body);
        }
        sim.sleep(Duration::from_millis(50)).await;
        let outcome = call(&channel, request(Pieces::new(80, 100_000))).await;
        assert_eq!(outcome.expect_ok().data.len(), 8_000_000);
    });
    assert_eq!((counts.accepts(), counts.calls()), (1, 51));
}

/// One call in three is dropped early, thousands of them: no other call fails, and the connection
/// stays.
#[test]
fn mass_cancellation_costs_others_nothing() {
    let sim = Sim::new(1);
    let counts = serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    let one = |number: usize| {
        let (channel, sim) = (&channel, &sim);
        async move {
            let calling = call(channel, request(Pieces::new(20, 500)));
            if number.is_multiple_of(3) {
                // At another moment of its life each time.
                let moment = Duration::from_micros(((number * 37) % 8000) as u64);
                let sleep = std::pin::pin!(sim.sleep(moment));
                let calling = std::pin::pin!(calling);
                let _ = futures_util::future::select(calling, sleep).await;
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

/// Ten calls at a server that takes one at a time.
#[test]
fn one_call_at_a_time() {
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

/// A body without anything, and one whose only frame is empty.
#[test]
fn empty_requests() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    let empty = http_body_util::Empty::<Bytes>::new().map_err(|never: Infallible| match never {});
    assert_eq!(sim.run(call(&channel, request(empty))).expect_ok().data, "");
    assert_eq!(sim.run(unary(&channel, b"")).expect_ok().data, "");
    assert_eq!(
        sim.run(call(&channel, request(Pieces::new(3, 0))))
            .expect_ok()
            .data,
        ""
    );
}

/// A response goes on when the last handle of its channel is gone, and so does its request.
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

/// Windows that HTTP/2 cannot have, or that nothing fits through, are taken as the next that work.
#[test]
fn windows_of_any_size() {
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
