//! Keepalive through a channel: a backend that is stopped or unplugged is left, and the calls go to the
//! others.
//!
//! Source: [gRFC A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use h2::Reason;
use trunkline_channel::{Channel, ChannelEvent, ConnectionLostReason, Observer};
use trunkline_runtime::Lock;
use trunkline_sim::{Net, Sim};
use trunkline_status::{Code, Status};
use trunkline_transport::KeepaliveOptions;

use crate::raw;
use crate::world::{ROUND_ROBIN, address, builder, unary};

const SECOND: Duration = Duration::from_secs(1);

/// The keepalive of the tests: 10 s, the shortest time that gRPC allows, and this time-out.
fn keepalive(timeout: Duration) -> KeepaliveOptions {
    KeepaliveOptions::default()
        .with_time(10 * SECOND)
        .with_timeout(timeout)
}

/// Records the reasons for which connections were lost, and the keepalive times that were raised.
#[derive(Clone, Debug, Default)]
struct Losses {
    lost: Arc<Lock<Vec<(ConnectionLostReason, String)>>>,
    raised: Arc<Lock<Vec<Duration>>>,
}

impl Observer for Losses {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        match event {
            ChannelEvent::Lost { why, .. } => {
                self.lost.lock().push((why.reason(), why.to_string()));
            }
            ChannelEvent::KeepaliveRaised { time } => self.raised.lock().push(*time),
            _ => {}
        }
    }
}

/// The calls of one stage: how many each host answered, and how the others ended.
#[derive(Debug, Default)]
struct Tally {
    answers: BTreeMap<u8, u64>,
    failures: Vec<Status>,
}

/// Makes this number of calls a second for this time, and waits for the end of all.
async fn load(sim: &Sim, channel: &Channel, rate: u32, time: Duration) -> Tally {
    let runtime = sim.runtime();
    let (done, results) = async_channel::unbounded();
    let calls = time.as_secs() * u64::from(rate);
    for _ in 0..calls {
        let (channel, done) = (channel.clone(), done.clone());
        runtime.spawn(Box::pin(async move {
            let _ = done.try_send(unary(&channel, b"hello").await);
        }));
        sim.sleep(SECOND / rate).await;
    }
    let mut tally = Tally::default();
    for _ in 0..calls {
        let result = results.recv().await.expect("an end for each call");
        if result.status.code() == Code::Ok {
            *tally.answers.entry(result.host()).or_default() += 1;
        } else {
            tally.failures.push(result.status);
        }
    }
    tally
}

/// Checks the calls while one of two backends is stopped, and after it goes on.
///
/// A stopped process leaves its connections open, and its kernel takes new ones. Only keepalive finds
/// that out. `stop` and `go_on` are what happens to the host with number 1.
fn check_one_of_two(
    rate: u32,
    timeout: Duration,
    stop: impl Fn(&Net, IpAddr),
    go_on: impl Fn(&Net, IpAddr),
) {
    let sim = Sim::new(1);
    let _backends = [1, 2].map(|host| sim.backend(address(host)));
    let target = format!("ipv4:{},{}", address(1), address(2));
    let losses = Losses::default();
    let channel = builder(&sim, target)
        .default_service_config(ROUND_ROBIN)
        .keepalive(keepalive(timeout))
        .observer(losses.clone())
        .build()
        .expect("a channel");
    let per_second = u64::from(rate);
    let is_shared = |tally: &Tally| {
        let [one, two] = [1, 2].map(|host| tally.answers.get(&host).copied().unwrap_or(0));
        one.abs_diff(two) <= per_second / 10 + 1
    };
    sim.run(async {
        let well = load(&sim, &channel, rate, 2 * SECOND).await;
        assert!(well.failures.is_empty() && is_shared(&well), "{well:?}");

        stop(&sim.net(), address(1).ip());
        let limit = 10 * SECOND + timeout;
        let stopped = load(&sim, &channel, rate, limit + SECOND).await;
        assert_eq!(stopped.answers.keys().collect::<Vec<_>>(), [&2]);
        // Half of the calls that began before the connection was given up were on it.
        let (lost, half) = (stopped.failures.len() as u64, limit.as_secs() * per_second / 2);
        assert!(lost.abs_diff(half) <= per_second / 10 + 1, "{lost} of {half}");
        let text = format!(
            "connection to {} lost: keepalive timed out: nothing came for 10s, and then no answer to \
             a PING within {timeout:?}",
            address(1)
        );
        for status in &stopped.failures {
            let found = (status.code(), status.message());
            assert_eq!(found, (Code::Unavailable, &*text));
        }

        // After that no call fails, and none is sent to it.
        let after = load(&sim, &channel, rate, 3 * SECOND).await;
        assert_eq!(after.failures, []);
        assert_eq!(after.answers.keys().collect::<Vec<_>>(), [&2]);

        go_on(&sim.net(), address(1).ip());
        // Longer than the deadline of an attempt to connect, and the back-off.
        sim.sleep(60 * SECOND).await;
        let again = load(&sim, &channel, rate, 2 * SECOND).await;
        assert!(again.failures.is_empty() && is_shared(&again), "{again:?}");
    });
    let (time, lost) = (10 * SECOND, losses.lost.lock());
    let reason = ConnectionLostReason::KeepaliveTimeout { time, timeout };
    assert_eq!(
        lost.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(),
        [reason]
    );
}

/// A backend whose process is stopped (SIGSTOP) is left within time and time-out, and gets its share
/// again when it goes on.
#[test]
fn a_stopped_backend_is_left() {
    check_one_of_two(
        100,
        2 * SECOND,
        |net, ip| net.freeze(ip),
        |net, ip| net.thaw(ip),
    );
}

/// The same with a shorter time-out.
#[test]
fn a_stopped_backend_is_left_earlier() {
    check_one_of_two(
        100,
        SECOND,
        |net, ip| net.freeze(ip),
        |net, ip| net.thaw(ip),
    );
}

/// The same for a backend that is unplugged: no packet comes or goes.
#[test]
fn an_unplugged_backend_is_left() {
    check_one_of_two(
        20,
        2 * SECOND,
        |net, ip| net.cut(ip),
        |net, ip| net.heal(ip),
    );
}

/// A server that gets too many PINGs, and ends the connection for that reason, doubles the time for the
/// channel's later connections. (A8: "GOAWAY with too_many_pings")
#[test]
fn too_many_pings_double_the_time() {
    let sim = Sim::new(1);
    let counts = raw::serve(&sim, 1, |connection, event| {
        Some(match event {
            raw::ServerEvent::Accepted => raw::settings(),
            raw::ServerEvent::Call(stream) if connection < 2 => {
                let bye = raw::go_away(stream, Reason::ENHANCE_YOUR_CALM, b"too_many_pings");
                [raw::answer_ok(stream), bye].concat()
            }
            raw::ServerEvent::Call(_) => Vec::new(),
        })
    });
    let losses = Losses::default();
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .keepalive(keepalive(SECOND))
        .observer(losses.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        for _ in 0..2 {
            unary(&channel, b"hello").await.expect_ok();
            sim.sleep(SECOND).await;
        }
        let began = sim.elapsed();
        let silent = unary(&channel, b"hello").await;
        silent.expect(Code::Unavailable, &["nothing came for 40s", "within 1s"]);
        assert_eq!((sim.elapsed() - began).as_secs(), 41);
    });
    assert_eq!(counts.accepts(), 3);
    assert_eq!(*losses.raised.lock(), [20 * SECOND, 40 * SECOND]);
    let (_, text) = losses.lost.lock()[0].clone();
    let expected = format!(
        "{} sent GOAWAY (ENHANCE_YOUR_CALM, \"too_many_pings\")",
        address(1)
    );
    assert_eq!(text, expected);
}

/// A shorter time than 10 s is raised to 10 s.
#[test]
fn the_time_has_a_floor() {
    let sim = Sim::new(1);
    raw::serve_calls(&sim, 1, |_| Vec::new());
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .keepalive(keepalive(SECOND).with_time(SECOND))
        .build()
        .expect("a channel");
    sim.run(async {
        let silent = unary(&channel, b"hello").await;
        silent.expect(Code::Unavailable, &["nothing came for 10s"]);
        assert_eq!(sim.elapsed().as_secs(), 11);
    });
}
