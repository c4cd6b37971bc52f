//! Resolver, policy and connections together: names, balancing and faults.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use futures_util::io::AsyncWriteExt;
use h2::Reason;
use http_body_util::Full;
use tower_service::Service;
use trunkline_channel::Channel;
use trunkline_endpoint::Endpoint;
use trunkline_lb::ConnectivityState;
use trunkline_resolver::{AddressFamilies, DnsOptions, ManualResolver, Resolution};
use trunkline_sim::dns::{Behaviour, Data, DnsServer};
use trunkline_sim::{Backend, CallReply, ConnectFate, Sim};
use trunkline_status::Code;

use crate::raw::{self, ServerEvent, go_away, settings};
use crate::world::{
    CallResult, ROUND_ROBIN, address, builder, channel, read_to_end, request, unary, unary_within,
};

/// Returns a channel to `dns:///greeter.test:50051` with round_robin, which asks the DNS server on
/// host 53.
fn dns_channel(sim: &Sim) -> Channel {
    let mut server = address(53);
    server.set_port(53);
    let mut options = DnsOptions::default().with_servers(vec![server]);
    options.families = AddressFamilies::Ipv4Only;
    options.pacing.min_interval = Duration::from_secs(5);
    builder(sim, "dns:///greeter.test:50051")
        .dns(options)
        .default_service_config(ROUND_ROBIN)
        .build()
        .expect("a channel")
}

/// Starts the DNS server on host 53.
fn dns_server(sim: &Sim) -> DnsServer {
    let mut server = address(53);
    server.set_port(53);
    sim.dns_server(server)
}

/// Adds the address of a host to `greeter.test`, with a TTL of 5 s.
fn insert(server: &DnsServer, host: u8) {
    let IpAddr::V4(ip) = address(host).ip() else {
        panic!("an IPv4 address")
    };
    server.insert("greeter.test", 5, Data::A(ip));
}

/// Makes `calls` calls one after the other, which must succeed, and returns how many of them each
/// host answered.
async fn shares(channel: &Channel, calls: usize) -> BTreeMap<u8, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..calls {
        let host = unary(channel, b"hello").await.expect_ok().host();
        *shares.entry(host).or_default() += 1;
    }
    shares
}

/// Returns two backends that answer after 30 ms, and a channel to them.
fn slow_backends(sim: &Sim) -> ([Backend; 2], Channel) {
    let server = dns_server(sim);
    let backends = [1, 2].map(|host| sim.backend(address(host)));
    for backend in &backends {
        backend.set_reply(CallReply::Echo.after(Duration::from_millis(30)));
    }
    insert(&server, 1);
    insert(&server, 2);
    (backends, dns_channel(sim))
}

/// Makes 500 calls, one every millisecond, with `fault` after 250 ms, and returns their results.
async fn calls_around(sim: &Sim, channel: &Channel, fault: impl FnOnce()) -> Vec<CallResult> {
    let calls = (0..500).map(|number| async move {
        sim.sleep(Duration::from_millis(number)).await;
        unary(channel, b"hello").await
    });
    let fault = async {
        sim.sleep(Duration::from_millis(250)).await;
        fault();
    };
    let (outcomes, ()) = join(join_all(calls), fault).await;
    outcomes
}

/// The addresses of a DNS name receive equal shares of the calls. When the TTL has run out, a new
/// address receives its share and a removed one receives no calls; no call fails.
#[test]
fn backends_come_and_go_by_dns() {
    let sim = Sim::new(1);
    let server = dns_server(&sim);
    let backends = [1, 2, 3].map(|host| sim.backend(address(host)));
    insert(&server, 1);
    insert(&server, 2);
    let channel = dns_channel(&sim);
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
        assert_eq!(
            shares(&channel, 60).await,
            BTreeMap::from([(1, 30), (2, 30)])
        );
        insert(&server, 3);
        sim.sleep(Duration::from_secs(12)).await;
        assert_eq!(
            shares(&channel, 60).await,
            BTreeMap::from([(1, 20), (2, 20), (3, 20)])
        );
        server.remove("greeter.test");
        insert(&server, 2);
        sim.sleep(Duration::from_secs(12)).await;
        assert_eq!(shares(&channel, 60).await, BTreeMap::from([(2, 60)]));
    });
    // Only the connections to the removed addresses are closed.
    assert_eq!(backends.map(|backend| backend.closes()), [1, 0, 1]);
}

/// No call fails when a backend sends GOAWAY, finishes its calls and closes.
#[test]
fn a_graceful_stop_fails_no_call() {
    let sim = Sim::new(1);
    let (backends, channel) = slow_backends(&sim);
    sim.run(async {
        for outcome in calls_around(&sim, &channel, || backends[0].stop_gracefully()).await {
            outcome.expect_ok();
        }
    });
    assert_eq!(backends[0].calls() + backends[1].calls(), 500);
}

/// When a backend is killed, only calls that it may have acted on fail, and their messages contain
/// its address.
#[test]
fn a_kill_fails_only_calls_that_were_sent() {
    let sim = Sim::new(1);
    let (backends, channel) = slow_backends(&sim);
    let failed = sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
        let mut failed = 0;
        for outcome in calls_around(&sim, &channel, || backends[0].kill()).await {
            if outcome.status.code() != Code::Ok {
                outcome.expect(Code::Unavailable, &["198.51.100.1:50051"]);
                failed += 1;
            }
        }
        failed
    });
    // Every second call goes to the killed backend, and a call runs for 32 ms.
    assert!((1..=18).contains(&failed), "{failed} calls failed");
}

/// Attempts to a server that refuses them start 1 s, 1.6 s, 2.56 s and so on after each other, with
/// a jitter of 20 %.
#[test]
fn attempts_back_off_on_the_network() {
    let sim = Sim::new(7);
    sim.net().set_fate(address(1), ConnectFate::Refuse);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .default_service_config(ROUND_ROBIN)
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello")
            .await
            .expect(Code::Unavailable, &["198.51.100.1:50051", "refused"]);
        sim.sleep(Duration::from_secs(30)).await;
    });
    let starts: Vec<Duration> = sim
        .trace()
        .into_iter()
        .filter(|event| event.what.contains("connects to 198.51.100.1:50051"))
        .map(|event| event.at)
        .collect();
    assert!(starts.len() >= 5, "{starts:?}\n{}", trace(&sim));
    let mut expected = 1.0;
    for pair in starts.windows(2) {
        let share = (pair[1] - pair[0]).as_secs_f64() / expected;
        assert!((0.79..=1.21).contains(&share), "{starts:?}");
        expected *= 1.6;
    }
}

/// Returns the trace of a simulation, one event a line.
fn trace(sim: &Sim) -> String {
    let lines = sim
        .trace()
        .into_iter()
        .map(|event| event.to_string() + "\n");
    lines.collect()
}

/// A GOAWAY together with the SETTINGS fails the connection attempt: the message has its reason and
/// debug data, and a back-off follows.
#[test]
fn a_goaway_with_the_settings_is_a_failed_attempt() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |_, event| match event {
        ServerEvent::Accepted => {
            Some([settings(), go_away(0, Reason::ENHANCE_YOUR_CALM, b"full")].concat())
        }
        ServerEvent::Call(_) => None,
    });
    let channel = channel(&sim, 1);
    sim.run(unary_within(&channel, "3S")).expect(
        Code::Unavailable,
        &["198.51.100.1:50051", "ENHANCE_YOUR_CALM", "full"],
    );
    sim.run(sim.sleep(Duration::from_secs(10)));
    assert!(
        (2..=6).contains(&counts.accepts()),
        "{} attempts",
        counts.accepts()
    );
}

/// A server that accepts connections, sends SETTINGS and closes before it has answered a call is
/// dialed no more often than one that refuses connections.
#[test]
fn a_server_that_closes_at_once_is_dialed_with_back_off() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    let mut listener = sim.net().listen(address(1)).expect("a free address");
    let accepts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepts);
    sim.spawn("closing server", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            let _ = stream.write_all(&settings()).await;
            runtime
                .sleep_until(runtime.now() + Duration::from_millis(5))
                .await;
        }
    });
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .default_service_config(ROUND_ROBIN)
        .build()
        .expect("a channel");
    channel.connect().expect("a runtime");
    sim.run(sim.sleep(Duration::from_secs(10)));
    let accepts = accepts.load(Ordering::Relaxed);
    assert!((2..=12).contains(&accepts), "{accepts} connections in 10 s");
}

/// After a connection that has answered a call, the next attempt starts at once: a server that
/// closes connections regularly delays no call.
#[test]
fn a_server_that_rotates_connections_is_dialed_at_once() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let channel = channel(&sim, 1);
    sim.run(async {
        for _ in 0..50 {
            backend.push_reply(CallReply::GoAway);
            unary(&channel, b"hello").await.expect_ok();
        }
    });
    assert!(
        sim.elapsed() < Duration::from_secs(1),
        "{:?}",
        sim.elapsed()
    );
}

/// After the last handle of a channel is dropped, its running calls finish, and then all
/// connections close.
#[test]
fn a_dropped_channel_finishes_its_calls() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    backend.set_reply(CallReply::Echo.after(Duration::from_secs(5)));
    let channel = channel(&sim, 1);
    sim.run(async {
        let calling = {
            let channel = channel.clone();
            async move {
                let mut channel = channel;
                let calling = channel.call(request(Full::new(Bytes::new())));
                drop(channel);
                let Ok(response) = calling.await;
                read_to_end(response).await
            }
        };
        let drop_channel = async {
            sim.sleep(Duration::from_secs(1)).await;
            drop(channel);
        };
        let (outcome, ()) = join(calling, drop_channel).await;
        outcome.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
    });
    assert_eq!((backend.accepts(), backend.closes()), (1, 1));
    assert_eq!(sim.net().connections(), 0);
}

/// A channel that is dropped at any moment of its start leaves no connection open.
#[test]
fn a_channel_dropped_while_it_connects_leaves_nothing() {
    for moment in (0..8_000).step_by(250) {
        let sim = Sim::new(moment);
        let _backend = sim.backend(address(1));
        let channel = channel(&sim, 1);
        sim.run(async {
            channel.connect().expect("a runtime");
            sim.sleep(Duration::from_micros(moment)).await;
            drop(channel);
            sim.sleep(Duration::from_secs(60)).await;
        });
        assert_eq!(sim.net().connections(), 0, "dropped after {moment} us");
    }
}

/// `state_changed` returns each new state of the channel.
#[test]
fn state_changes_are_returned() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let channel = channel(&sim, 1);
    sim.run(async {
        assert_eq!(channel.state(), ConnectivityState::Idle);
        channel.connect().expect("a runtime");
        let state = channel.state_changed(ConnectivityState::Idle).await;
        assert_eq!(state, ConnectivityState::Connecting);
        let state = channel.state_changed(state).await;
        assert_eq!(state, ConnectivityState::Ready);
        backend.kill();
        let state = channel.state_changed(state).await;
        assert_eq!(state, ConnectivityState::Idle);
    });
}

/// Two runs with the same seed have the same trace, also with faults.
#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let sim = Sim::new(seed);
        let server = dns_server(&sim);
        let backends = [1, 2, 3].map(|host| sim.backend(address(host)));
        for host in [1, 2, 3] {
            insert(&server, host);
            sim.net()
                .set_jitter(address(host).ip(), Duration::from_millis(3));
        }
        sim.net().set_udp_loss(address(53).ip(), 0.3);
        let channel = dns_channel(&sim);
        sim.run(async {
            for round in 0..20 {
                let outcomes = join_all((0..10).map(|_| unary_within(&channel, "2S"))).await;
                let ok = outcomes
                    .iter()
                    .filter(|it| it.status.code() == Code::Ok)
                    .count();
                sim.note(format!("round {round}: {ok} of 10"));
                match round {
                    5 => backends[0].kill(),
                    8 => sim.net().cut(address(2).ip()),
                    11 => backends[0].restart(),
                    14 => sim.net().heal(address(2).ip()),
                    17 => backends[2].stop_gracefully(),
                    _ => {}
                }
                sim.sleep(Duration::from_secs(1)).await;
            }
        });
        trace(&sim)
    };
    for seed in 0..4 {
        let first = run(seed);
        assert!(first.lines().count() > 500);
        if let Some((one, other)) = first.lines().zip(run(seed).lines()).find(|(a, b)| a != b) {
            panic!("seed {seed}: {one}\nthen: {other}");
        }
    }
    assert_ne!(run(0), run(1));
}

/// When the first address of an endpoint does not answer, an attempt to the second starts 250 ms
/// later, and its connection serves the call.
///
/// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
#[test]
fn the_second_address_is_tried_after_the_attempt_delay() {
    let sim = Sim::new(1);
    let silent = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7], 50051));
    sim.net().set_fate(silent, ConnectFate::Silent);
    let backend = sim.backend(address(1));
    let endpoint = Endpoint::new([silent, address(1)]);
    let resolver = ManualResolver::with_initial("fleet", Resolution::new([endpoint]));
    let channel = builder(&sim, "fleet:///x")
        .resolver(resolver)
        .default_service_config(ROUND_ROBIN)
        .build()
        .expect("a channel");
    sim.run(unary(&channel, b"hello")).expect_ok();
    // One round trip to connect, one for the call.
    assert_eq!(sim.elapsed(), Duration::from_millis(254));
    assert_eq!(backend.accepts(), 1);
}

/// While the DNS server is silent, the deadline of a waiting call names the server and the question.
#[test]
fn a_silent_dns_server_is_named() {
    let sim = Sim::new(1);
    dns_server(&sim).behave_by_default(Behaviour {
        drop: true,
        ..Behaviour::default()
    });
    let result = sim.run(unary_within(&dns_channel(&sim), "2S"));
    let words = [
        "greeter.test:50051 to be resolved",
        "no answer yet from 198.51.100.53:53 over udp for greeter.test. A",
    ];
    result.expect(Code::DeadlineExceeded, &words);
}
