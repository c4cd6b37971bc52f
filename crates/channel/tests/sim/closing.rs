//! The end of a channel: `close` lets calls end until a deadline, cancels the rest, and leaves
//! nothing behind. Neither does the drop of the last clone.
//!
//! Source: [gRPC connectivity semantics, SHUTDOWN](https://github.com/grpc/grpc/blob/master/doc/connectivity-semantics-and-api.md).

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{join, join_all};
use h2::server::Builder;
use http::Response;
use http_body_util::Full;
use tower_service::Service;
use trunkline_channel::{Body, Channel, Closed, WaitForReady};
use trunkline_lb::ConnectivityState;
use trunkline_resolver::ManualResolver;
use trunkline_sim::{Sim, StuckKind};
use trunkline_status::Code;

use crate::bodies::open_body;
use crate::world::{
    ServerCall, ServerCounts, address, builder, call, channel, echo, ok_trailers, read_to_end,
    request, response_head, serve, unary,
};

const MOMENT: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Starts a server as host 1 that answers each call after a minute.
fn slow_server(sim: &Sim) -> Arc<ServerCounts> {
    let runtime = sim.runtime();
    serve(sim, 1, Builder::new(), move |incoming: ServerCall| {
        let sleep = runtime.sleep_until(runtime.now() + MINUTE);
        async move {
            sleep.await;
            echo(incoming).await;
        }
    })
}

/// Starts a server as host 1 that begins each response, and ends none.
fn endless_server(sim: &Sim) -> Arc<ServerCounts> {
    serve(sim, 1, Builder::new(), |mut incoming| async move {
        let Ok(mut open) = incoming.respond.send_response(response_head(), false) else {
            return;
        };
        // Until the client resets the call, or its connection ends.
        let _ = poll_fn(|cx| open.poll_reset(cx)).await;
    })
}

/// Begins a call, and returns the head of its response.
async fn begin(channel: &Channel) -> Response<Body> {
    let call = channel.clone().call(request(Full::new(Bytes::new())));
    let Ok(response) = call.await;
    response
}

/// Returns the result of a closing that cancelled this number of calls.
#[track_caller]
fn check_cancelled(closed: Closed, expected: u64) {
    assert_eq!(closed.cancelled_calls, expected, "{closed:?}");
}

/// Runs the simulation until nothing is left to do. Checks that no timer is left, and that no task is
/// but those of the servers.
#[track_caller]
fn check_nothing_is_left(sim: &Sim) {
    let stuck = sim.try_run(pending::<()>()).expect_err("a deadlock");
    assert_eq!(stuck.kind, StuckKind::Deadlock, "{stuck}");
    assert_eq!(stuck.events, [""; 0], "{stuck}");
    let is_server = |name: &str| name.contains("`server`") || name.contains("`backend ");
    let others = stuck.tasks.iter().filter(|name| !is_server(name));
    assert_eq!(others.count(), 0, "{stuck}");
}

/// A closed channel fails new calls with UNAVAILABLE, on all clones, and those that wait for readiness
/// as well. It is SHUTDOWN for good.
#[test]
fn new_calls_fail() {
    let sim = Sim::new(1);
    let server = serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    let clone = channel.clone();
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        check_cancelled(channel.close(MINUTE).await, 0);
        let words = ["shut down", "closed it"];
        unary(&clone, b"hello")
            .await
            .expect(Code::Unavailable, &words);
        let mut waiting = request(Full::new(Bytes::new()));
        waiting.extensions_mut().insert(WaitForReady(true));
        call(&clone, waiting)
            .await
            .expect(Code::Unavailable, &words);
        let error = channel.ready().await.expect_err("closed");
        assert_eq!(error.code(), Code::Unavailable);
        assert!(channel.connect().is_err());
        channel.enter_idle();
        sim.sleep(MOMENT).await;
        assert_eq!(clone.state(), ConnectivityState::Shutdown);
        // To close it again is no error.
        check_cancelled(clone.close(MINUTE).await, 0);
    });
    assert_eq!(server.calls(), 1);
    assert_eq!(sim.elapsed().as_secs(), 1, "nothing waited");
    check_nothing_is_left(&sim);
}

/// A channel that was never used is closed at once, and starts nothing.
#[test]
fn a_channel_that_was_not_started() {
    let sim = Sim::new(1);
    let channel = channel(&sim, 1);
    let closed = channel.close(MINUTE).now_or_never().expect("no wait");
    check_cancelled(closed, 0);
    let result = sim.run(unary(&channel, b"hello"));
    result.expect(Code::Unavailable, &["shut down"]);
    check_nothing_is_left(&sim);
}

/// Calls that have begun end as they would: those that run, and those that wait for a connection.
/// `close` returns when the last one has ended, and the state is SHUTDOWN from the start.
#[test]
fn calls_that_have_begun_may_end() {
    let sim = Sim::new(1);
    slow_server(&sim);
    let channel = channel(&sim, 1);
    sim.run(async {
        let calls = join_all((0..10).map(|_| unary(&channel, b"hello")));
        let closing = async {
            let connecting = channel.state_changed(ConnectivityState::Idle).await;
            assert_eq!(connecting, ConnectivityState::Connecting);
            let watched = channel.clone();
            let watch = async move { watched.state_changed(connecting).await };
            let (closed, state) = join(channel.close(MINUTE * 5), watch).await;
            assert_eq!(state, ConnectivityState::Shutdown);
            check_cancelled(closed, 0);
            sim.elapsed()
        };
        let (results, closed_at) = join(calls, closing).await;
        for result in results {
            result.expect_ok();
        }
        assert!(
            (MINUTE..MINUTE + MOMENT).contains(&closed_at),
            "{closed_at:?}"
        );
    });
    check_nothing_is_left(&sim);
}

/// At the deadline the calls that are left end with CANCELLED: those that wait for a response, those
/// that read one, and those that wait for a connection. They are counted.
#[test]
fn calls_are_cancelled_at_the_deadline() {
    let sim = Sim::new(1);
    endless_server(&sim);
    let channel = channel(&sim, 1);
    sim.run(async {
        let reading = begin(&channel).await;
        let (_send, body) = open_body();
        let Ok(streaming) = channel.clone().call(request(body)).await;
        let start = sim.elapsed();
        let closed = channel.close(MINUTE).await;
        check_cancelled(closed, 2);
        let took = sim.elapsed() - start;
        assert!((MINUTE..MINUTE + MOMENT).contains(&took), "{took:?}");
        for response in [reading, streaming] {
            let result = read_to_end(response).await;
            result.expect(Code::Cancelled, &["cut off", "closed the channel"]);
        }
    });
    check_nothing_is_left(&sim);

    let sim = Sim::new(1);
    slow_server(&sim);
    let channel = self::channel(&sim, 1);
    sim.run(async {
        let calls = join_all((0..10).map(|_| unary(&channel, b"hello")));
        let closing = async {
            sim.sleep(MOMENT).await;
            channel.close(Duration::ZERO).await
        };
        let (results, closed) = join(calls, closing).await;
        check_cancelled(closed, 10);
        for result in results {
            result.expect(Code::Cancelled, &["cut off"]);
        }
        assert_eq!(sim.elapsed().as_secs(), 1);
    });
    check_nothing_is_left(&sim);
}

/// A call that waits for the resolver, or for a connection that does not come, is cancelled too.
#[test]
fn waiting_calls_are_cancelled_at_the_deadline() {
    for target in ["fleet:///x", "ipv4:198.51.100.1:50051"] {
        let sim = Sim::new(1);
        let channel = builder(&sim, target)
            .resolver(ManualResolver::new("fleet"))
            .wait_for_ready(true)
            .build()
            .expect("a channel");
        sim.run(async {
            let waiting = unary(&channel, b"hello");
            let closing = async {
                sim.sleep(MOMENT).await;
                channel.close(MINUTE).await
            };
            let (result, closed) = join(waiting, closing).await;
            check_cancelled(closed, 1);
            result.expect(Code::Cancelled, &["cut off"]);
        });
        check_nothing_is_left(&sim);
    }
}

/// The server of a call that is cut off learns of it: its connection closes.
#[test]
fn servers_learn_of_the_end() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let channel = channel(&sim, 1);
    sim.run(async {
        let (_send, body) = open_body();
        let mut streaming = channel.clone().call(request(body));
        let _ = (&mut streaming).now_or_never();
        sim.sleep(MOMENT).await;
        check_cancelled(channel.close(Duration::ZERO).await, 1);
        sim.sleep(MOMENT).await;
        assert_eq!((backend.accepts(), backend.closes()), (1, 1));
    });
}

/// The first of several deadlines counts, and each caller of `close` is answered. A future of `close`
/// that is dropped does not stop the closing.
#[test]
fn several_closings() {
    let sim = Sim::new(1);
    endless_server(&sim);
    let channel = channel(&sim, 1);
    sim.run(async {
        let response = begin(&channel).await;
        assert!(channel.close(Duration::MAX).now_or_never().is_none());
        let start = sim.elapsed();
        let closings = join(channel.close(MINUTE * 2), channel.close(MINUTE)).await;
        check_cancelled(closings.0, 1);
        check_cancelled(closings.1, 1);
        assert_eq!((sim.elapsed() - start).as_secs(), 60);
        read_to_end(response)
            .await
            .expect(Code::Cancelled, &["cut off"]);
    });
    check_nothing_is_left(&sim);
}

/// While a channel closes, its calls are retried as before.
#[test]
fn a_call_is_retried_while_the_channel_closes() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let channel = channel(&sim, 1);
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        backend.kill();
        sim.sleep(MOMENT).await;
        let mut waiting = request(Full::new(Bytes::from_static(b"hello")));
        waiting.extensions_mut().insert(WaitForReady(true));
        let calling = call(&channel, waiting);
        let closing = async {
            sim.sleep(MOMENT).await;
            channel.close(MINUTE * 10).await
        };
        let restarting = async {
            sim.sleep(MINUTE).await;
            backend.restart();
        };
        let ((result, closed), ()) = join(join(calling, closing), restarting).await;
        result.expect_ok();
        check_cancelled(closed, 0);
    });
    check_nothing_is_left(&sim);
}

/// The last clone can go while the channel closes: the deadline still counts.
#[test]
fn the_deadline_counts_without_a_clone() {
    let sim = Sim::new(1);
    endless_server(&sim);
    let channel = channel(&sim, 1);
    sim.run(async {
        let response = begin(&channel).await;
        assert!(channel.close(MINUTE).now_or_never().is_none());
        drop(channel);
        let result = read_to_end(response).await;
        result.expect(Code::Cancelled, &["cut off"]);
        assert_eq!(sim.elapsed().as_secs(), 60);
    });
    check_nothing_is_left(&sim);
}

/// Dropping the last clone ends the channel: the resolver, the attempts and the connections go. A
/// response that is being read goes on, and its connection closes afterwards.
#[test]
fn dropping_the_last_clone_leaves_nothing() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    let server = serve(&sim, 1, Builder::new(), move |mut incoming: ServerCall| {
        let sleep = runtime.sleep_until(runtime.now() + MINUTE);
        async move {
            let open = incoming.respond.send_response(response_head(), false);
            sleep.await;
            let _ = open.map(|mut open| open.send_trailers(ok_trailers()));
        }
    });
    // Host 2 does not answer: an attempt runs all the time.
    let target = format!("ipv4:{},{}", address(1), address(2));
    sim.net()
        .set_fate(address(2), trunkline_sim::ConnectFate::Silent);
    let channel = builder(&sim, target)
        .load_balancing("round_robin")
        .build()
        .expect("a channel");
    sim.run(async {
        let response = begin(&channel).await;
        drop(channel);
        read_to_end(response).await.expect_ok();
    });
    assert_eq!(server.accepts(), 1);
    check_nothing_is_left(&sim);
    // Without a call, too, and in every state.
    for seconds in [0, 1, 5, 30] {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), echo);
        let channel = builder(&sim, format!("ipv4:{},{}", address(1), address(2)))
            .load_balancing("round_robin")
            .build()
            .expect("a channel");
        sim.run(async {
            channel.connect().expect("a runtime");
            sim.sleep(Duration::from_secs(seconds)).await;
            drop(channel);
        });
        check_nothing_is_left(&sim);
    }
}

/// A call that is dropped is no call any more: `close` does not wait for it.
#[test]
fn dropped_calls_are_not_waited_for() {
    let sim = Sim::new(1);
    endless_server(&sim);
    let channel = channel(&sim, 1);
    sim.run(async {
        let response = begin(&channel).await;
        let mut closing = pin!(channel.close(Duration::MAX));
        assert!((&mut closing).now_or_never().is_none());
        sim.sleep(MINUTE).await;
        assert!((&mut closing).now_or_never().is_none());
        drop(response);
        check_cancelled(closing.await, 0);
    });
    check_nothing_is_left(&sim);
}
