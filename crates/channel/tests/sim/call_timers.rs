//! One timer of a channel wakes all its calls at their deadlines.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use h2::server::Builder;
use http_body_util::{BodyExt, Full};
use tower_service::Service;
use trunkline_channel::Channel;
use trunkline_sim::{CallReply, Sim};
use trunkline_status::Code;

use crate::world::{
    address, call, channel, request, response_head, serve, unary, unary_within, with_timeout,
};

/// Returns the number of tasks that stay when nothing is left to do.
fn tasks(sim: &Sim) -> usize {
    let stuck = sim.try_run(pending::<()>());
    stuck.expect_err("a deadlock").tasks.len()
}

/// Makes a call with this timeout, and returns how long it took.
async fn expire(sim: &Sim, channel: &Channel, millis: u64) -> Duration {
    let before = sim.elapsed();
    let mut request = request(Full::new(Bytes::new()));
    let timeout = format!("{millis}m").parse().expect("a header value");
    request.headers_mut().insert("grpc-timeout", timeout);
    let outcome = call(channel, request).await;
    outcome.expect(Code::DeadlineExceeded, &["waiting for"]);
    sim.elapsed() - before
}

/// Calls with different timeouts, begun in any order and side by side, end each at its own time.
#[test]
fn each_call_ends_at_its_own_deadline() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello")).expect_ok();
    backend.set_reply(CallReply::Never);
    let timeouts: Vec<u64> = (0..300).map(|call| 1 + call * 7919 % 997).collect();
    let calls = timeouts.iter().enumerate().map(|(at, timeout)| {
        let (sim, channel) = (&sim, &channel);
        async move {
            sim.sleep(Duration::from_millis(at as u64 % 50)).await;
            expire(sim, channel, *timeout).await
        }
    });
    let took = sim.run(join_all(calls));
    let expected: Vec<Duration> = timeouts.into_iter().map(Duration::from_millis).collect();
    assert_eq!(took, expected);
}

/// A timer that is set to a far deadline does not delay a call with a near one, and a call whose
/// deadline has passed when it is made ends at once.
#[test]
fn a_near_deadline_after_a_far_one() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello")).expect_ok();
    backend.set_reply(CallReply::Never);
    let near = async {
        sim.sleep(Duration::from_secs(1)).await;
        let near = expire(&sim, &channel, 5).await;
        (near, expire(&sim, &channel, 0).await)
    };
    let (far, near) = sim.run(join(expire(&sim, &channel, 60_000), near));
    assert_eq!(far, Duration::from_secs(60));
    assert_eq!(near, (Duration::from_millis(5), Duration::ZERO));
}

/// A call that is dropped leaves the timer at once, and the others end at their own deadlines.
#[test]
fn dropped_calls_leave_the_others_alone() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello")).expect_ok();
    backend.set_reply(CallReply::Never);
    let took = sim.run(async {
        let mut kept = pin!(expire(&sim, &channel, 200));
        assert_eq!((&mut kept).now_or_never(), None);
        let mut dropped: Vec<_> = (0..100)
            .map(|call| Box::pin(expire(&sim, &channel, 100 + call)))
            .collect();
        for call in &mut dropped {
            assert_eq!(call.now_or_never(), None);
        }
        sim.sleep(Duration::from_millis(50)).await;
        drop(dropped);
        kept.await
    });
    assert_eq!(took, Duration::from_millis(200));
}

/// The deadline of a response holds after its channel is gone, and then nothing is left of the timer.
#[test]
fn a_response_outlives_its_channel() {
    let sim = Sim::new(1);
    let before = tasks(&sim);
    serve(&sim, 1, Builder::new(), |mut incoming| async move {
        let sending = incoming.respond.send_response(response_head(), false);
        let mut open = sending.expect("an open stream");
        let _ = poll_fn(|cx| open.poll_reset(cx)).await;
    });
    let served = tasks(&sim);
    assert!(served > before);
    let channel = channel(&sim, 1);
    let request = with_timeout(request(Full::new(Bytes::new())), "3S");
    let Ok(response) = sim.run(channel.clone().call(request));
    drop(channel);
    let frame = sim.run(async move { response.into_body().frame().await });
    let frame = frame.expect("trailers").expect("no error");
    let trailers = frame.into_trailers().expect("trailers");
    assert_eq!(trailers["grpc-status"], "4");
    assert_eq!(sim.elapsed(), Duration::from_secs(3));
    assert_eq!(tasks(&sim), served);
}

/// Once its calls have ended, a channel has one task more for its timer, and none is left of it when the
/// channel is dropped.
#[test]
fn the_timer_ends_with_its_channel() {
    let sim = Sim::new(1);
    let _backend = sim.backend(address(1));
    let before = tasks(&sim);
    let channel = channel(&sim, 1);
    sim.run(unary(&channel, b"hello")).expect_ok();
    let without = tasks(&sim);
    for _ in 0..100 {
        sim.run(unary_within(&channel, "10S")).expect_ok();
    }
    assert_eq!(tasks(&sim), without + 1);
    drop(channel);
    assert_eq!(tasks(&sim), before);
}
