//! A deadline ends a call on the millisecond, whatever the call is waiting for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use h2::Reason;
use h2::server::Builder;
use http_body_util::{BodyExt, Full};
use tower_service::Service;
use trunkline_channel::{Channel, WaitForReady};
use trunkline_resolver::ManualResolver;
use trunkline_sim::{CallReply, ConnectFate, Opening, Sim};
use trunkline_status::Code;

use crate::bodies::{messages, open_body};
use crate::world::{
    address, builder, call, channel, echo, request, response_head, send_all, serve, unary,
    unary_within, with_timeout,
};

/// Checks that a call with a timeout of 1.5 s ends after exactly that time, with a message that
/// contains each of `words`.
fn check(sim: &Sim, channel: &Channel, words: &[&str]) {
    let before = sim.elapsed();
    let outcome = sim.run(unary_within(channel, "1500m"));
    let took = sim.elapsed() - before;
    outcome.expect(Code::DeadlineExceeded, words);
    assert_eq!(took, Duration::from_millis(1500));
}

/// The deadline holds while the resolver returns nothing.
#[test]
fn while_the_name_is_resolved() {
    let sim = Sim::new(1);
    let channel = builder(&sim, "fleet:///x")
        .resolver(ManualResolver::new("fleet"))
        .build()
        .expect("a channel");
    check(
        &sim,
        &channel,
        &["1.5s", "waiting for fleet:///x to be resolved"],
    );
}

/// The deadline holds while the address does not answer the SYN.
#[test]
fn while_the_connection_is_made() {
    let sim = Sim::new(1);
    sim.net().set_fate(address(1), ConnectFate::Silent);
    check(&sim, &channel(&sim, 1), &["198.51.100.1:50051: connecting"]);
}

/// The deadline holds while the server has accepted the connection and sends no SETTINGS.
#[test]
fn while_settings_are_awaited() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    backend.set_opening(Opening::Silent);
    check(
        &sim,
        &channel(&sim, 1),
        &["198.51.100.1:50051: connected, but no HTTP/2 SETTINGS"],
    );
}

/// The deadline holds while the server does not answer, and another call on the same connection
/// succeeds.
#[test]
fn while_the_response_is_awaited() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    backend.set_reply(CallReply::Never);
    let channel = channel(&sim, 1);
    check(
        &sim,
        &channel,
        &["waiting for 198.51.100.1:50051 to answer"],
    );
    backend.set_reply(CallReply::Echo);
    sim.run(unary(&channel, b"hello")).expect_ok();
    assert_eq!(backend.accepts(), 1);
}

/// The deadline holds while the network is cut, and the connection is used again afterwards.
#[test]
fn while_the_network_is_cut() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello")).expect_ok();
    sim.net().cut(address(1).ip());
    check(
        &sim,
        &channel,
        &["waiting for 198.51.100.1:50051 to answer"],
    );
    sim.net().heal(address(1).ip());
    sim.run(unary(&channel, b"hello")).expect_ok();
    assert_eq!(backend.accepts(), 1);
}

/// The deadline holds for calls that wait for a free stream under MAX_CONCURRENT_STREAMS. Their text
/// has that, and the limit.
#[test]
fn while_other_calls_use_all_streams() {
    let sim = Sim::new(1);
    let mut http2 = Builder::new();
    http2.max_concurrent_streams(1);
    serve(&sim, 1, http2, |incoming| async move {
        std::future::pending::<()>().await;
        drop(incoming);
    });
    let channel = channel(&sim, 1);
    let before = sim.elapsed();
    let outcomes = sim.run(join_all((0..3).map(|_| unary_within(&channel, "1500m"))));
    let answer = "waiting for 198.51.100.1:50051 to answer";
    let stream = "waiting for a free stream, before the call was sent: 198.51.100.1:50051 allows 1";
    for (outcome, words) in outcomes.into_iter().zip([answer, stream, stream]) {
        outcome.expect(Code::DeadlineExceeded, &[words]);
    }
    assert_eq!(sim.elapsed() - before, Duration::from_millis(1500));
}

/// A call that was held back, and is sent at last, has both in its text; one that was not has not.
#[test]
fn while_the_answer_is_awaited_after_other_calls() {
    let sim = Sim::new(1);
    let mut http2 = Builder::new();
    http2.max_concurrent_streams(1);
    serve(&sim, 1, http2, |incoming| async move {
        std::future::pending::<()>().await;
        drop(incoming);
    });
    let channel = channel(&sim, 1);
    let call = async |after: u64, timeout| {
        sim.sleep(Duration::from_millis(after)).await;
        unary_within(&channel, timeout).await
    };
    let calls = [(0, "1S"), (100, "2S"), (200, "3S")];
    let results = sim.run(join_all(calls.map(|(after, timeout)| call(after, timeout))));
    for (result, was_held) in results.into_iter().zip([false, true, true]) {
        let words = "waiting for 198.51.100.1:50051 to answer";
        let result = result.expect(Code::DeadlineExceeded, &[words]);
        let text = result.status.message();
        assert_eq!(
            text.contains("it waited for a free stream"),
            was_held,
            "{text}"
        );
    }
}

/// A call that expires while the limit holds it back is not sent afterwards.
#[test]
fn a_held_back_call_that_expires_is_never_sent() {
    for is_streaming in [false, true] {
        let sim = Sim::new(1);
        let mut http2 = Builder::new();
        http2.max_concurrent_streams(1);
        let runtime = sim.runtime();
        let counts = serve(&sim, 1, http2, move |incoming| {
            let runtime = Arc::clone(&runtime);
            async move {
                let later = runtime.now() + Duration::from_secs(1);
                runtime.sleep_until(later).await;
                echo(incoming).await;
            }
        });
        let channel = channel(&sim, 1);
        let answered = unary_within(&channel, "5S");
        let expired = async {
            sim.sleep(Duration::from_millis(100)).await;
            if is_streaming {
                let (body, _) = messages(4, 1_000);
                call(&channel, with_timeout(request(body), "200m")).await
            } else {
                unary_within(&channel, "200m").await
            }
        };
        let (answered, expired) = sim.run(join(answered, expired));
        answered.expect_ok();
        let words = "waiting for a free stream";
        expired.expect(Code::DeadlineExceeded, &[words]);
        sim.run(unary_within(&channel, "5S")).expect_ok();
        assert_eq!(counts.calls(), 2);
    }
}

/// The text of a request that waits for the server's flow-control windows has that: of a unary call,
/// of a stream, and of a small call when the window of the connection is used up.
#[test]
fn while_there_is_no_room_for_the_request() {
    let room = "waiting for room in the flow-control window of 198.51.100.1:50051";
    let answer = "waiting for 198.51.100.1:50051 to answer";
    // The server reads nothing, so its windows stay at 65,535 bytes.
    for (size, words) in [(60_000, answer), (100_000, room)] {
        for is_streaming in [false, true] {
            let sim = Sim::new(1);
            serve(&sim, 1, Builder::new(), |incoming| async move {
                std::future::pending::<()>().await;
                drop(incoming);
            });
            let channel = channel(&sim, 1);
            let large = async {
                if is_streaming {
                    let (body, _) = messages(4, size / 4);
                    call(&channel, with_timeout(request(body), "1500m")).await
                } else {
                    let body = Full::new(Bytes::from(vec![0; size]));
                    call(&channel, with_timeout(request(body), "1500m")).await
                }
            };
            let small = async {
                sim.sleep(Duration::from_millis(500)).await;
                unary_within(&channel, "500m").await
            };
            let (large, small) = sim.run(join(large, small));
            large.expect(Code::DeadlineExceeded, &[words]);
            small.expect(Code::DeadlineExceeded, &[words]);
        }
    }
}

/// A stream whose application makes no message waits for the answer, and for no window.
#[test]
fn while_the_application_sends_nothing() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), |incoming| async move {
        std::future::pending::<()>().await;
        drop(incoming);
    });
    let channel = channel(&sim, 1);
    let (_send, body) = open_body();
    let result = sim.run(call(&channel, with_timeout(request(body), "1S")));
    let words = "waiting for 198.51.100.1:50051 to answer";
    result.expect(Code::DeadlineExceeded, &[words]);
}

/// The deadline holds while the server sends without end, so that data is always ready.
#[test]
fn while_there_is_always_more_data() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), |mut incoming| async move {
        let Ok(mut send) = incoming.respond.send_response(response_head(), false) else {
            return;
        };
        while send_all(&mut send, Bytes::from_static(&[0; 1000]))
            .await
            .is_ok()
        {}
    });
    let channel = channel(&sim, 1);
    sim.run(async {
        let request = with_timeout(request(Full::new(Bytes::new())), "1S");
        let Ok(response) = channel.clone().call(request).await;
        let mut body = response.into_body();
        let mut frames = 0;
        let trailers = loop {
            // Reads so slowly that data is always ready.
            sim.sleep(Duration::from_millis(10)).await;
            let Some(Ok(frame)) = body.frame().await else {
                panic!("no status")
            };
            match frame.into_trailers() {
                Ok(trailers) => break trailers,
                Err(_) => frames += 1,
            }
            assert!(frames < 1000, "the deadline does not hold");
        };
        assert_eq!(trailers["grpc-status"], "4");
    });
}

/// The `grpc-timeout` of a call that had to wait is the time that is left; that of any other call
/// is sent unchanged.
#[test]
fn grpc_timeout_is_the_time_that_is_left() {
    let sim = Sim::new(1);
    let received = Arc::new(Mutex::new(String::new()));
    let last_timeout = Arc::clone(&received);
    serve(&sim, 1, Builder::new(), move |incoming| {
        let timeout = incoming.head.headers["grpc-timeout"]
            .to_str()
            .map(str::to_owned);
        *last_timeout.lock().expect("not poisoned") = timeout.unwrap_or_default();
        echo(incoming)
    });
    sim.net()
        .set_latency(address(1).ip(), Duration::from_millis(500));
    let channel = channel(&sim, 1);
    // The SETTINGS arrive one round trip, 1 s, after the SYN is sent.
    let outcome = sim.run(unary_within(&channel, "10S"));
    outcome.expect_ok();
    assert_eq!(*received.lock().expect("not poisoned"), "9000000u");
    // The connection is ready: the second call does not wait.
    sim.run(unary_within(&channel, "10S")).expect_ok();
    assert_eq!(*received.lock().expect("not poisoned"), "10S");
}

/// When the server cancels a call at its deadline, the call ends with DEADLINE_EXCEEDED, not with
/// CANCELLED.
#[test]
fn a_cancel_at_the_deadline_is_deadline_exceeded() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    // With 1 ms each way, the reset arrives exactly at the deadline of the second call.
    backend
        .set_reply(CallReply::ResetStream(Reason::CANCEL.into()).after(Duration::from_millis(94)));
    let channel = channel(&sim, 1);
    sim.run(unary_within(&channel, "1S"))
        .expect(Code::Cancelled, &["CANCEL"]);
    sim.run(unary_within(&channel, "96m"))
        .expect(Code::DeadlineExceeded, &["96ms"]);
}

/// The status of a wait-for-ready call at its deadline contains the last connection failure.
#[test]
fn a_wait_for_ready_call_reports_the_last_failure() {
    let sim = Sim::new(1);
    sim.net().set_fate(address(1), ConnectFate::Refuse);
    let channel = channel(&sim, 1);
    let mut request = with_timeout(request(Full::new(Bytes::new())), "5S");
    request.extensions_mut().insert(WaitForReady(true));
    let outcome = sim.run(call(&channel, request));
    outcome.expect(Code::DeadlineExceeded, &["198.51.100.1:50051", "refused"]);
    assert_eq!(sim.elapsed(), Duration::from_secs(5));
}
