//! Names, balancing and faults: resolver, policy and connections together.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use h2::Reason;
use trunkline_channel::Channel;
use trunkline_endpoint::Endpoint;
use trunkline_lb::ConnectivityState;
use trunkline_resolver::{AddressFamilies, DnsOptions, ManualResolver, Resolution};
use trunkline_sim::dns::{Data, DnsServer};
use trunkline_sim::{CallReply, ConnectFate, Sim};
use trunkline_status::Code;

use crate::raw::{self, ServerEvent, go_away, settings};
use crate::world::{ROUND_ROBIN, address, builder, channel, unary, unary_within};

/// A channel to `dns:///greeter.test:50051` with round_robin, by a server on host 53.
fn named(sim: &Sim) -> Channel {
    let mut server = address(53);
    server.set_port(53);
    let mut options = DnsOptions::default().servers(vec![server]);
    options.families = AddressFamilies::Ipv4Only;
    options.pacing.min_interval = Duration::from_secs(5);
    builder(sim, "dns:///greeter.test:50051")
        .dns(options)
        .default_service_config(ROUND_ROBIN)
        .build()
        .expect("a channel")
}

fn dns_server(sim: &Sim) -> DnsServer {
    let mut server = address(53);
    server.set_port(53);
    sim.dns_server(server)
}

fn insert(server: &DnsServer, host: u8) {
    let IpAddr::V4(ip) = address(host).ip() else {
        panic!("an IPv4 address")
    };
    server.insert("greeter.test", 5, Data::A(ip));
}

/// How many of so many calls, one after the other, each host answered. All must succeed.
async fn shares(channel: &Channel, calls: usize) -> BTreeMap<u8, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..calls {
        let host = unary(channel, b"hello").await.expect_ok().host();
        *shares.entry(host).or_default() += 1;
    }
    shares
}

/// Hosts that DNS names get equal shares; one that comes is found when the TTL runs out, one that
/// goes gets no calls, and nothing fails.
#[test]
fn backends_come_and_go_by_dns() {
    let sim = Sim::new(1);
    let server = dns_server(&sim);
    let backends = [1, 2, 3].map(|host| sim.backend(address(host)));
    insert(&server, 1);
    insert(&server, 2);
    let channel = named(&sim);
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
    // The connections that nobody needs any more are closed.
    assert_eq!(backends.map(|backend| backend.closes()), [1, 0, 1]);
}

/// A backend that says GOAWAY and ends, while calls run at it: none fails.
#[test]
fn a_graceful_stop_fails_no_call() {
    let sim = Sim::new(1);
    let server = dns_server(&sim);
    let backends = [1, 2].map(|host| sim.backend(address(host)));
    for backend in &backends {
        backend.set_reply(CallReply::Echo.after(Duration::from_millis(30)));
    }
    insert(&server, 1);
    insert(&server, 2);
    let channel = named(&sim);
    sim.run(async {
        let calls = (0..500).map(|number| {
            let (sim, channel) = (&sim, &channel);
            async move {
                sim.sleep(Duration::from_millis(number)).await;
                unary(channel, b"hello").await.expect_ok();
            }
        });
        let stop = async {
            sim.sleep(Duration::from_millis(250)).await;
            backends[0].stop_gracefully();
        };
        futures_util::future::join(join_all(calls), stop).await;
    });
    assert_eq!(backends[0].calls() + backends[1].calls(), 500);
}

/// A backend that dies: only calls that it may have acted on fail, and they name it.
#[test]
fn a_kill_fails_only_calls_that_were_sent() {
    let sim = Sim::new(1);
    let server = dns_server(&sim);
    let backends = [1, 2].map(|host| sim.backend(address(host)));
    for backend in &backends {
        backend.set_reply(CallReply::Echo.after(Duration::from_millis(30)));
    }
    insert(&server, 1);
    insert(&server, 2);
    let channel = named(&sim);
    let failed = sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
        let calls = (0..500).map(|number| {
            let (sim, channel) = (&sim, &channel);
            async move {
                sim.sleep(Duration::from_millis(number)).await;
                unary(channel, b"hello").await
            }
        });
        let kill = async {
            sim.sleep(Duration::from_millis(250)).await;
            backends[0].kill();
        };
        let (outcomes, ()) = futures_util::future::join(join_all(calls), kill).await;
        let mut failed = 0;
        for outcome in outcomes {
            if outcome.status.code() != Code::Ok {
                outcome.expect(Code::Unavailable, &["198.51.100.1:50051"]);
                failed += 1;
            }
        }
        failed
    });
    // Those that were on their way within 32 ms, of every second call.
    assert!((1..=18).contains(&failed), "{failed} calls failed");
}

/// The standard back-off, as the network sees it: attempts start 1 s, 1.6 s, 2.56 s.. after each
/// other, give or take a fifth, and a call that waits is answered as soon as there is a server.
#[test]
fn back_off_on_the_wire() {
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

fn trace(sim: &Sim) -> String {
    let lines = sim
        .trace()
        .into_iter()
        .map(|event| event.to_string() + "\n");
    lines.collect()
}

/// A server that says GOAWAY with its SETTINGS has not taken the connection: the attempt has
/// failed, says why, and is followed by a back-off, not by a storm.
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

/// A server that takes each connection, says SETTINGS and closes before it answered anything: it is
/// dialled no more often than one that refuses.
#[test]
fn a_server_that_closes_at_once_is_not_stormed() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    let mut listener = sim.net().listen(address(1)).expect("a free address");
    let accepts = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&accepts);
    sim.spawn("closing server", async move {
        use futures_util::io::AsyncWriteExt;
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
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
    let accepts = accepts.load(std::sync::atomic::Ordering::Relaxed);
    assert!((2..=12).contains(&accepts), "{accepts} connections in 10 s");
}

/// A server that rotates its connections as soon as they have served: nobody waits for that.
#[test]
fn a_server_that_rotates_connections_is_dialled_at_once() {
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

/// When the last handle of a channel goes, calls under way finish, and then all connections close.
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
                let request = crate::world::request(http_body_util::Full::new(bytes::Bytes::new()));
                let mut channel = channel;
                let calling = tower_service::Service::call(&mut channel, request);
                drop(channel);
                let Ok(response) = calling.await;
                crate::world::read_to_end(response).await
            }
        };
        let drop_it = async {
            sim.sleep(Duration::from_secs(1)).await;
            drop(channel);
        };
        let (outcome, ()) = futures_util::future::join(calling, drop_it).await;
        outcome.expect_ok();
        sim.sleep(Duration::from_secs(1)).await;
    });
    assert_eq!((backend.accepts(), backend.closes()), (1, 1));
    assert_eq!(sim.net().connections(), 0);
}

/// A channel that is dropped at any moment of its start leaves nothing behind.
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

/// A state is seen when it changes.
#[test]
fn state_changes_are_told() {
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

/// The same seed gives the same run, event by event, with faults and all.
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
        let channel = named(&sim);
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

/// An endpoint whose first address swallows packets: the second is tried 250 ms later (gRFC A61), and
/// the call is answered as soon as that one stands.
#[test]
fn the_second_address_of_an_endpoint() {
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
