//! Deadlines bound everything, to the millisecond.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::Reason;
use h2::server::Builder;
use http_body_util::Full;
use trunkline_channel::WaitForReady;
use trunkline_resolver::ManualResolver;
use trunkline_sim::{CallReply, ConnectFate, Opening, Sim};
use trunkline_status::Code;

use crate::world::{
    address, builder, call, channel, echo, request, response_head, send_all, serve, unary,
    unary_within, with_timeout,
};

fn check(sim: &Sim, channel: &trunkline_channel::Channel, words: &[&str]) {
    let before = sim.elapsed();
    let outcome = sim.run(unary_within(channel, "1500m"));
    let took = sim.elapsed() - before;
    outcome.expect(Code::DeadlineExceeded, words);
    assert_eq!(took, Duration::from_millis(1500));
}

/// A resolver that never says a word.
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

/// An address that swallows packets.
#[test]
fn while_the_connection_is_made() {
    let sim = Sim::new(1);
    sim.net().set_fate(address(1), ConnectFate::Silent);
    check(&sim, &channel(&sim, 1), &["198.51.100.1:50051: connecting"]);
}

/// A server that accepts and says nothing.
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

/// A server that does not answer; another call on the same connection is not disturbed.
#[test]
fn while_the_answer_is_awaited() {
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

/// A connection whose path is cut while the answer is on its way.
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

/// Calls that wait for one another's turn under MAX_CONCURRENT_STREAMS.
#[test]
fn while_other_calls_have_the_connection() {
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
    for outcome in outcomes {
        outcome.expect(Code::DeadlineExceeded, &["198.51.100.1:50051"]);
    }
    assert_eq!(sim.elapsed() - before, Duration::from_millis(1500));
}

/// A server that goes on sending: there is always data, and the deadline holds all the same.
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
        use http_body_util::BodyExt;
        use tower_service::Service;
        let request = with_timeout(request(Full::new(Bytes::new())), "1S");
        let Ok(response) = channel.clone().call(request).await;
        let mut body = response.into_body();
        let mut frames = 0;
        let trailers = loop {
            // A reader so slow that data is always there.
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

/// A call that had to wait tells the server the time that is left, not the time it had.
#[test]
fn the_server_is_told_what_is_left() {
    let sim = Sim::new(1);
    let told = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&told);
    serve(&sim, 1, Builder::new(), move |incoming| {
        let timeout = incoming.head.headers["grpc-timeout"]
            .to_str()
            .map(str::to_owned);
        *heard.lock().expect("no panic") = timeout.unwrap_or_default();
        echo(incoming)
    });
    sim.net()
        .set_latency(address(1).ip(), Duration::from_millis(500));
    let channel = channel(&sim, 1);
    // The SETTINGS come one round trip after the SYN.
    let outcome = sim.run(unary_within(&channel, "10S"));
    outcome.expect_ok();
    assert_eq!(*told.lock().expect("no panic"), "9000000u");
    // With a connection that stands, the value goes out as it was given.
    sim.run(unary_within(&channel, "10S")).expect_ok();
    assert_eq!(*told.lock().expect("no panic"), "10S");
}

/// A server that cancels the call when its time is up: what the caller sees is the deadline.
#[test]
fn a_cancel_at_the_deadline_is_the_deadline() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    // One millisecond each way: the reset comes just when the second call's time is up.
    backend
        .set_reply(CallReply::ResetStream(Reason::CANCEL.into()).after(Duration::from_millis(94)));
    let channel = channel(&sim, 1);
    sim.run(unary_within(&channel, "1S"))
        .expect(Code::Cancelled, &["CANCEL"]);
    sim.run(unary_within(&channel, "96m"))
        .expect(Code::DeadlineExceeded, &["96ms"]);
}

/// A call that waits for readiness says at its deadline what failed last.
#[test]
fn a_call_that_waits_for_readiness_says_what_failed() {
    let sim = Sim::new(1);
    sim.net().set_fate(address(1), ConnectFate::Refuse);
    let channel = channel(&sim, 1);
    let mut request = with_timeout(request(Full::new(Bytes::new())), "5S");
    request.extensions_mut().insert(WaitForReady(true));
    let outcome = sim.run(call(&channel, request));
    outcome.expect(Code::DeadlineExceeded, &["198.51.100.1:50051", "refused"]);
    assert_eq!(sim.elapsed(), Duration::from_secs(5));
}
