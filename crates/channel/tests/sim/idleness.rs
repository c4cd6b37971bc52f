//! Idleness: what a channel drops when no call uses it, and how that comes back.
//!
//! Source: [gRPC connectivity semantics](https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md)
//! and gRFC [A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md).

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, join_all, select};
use h2::server::Builder;
use http::uri::PathAndQuery;
use http_body_util::Full;
use tower_service::Service;
use trunkline_channel::{Channel, ChannelBuilder, WaitForReady};
use trunkline_lb::{ConnectivityState, SubchannelState, Watch};
use trunkline_sim::{Sim, StuckKind};

use crate::policy::{TEST_POLICY, TestPolicyFactory, WatchLog};
use crate::world::{
    ServerCall, ServerCounts, address, builder, call, echo, read_to_end, request, response_head,
    serve, unary,
};

const TIMEOUT: Duration = Duration::from_secs(80);

/// The longest delay of idleness, as a part of the timeout.
const LATE: Duration = Duration::from_secs(10);

/// A moment that is long enough for a connection.
const MOMENT: Duration = Duration::from_secs(1);

/// Returns a simulation with an echo server as host 1, and the builder of a channel to that.
fn echo_world(seed: u64) -> (Sim, Arc<ServerCounts>, ChannelBuilder) {
    let sim = Sim::new(seed);
    let server = serve(&sim, 1, Builder::new(), echo);
    let builder = builder(&sim, format!("ipv4:{}", address(1))).idle_timeout(TIMEOUT);
    (sim, server, builder)
}

/// Returns how long the channel stays READY from now on.
async fn ready_for(sim: &Sim, channel: &Channel) -> Duration {
    let start = sim.elapsed();
    let next = channel.state_changed(ConnectivityState::Ready).await;
    assert_eq!(next, ConnectivityState::Idle);
    sim.elapsed() - start
}

/// Checks that a time is the timeout, or a little more.
#[track_caller]
fn check_timeout(time: Duration) {
    let expected = TIMEOUT..=TIMEOUT + LATE + MOMENT;
    assert!(expected.contains(&time), "{time:?}");
}

/// Runs the simulation until nothing is left to do, and returns the tasks and timers that stay.
fn leftovers(sim: &Sim) -> (Vec<String>, Vec<String>) {
    let stuck = sim.try_run(pending::<()>()).expect_err("a deadlock");
    assert_eq!(stuck.kind, StuckKind::Deadlock, "{stuck}");
    (stuck.tasks, stuck.events)
}

/// On expiry of the idle timeout with no active call, the channel closes its connections; the next
/// call connects again. (connectivity semantics, IDLE)
#[test]
fn a_channel_without_calls_becomes_idle_and_comes_back() {
    let (sim, server, builder) = echo_world(1);
    let channel = builder.build().expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        check_timeout(ready_for(&sim, &channel).await);
        sim.sleep(MOMENT).await;
        unary(&channel, b"again").await.expect_ok();
    });
    assert_eq!(server.accepts(), 2);
}

/// The default timeout is 30 minutes. (gRFC A62)
#[test]
fn the_default_is_half_an_hour() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = builder(&sim, format!("ipv4:{}", address(1))).build();
    let channel = channel.expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        let minutes = ready_for(&sim, &channel).await.as_secs_f64() / 60.0;
        assert!((30.0..34.0).contains(&minutes), "{minutes}");
    });
}

/// An idle channel has no timer, and no connection: nothing is left to do. (connectivity semantics)
#[test]
fn an_idle_channel_does_nothing() {
    let (sim, _, builder) = echo_world(1);
    let channel = builder.build().expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        ready_for(&sim, &channel).await;
    });
    let (tasks, events) = leftovers(&sim);
    assert_eq!(events, [""; 0]);
    // The server that listens, and the control task.
    assert_eq!(tasks.len(), 2, "{tasks:?}");
}

/// With the timeout turned off, connections stay for ever.
#[test]
fn the_timeout_can_be_turned_off() {
    let (sim, server, builder) = echo_world(1);
    let channel = builder.disable_idle_timeout().build().expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(Duration::from_secs(20 * 3600)).await;
        assert_eq!(channel.state(), ConnectivityState::Ready);
        unary(&channel, b"again").await.expect_ok();
    });
    assert_eq!(server.accepts(), 1);
}

/// The timeout begins at the end of the last call: calls that come in time keep the channel awake,
/// one that lasts longer than the timeout does so too, and its end begins the timeout.
#[test]
fn calls_keep_the_channel_awake() {
    let sim = Sim::new(1);
    let tasks = sim.runtime();
    let slow = move |incoming: ServerCall| {
        let sleep = tasks.sleep_until(tasks.now() + TIMEOUT * 5);
        async move {
            if incoming.head.headers.contains_key("slow") {
                sleep.await;
            }
            echo(incoming).await;
        }
    };
    let server = serve(&sim, 1, Builder::new(), slow);
    let builder = builder(&sim, format!("ipv4:{}", address(1))).idle_timeout(TIMEOUT);
    let channel = builder.build().expect("a channel");
    sim.run(async {
        for _ in 0..10 {
            unary(&channel, b"hello").await.expect_ok();
            sim.sleep(TIMEOUT - MOMENT).await;
        }
        let mut slow = request(Full::new(Bytes::from_static(b"slow")));
        slow.headers_mut()
            .insert("slow", "1".parse().expect("a value"));
        call(&channel, slow).await.expect_ok();
        check_timeout(ready_for(&sim, &channel).await);
    });
    assert_eq!(server.accepts(), 1);
}

/// A response whose body is not read to its end is an open stream, which keeps the channel awake; its
/// drop begins the timeout.
#[test]
fn an_open_stream_keeps_the_channel_awake() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), |mut incoming| async move {
        let open = incoming.respond.send_response(response_head(), false);
        pending::<()>().await;
        drop(open);
    });
    let builder = builder(&sim, format!("ipv4:{}", address(1))).idle_timeout(TIMEOUT);
    let channel = builder.build().expect("a channel");
    sim.run(async {
        let stream = channel.clone().call(request(Full::new(Bytes::new())));
        let Ok(response) = stream.await;
        sim.sleep(TIMEOUT * 10).await;
        assert_eq!(channel.state(), ConnectivityState::Ready);
        drop(response);
        check_timeout(ready_for(&sim, &channel).await);
    });
}

/// A call that waits for a connection keeps the channel awake, in TRANSIENT_FAILURE as well; without
/// one, the channel becomes idle from there too. (gRFC A62)
#[test]
fn a_channel_in_transient_failure_becomes_idle() {
    let sim = Sim::new(1);
    let builder = builder(&sim, format!("ipv4:{}", address(1))).idle_timeout(TIMEOUT);
    let channel = builder.build().expect("a channel");
    sim.run(async {
        let mut waiting = request(Full::new(Bytes::new()));
        waiting.extensions_mut().insert(WaitForReady(true));
        let mut waiting = channel.clone().call(waiting);
        let long = pin!(sim.sleep(TIMEOUT * 10));
        let first = select(&mut waiting, long).await;
        assert!(matches!(first, Either::Right(_)), "the call waits");
        assert_eq!(channel.state(), ConnectivityState::TransientFailure);
        drop(waiting);
        let start = sim.elapsed();
        let failing = ConnectivityState::TransientFailure;
        assert_eq!(
            channel.state_changed(failing).await,
            ConnectivityState::Idle
        );
        check_timeout(sim.elapsed() - start);
    });
}

/// Health checks and load reports are no calls: their streams do not keep the channel awake. (gRFC
/// A17)
#[test]
fn watches_do_not_keep_the_channel_awake() {
    let (sim, server, builder) = echo_world(1);
    let watch = Watch::new(PathAndQuery::from_static("/w/W"), Bytes::from_static(b"w"));
    let log = WatchLog::default();
    let channel = builder
        .policy(TestPolicyFactory::with_watch(
            watch,
            SubchannelState::Ready,
            &log,
        ))
        .default_service_config(TEST_POLICY)
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        check_timeout(ready_for(&sim, &channel).await);
    });
    assert_eq!(server.calls(), 2, "the watch ran");
}

/// A call that races with the idle timer never fails, wherever it comes in between.
#[test]
fn a_call_that_races_with_the_timer_succeeds() {
    let (sim, server, builder) = echo_world(1);
    let channel = builder.build().expect("a channel");
    let step = Duration::from_millis(50);
    sim.run(async {
        // From a little before the time at which the channel may become idle to a little after it.
        for number in 0..300 {
            unary(&channel, b"hello").await.expect_ok();
            sim.sleep(TIMEOUT - MOMENT + step * number).await;
        }
        // Many calls at once, with `enter_idle` in between.
        for _ in 0..20 {
            let calls = (0..50).map(|number| {
                if number % 7 == 3 {
                    channel.enter_idle();
                }
                unary(&channel, b"hello")
            });
            for outcome in join_all(calls).await {
                outcome.expect_ok();
            }
        }
    });
    let accepts = server.accepts();
    assert!((100..300).contains(&accepts), "{accepts}");
}

/// `enter_idle` closes the connections that no call uses; a call in progress continues.
#[test]
fn enter_idle_leaves_calls_in_progress() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let builder = builder(&sim, format!("ipv4:{}", address(1)));
    let channel = builder.build().expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        let Ok(response) = channel
            .clone()
            .call(request(Full::new(Bytes::from_static(b"open"))))
            .await;
        channel.enter_idle();
        let next = channel.state_changed(ConnectivityState::Ready).await;
        assert_eq!(next, ConnectivityState::Idle);
        read_to_end(response).await.expect_ok();
        sim.sleep(MOMENT).await;
        assert_eq!((backend.accepts(), backend.closes()), (1, 1));
    });
}

/// `connect` leaves idleness as a call does, and counts as a use. (connectivity semantics,
/// `try_to_connect`)
#[test]
fn connect_leaves_idleness() {
    let (sim, server, builder) = echo_world(1);
    let channel = builder.build().expect("a channel");
    sim.run(async {
        assert_eq!(channel.state(), ConnectivityState::Idle);
        channel.connect().expect("a runtime");
        let next = channel.state_changed(ConnectivityState::Idle).await;
        assert_eq!(next, ConnectivityState::Connecting);
        let next = channel.state_changed(next).await;
        assert_eq!(next, ConnectivityState::Ready);
        sim.sleep(TIMEOUT / 2).await;
        channel.connect().expect("a runtime");
        check_timeout(ready_for(&sim, &channel).await);
        channel.connect().expect("a runtime");
        channel.state_changed(ConnectivityState::Idle).await;
        channel.state_changed(ConnectivityState::Connecting).await;
        assert_eq!(channel.state(), ConnectivityState::Ready);
    });
    assert_eq!(server.accepts(), 2);
}

/// `reset_connect_backoff` ends the waits between attempts; an idle channel stays idle. (connection
/// back-off)
#[test]
fn reset_connect_backoff_connects_at_once() {
    let sim = Sim::new(1);
    let channel = builder(&sim, format!("ipv4:{}", address(1))).build();
    let channel = channel.expect("a channel");
    sim.run(async {
        channel.reset_connect_backoff();
        sim.sleep(MOMENT).await;
        assert_eq!(channel.state(), ConnectivityState::Idle);
        channel.ready().await.expect_err("no server");
        // Several attempts later, the waits are minutes long.
        sim.sleep(Duration::from_secs(600)).await;
        let _server = serve(&sim, 1, Builder::new(), echo);
        let start = sim.elapsed();
        channel.reset_connect_backoff();
        let failing = ConnectivityState::TransientFailure;
        assert_eq!(
            channel.state_changed(failing).await,
            ConnectivityState::Ready
        );
        assert!(sim.elapsed() - start < MOMENT);
    });
}
