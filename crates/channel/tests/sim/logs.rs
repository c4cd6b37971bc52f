//! The log lines of a channel, and the spans of its calls (the feature `tracing`).

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use h2::server::Builder;
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Instrument, Level};
use trunkline_channel::{CallStarted, Channel, Observer};
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{ManualResolver, Resolution, ResolveError, ResolveErrorKind};
use trunkline_runtime::Lock;
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::retries::{Answer, retrying, scripted};
use crate::world::{address, builder, echo, serve, unary};

/// What a subscriber writes.
#[derive(Clone, Default)]
struct Lines(Arc<Lock<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `run` under a subscriber that writes up to `level`, and returns the lines without the id and the
/// target of the channel.
fn lines(level: Level, run: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    // While there is one subscriber, `tracing` asks that of the thread which first comes to a place in the
    // code, for all threads. Other tests run without one. So there are always more.
    static OTHERS: OnceLock<[Dispatch; 2]> = OnceLock::new();
    let silent = || tracing_subscriber::fmt().with_max_level(LevelFilter::OFF);
    OTHERS.get_or_init(|| [silent(), silent()].map(|own| Dispatch::new(own.finish())));
    tracing::subscriber::with_default(subscriber, || {
        tracing::callsite::rebuild_interest_cache();
        run();
    });
    let text = String::from_utf8(lines.0.lock().clone()).expect("UTF-8");
    let ours = text.lines().filter(|line| line.contains("trunkline::"));
    let plain = ours.map(|line| {
        let is_plain = |word: &&str| !word.starts_with("channel.");
        let words = line.split(' ').filter(is_plain);
        words.collect::<Vec<_>>().join(" ").trim().to_owned()
    });
    plain.collect()
}

/// The target of hosts 1 to `count`.
fn hosts(count: u8) -> String {
    let addresses = (1..=count).map(|host| address(host).to_string());
    format!("ipv4:{}", addresses.collect::<Vec<_>>().join(","))
}

/// Connects, and waits for `time`.
fn connect(sim: &Sim, channel: &Channel, time: Duration) {
    sim.run(async {
        channel.connect().expect("a runtime");
        sim.sleep(time).await;
    });
}

/// At the level INFO, a line gives each change of the channel, with the reason of a failure. A backend
/// that cannot be reached is a line once, whatever the number of attempts.
#[test]
fn a_failing_backend_is_one_line() {
    let logged = lines(Level::INFO, || {
        let sim = Sim::new(1);
        let channel = builder(&sim, hosts(1)).build().expect("a channel");
        connect(&sim, &channel, Duration::from_secs(600));
        serve(&sim, 1, Builder::new(), echo);
        connect(&sim, &channel, Duration::from_secs(200));
        drop(channel);
        sim.run(sim.sleep(Duration::from_secs(1)));
    });
    let expected = [
        r#"INFO trunkline::channel: the channel is CONNECTING event="state""#,
        r#"INFO trunkline::resolver: 1 endpoint: 198.51.100.1:50051 event="endpoints""#,
        r#"INFO trunkline::channel: the service config names no policy: the channel's default is used event="config""#,
        r#"INFO trunkline::policy: calls are balanced by pick_first event="policy""#,
        r#"WARN trunkline::connection: 198.51.100.1:50051: cannot connect: connection refused event="connect_failed" subchannel=#0.0"#,
        r#"WARN trunkline::channel: the channel is TRANSIENT_FAILURE; the last failure: 198.51.100.1:50051: cannot connect: connection refused event="state""#,
        r#"INFO trunkline::connection: 198.51.100.1:50051: connected to 198.51.100.1:50051 (connection 16) event="connected" subchannel=#0.0"#,
        r#"INFO trunkline::channel: the channel is READY event="state""#,
        r#"INFO trunkline::channel: the channel is SHUTDOWN event="state""#,
    ];
    assert_eq!(logged, expected);
}

/// A backend that is reached again after a warning about it is a line, also where another one kept the
/// channel READY.
#[test]
fn a_backend_that_recovers_is_a_line() {
    let config = r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#;
    let logged = lines(Level::INFO, || {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), echo);
        let channel = builder(&sim, hosts(2)).default_service_config(config);
        let channel = channel.build().expect("a channel");
        connect(&sim, &channel, Duration::from_secs(600));
        serve(&sim, 2, Builder::new(), echo);
        connect(&sim, &channel, Duration::from_secs(200));
    });
    let of_backends: Vec<_> = logged
        .iter()
        .filter(|line| line.contains("subchannel="))
        .collect();
    let expected = [
        r#"WARN trunkline::connection: 198.51.100.2:50051: cannot connect: connection refused event="connect_failed" subchannel=#0.0"#,
        r#"INFO trunkline::connection: 198.51.100.2:50051: connected to 198.51.100.2:50051 (connection 17) event="connected" subchannel=#0.0"#,
    ];
    assert_eq!(of_backends, expected);
}

/// The loss of many backends writes no more than twenty lines in ten seconds, and the last of them names
/// the level of the others.
#[test]
fn many_failing_backends_are_twenty_lines() {
    let config = r#"{"loadBalancingConfig": [{"round_robin": {}}]}"#;
    let run = || {
        let sim = Sim::new(1);
        let channel = builder(&sim, hosts(200)).default_service_config(config);
        let channel = channel.build().expect("a channel");
        connect(&sim, &channel, Duration::from_secs(600));
    };
    let logged = lines(Level::INFO, run);
    let of_backends: Vec<_> = logged
        .iter()
        .filter(|line| line.contains("subchannel="))
        .collect();
    assert_eq!(of_backends.len(), 20, "{logged:#?}");
    let remark = "more lines about single backends within 10s are at the level DEBUG";
    let with_remark = of_backends
        .iter()
        .filter(|line| line.contains(remark))
        .count();
    assert_eq!((with_remark, of_backends[19].contains(remark)), (1, true));
    // The details are complete.
    let details = lines(Level::DEBUG, run);
    let is_failure = |line: &&String| line.contains("connect_failed");
    assert!(details.iter().filter(is_failure).count() > 1000);
}

/// A name that cannot be resolved is a line once, and a list that does not change too.
#[test]
fn a_failing_resolver_is_one_line() {
    let logged = lines(Level::INFO, || {
        let sim = Sim::new(1);
        let resolver = ManualResolver::new("fleet");
        let channel = builder(&sim, "fleet:///orders").resolver(resolver.clone());
        let channel = channel.build().expect("a channel");
        let pause = Duration::from_millis(1);
        connect(&sim, &channel, pause);
        for _ in 0..3 {
            let error = ResolveError::new(ResolveErrorKind::NotFound, "no such name");
            resolver.update(Resolution::from_error(error));
            connect(&sim, &channel, pause);
        }
        for _ in 0..3 {
            resolver.update(Resolution::new([Endpoint::new([address(1)])]));
            connect(&sim, &channel, pause);
        }
    });
    let expected = [
        r#"INFO trunkline::channel: the channel is CONNECTING event="state""#,
        r#"WARN trunkline::resolver: no such name event="resolver_error""#,
        r#"WARN trunkline::channel: the channel is TRANSIENT_FAILURE; the last failure: no such name event="state""#,
        r#"INFO trunkline::resolver: 1 endpoint: 198.51.100.1:50051 event="endpoints""#,
        r#"INFO trunkline::channel: the service config names no policy: the channel's default is used event="config""#,
        r#"INFO trunkline::policy: calls are balanced by pick_first event="policy""#,
        r#"INFO trunkline::channel: the channel is CONNECTING event="state""#,
        r#"WARN trunkline::connection: 198.51.100.1:50051: cannot connect: connection refused event="connect_failed" subchannel=#0.0"#,
        r#"WARN trunkline::channel: the channel is TRANSIENT_FAILURE; the last failure: 198.51.100.1:50051: cannot connect: connection refused event="state""#,
    ];
    assert_eq!(logged, expected);
}

/// A resolver that returns nothing is a line after 2 s, once.
#[test]
fn a_resolver_that_returns_nothing_is_one_line() {
    let logged = lines(Level::INFO, || {
        let sim = Sim::new(1);
        let resolver = ManualResolver::new("fleet");
        let channel = builder(&sim, "fleet:///orders").resolver(resolver);
        let channel = channel.build().expect("a channel");
        connect(&sim, &channel, Duration::from_secs(600));
    });
    let expected = [
        r#"INFO trunkline::channel: the channel is CONNECTING event="state""#,
        r#"WARN trunkline::resolver: not resolved after 2.0 s event="resolver_waiting""#,
    ];
    assert_eq!(logged, expected);
}

/// The spans of a call and of its attempts, with what happens in them: a call that waits for the name
/// and for a connection, and is retried.
#[test]
fn a_call_and_its_attempts_are_spans() {
    let logged = lines(Level::TRACE, || {
        let sim = Sim::new(1);
        let answers = [Answer::Status(Code::Unavailable), Answer::OkAfter(10)];
        scripted(&sim, 1, &answers);
        let channel = retrying(&sim).build().expect("a channel");
        let outer = tracing::info_span!("checkout");
        let call = async { unary(&channel, b"\0\0\0\0\x02hi").await.expect_ok() };
        sim.run(call.instrument(outer));
    });
    let of_calls: Vec<_> = logged
        .iter()
        .filter_map(|line| line.split_once("checkout:call"))
        .map(|(level, rest)| format!("{level}{rest}"))
        .collect();
    let call = r#"{otel.name="test.Echo/Say" otel.kind="client" rpc.system="grpc" rpc.service="test.Echo" rpc.method="Say" server.address="ipv4:///198.51.100.1:50051""#;
    let first = format!("{call}}}:attempt{{number=1 previous_attempts=0 transparent_retry=false");
    let second = format!("{call}}}:attempt{{number=2 previous_attempts=1 transparent_retry=false");
    let peer = "network.peer.address=198.51.100.1:50051";
    let failed = r#"rpc.grpc.status_code=14 otel.status_code="ERROR""#;
    let ok = "rpc.grpc.status_code=0";
    let event = "trunkline::call:";
    let sent = "message sent sequence=0 bytes=2 compressed=false";
    let received = "message received sequence=0 bytes=2 compressed=false";
    let expected = [
        format!("DEBUG {call}}}: {event} delayed name resolution waited_ms=0.0"),
        format!("DEBUG {first}}}: {event} delayed pick waited_ms=2.0"),
        format!("TRACE {first} {peer}}}: {event} {sent}"),
        format!(
            r#"DEBUG {first} {peer} {failed}}}: {event} attempt ended code=UNAVAILABLE status_message="scripted" latency_ms=4.0 bytes_sent=7 bytes_received=0"#
        ),
        format!("TRACE {second} {peer}}}: {event} {sent}"),
        format!("TRACE {second} {peer}}}: {event} {received}"),
        format!(
            "DEBUG {second} {peer} {ok}}}: {event} attempt ended code=OK latency_ms=12.0 bytes_sent=7 bytes_received=7"
        ),
        format!(
            "DEBUG {call} {ok} attempts=2}}: {event} call ended code=OK latency_ms=845.97 attempts=2"
        ),
    ];
    assert_eq!(of_calls, expected);
}

/// Counts the traces of calls that an observer is asked for.
#[derive(Clone, Debug, Default)]
struct Asked(Arc<Lock<Vec<&'static str>>>);

impl Observer for Asked {
    fn observes_calls(&self) -> bool {
        self.0.lock().push("asked");
        false
    }

    fn call_started(&self, _: &CallStarted<'_>) {
        self.0.lock().push("started");
    }
}

/// While nothing wants spans of calls, none is made: at the level INFO, and without a subscriber. An
/// observer that wants no calls is asked once a call, and not notified of it.
#[test]
fn nothing_is_made_while_nothing_listens() {
    let asked = Asked::default();
    let run = || {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), echo);
        let channel = builder(&sim, hosts(1)).observer(asked.clone());
        let channel = channel.build().expect("a channel");
        sim.run(async { unary(&channel, b"hello").await.expect_ok() });
    };
    let logged = lines(Level::INFO, run);
    assert!(!logged.iter().any(|line| line.contains("trunkline::call")));
    run();
    assert_eq!(*asked.0.lock(), ["asked", "asked"]);
}
