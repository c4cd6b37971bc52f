//! Nothing is left of connections and calls that have ended, however they ended.
//!
//! What a simulation does not show, memory and file descriptors, is in `cargo xtask bench trials`.

use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select};
use h2::server::Builder;
use http_body_util::Full;
use trunkline_backoff::Rng;
use trunkline_endpoint::{Address, Endpoint};
use trunkline_lb::ConnectivityState;
use trunkline_resolver::{ManualResolver, Resolution};
use trunkline_sim::{Sim, StuckKind};

use crate::bodies::messages;
use crate::world::{ROUND_ROBIN, address, builder, call, echo, request, serve, unary};

const MOMENT: Duration = Duration::from_secs(1);

/// Runs the simulation until nothing is left to do, and returns the number of tasks that stay.
fn tasks(sim: &Sim) -> usize {
    let stuck = sim.try_run(pending::<()>()).expect_err("a deadlock");
    assert_eq!(stuck.kind, StuckKind::Deadlock, "{stuck}");
    assert_eq!(stuck.events, [""; 0], "{stuck}");
    stuck.tasks.len()
}

/// After 1,000 connects and disconnects there are as many tasks and connections as after the first.
#[test]
fn connects_and_disconnects() {
    let sim = Sim::new(1);
    let server = serve(&sim, 1, Builder::new(), echo);
    let channel = builder(&sim, format!("ipv4:{}", address(1))).build();
    let channel = channel.expect("a channel");
    let reconnect = |times: usize| {
        let channel = &channel;
        async move {
            for _ in 0..times {
                unary(channel, b"hello").await.expect_ok();
                channel.enter_idle();
                // A call that comes before the control task has the request uses the old connection.
                channel.state_changed(ConnectivityState::Ready).await;
            }
        }
    };
    sim.run(reconnect(1));
    let (first, connections) = (tasks(&sim), sim.net().connections());
    sim.run(reconnect(999));
    assert_eq!((tasks(&sim), sim.net().connections()), (first, connections));
    assert_eq!((server.accepts(), connections), (1000, 0));
}

/// A channel to 1,000 backends has a connection to each; one for each that is left when the list
/// shrinks, and none when it is closed.
#[test]
fn a_thousand_backends() {
    let sim = Sim::new(1);
    let addresses: Vec<SocketAddr> = (0..1000_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            SocketAddr::from(([10, 0, high, low], 50051))
        })
        .collect();
    let backends: Vec<_> = addresses.iter().map(|own| sim.backend(*own)).collect();
    let list = |most: usize| {
        let endpoints = addresses.iter().take(most);
        let endpoints = endpoints.map(|own| Endpoint::from(Address::from(*own)));
        Resolution::new(endpoints.collect::<Vec<_>>())
    };
    let before = tasks(&sim);
    let resolver = ManualResolver::with_initial("fleet", list(1000));
    let channel = builder(&sim, "fleet:///x")
        .resolver(resolver.clone())
        .default_service_config(ROUND_ROBIN)
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        for most in [1000, 3, 1000] {
            let _ = resolver.update(list(most)).await;
            sim.sleep(MOMENT).await;
            assert_eq!(sim.net().connections(), most);
            for result in join_all((0..most).map(|_| unary(&channel, b"hello"))).await {
                result.expect_ok();
            }
        }
        assert!(backends.iter().all(|backend| backend.calls() > 0));
        channel.close(MOMENT).await;
        sim.sleep(MOMENT).await;
    });
    assert_eq!((tasks(&sim), sim.net().connections()), (before, 0));
}

/// Calls that are dropped at any moment, unary and streaming, cost no other call anything: all others
/// succeed on the one connection, and as many as the server allows still run at a time.
#[test]
fn one_call_in_three_is_dropped_early() {
    const CALLERS: u64 = 30;
    const LIMIT: u32 = 20;

    let sim = Sim::new(1);
    let mut http2 = Builder::new();
    http2.max_concurrent_streams(LIMIT);
    // A call that is dropped at once is reset before the server has accepted it.
    http2.max_pending_accept_reset_streams(usize::MAX);
    let server = serve(&sim, 1, http2, echo);
    let channel = builder(&sim, format!("ipv4:{}", address(1))).build();
    let channel = channel.expect("a channel");
    let caller = |seed: u64| {
        let (sim, channel) = (&sim, &channel);
        async move {
            let mut rng = Rng::from_seed(seed);
            for number in 0..60 {
                let calling = if rng.below(4) == 0 {
                    call(channel, request(messages(3, 5_000).0)).boxed()
                } else {
                    let body = Full::new(Bytes::from(vec![7; rng.below(20_000)]));
                    call(channel, request(body)).boxed()
                };
                if number % 3 != 0 {
                    calling.await.expect_ok();
                    continue;
                }
                let early = Duration::from_micros(rng.below(6_000) as u64);
                let sleep = pin!(sim.sleep(early));
                if let Either::Left((result, _)) = select(calling, sleep).await {
                    result.expect_ok();
                }
            }
        }
    };
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        join_all((0..CALLERS).map(caller)).await;
        // All places of the connection are free again: each round takes one round trip.
        sim.sleep(MOMENT).await;
        let start = sim.elapsed();
        unary(&channel, b"hello").await.expect_ok();
        let trip = sim.elapsed() - start;
        let start = sim.elapsed();
        for result in join_all((0..LIMIT).map(|_| unary(&channel, b"hello"))).await {
            result.expect_ok();
        }
        assert_eq!(sim.elapsed() - start, trip);
        let closed = channel.close(Duration::ZERO).await;
        assert_eq!(closed.cancelled_calls, 0);
        sim.sleep(MOMENT).await;
    });
    assert_eq!((server.accepts(), sim.net().connections()), (1, 0));
    // The server that listens.
    assert_eq!(tasks(&sim), 1);
}
