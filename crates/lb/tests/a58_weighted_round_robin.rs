//! The policy weighted_round_robin:
//! [gRFC A58](https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};
use trunkline_lb::ConnectivityState::{Connecting, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, pick};
use trunkline_lb::{
    AttemptOutcome, LoadReport, Pick, Picker, Policy, PolicyFactory, PolicyOptions, PolicyRegistry,
    UtilizationMetric, WatchId, WeightedRoundRobin, WeightedRoundRobinConfig,
    WeightedRoundRobinFactory,
};
use trunkline_status::{Code, Status};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";
const SECOND: Duration = Duration::from_secs(1);
const STREAM: &str = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics";

type Channel = FakeChannel<WeightedRoundRobin>;

/// Weights count from the first report on.
fn config() -> WeightedRoundRobinConfig {
    WeightedRoundRobinConfig::default().with_blackout_period(Duration::ZERO)
}

/// Returns a channel whose endpoints are all ready.
fn ready(list: &[&str], config: WeightedRoundRobinConfig) -> Channel {
    let policy = WeightedRoundRobin::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(config);
    channel
        .update(&list.join(" "))
        .expect("the list has addresses");
    for address in list {
        channel.ready(address);
    }
    channel.states();
    channel
}

/// Returns a report whose weight is `weight`.
fn report(weight: f64) -> LoadReport {
    LoadReport::default()
        .with_application_utilization(0.5)
        .with_qps(weight / 2.0)
}

/// Returns the share of each address in 10,000 picks, in thousandths.
fn shares(channel: &Channel) -> BTreeMap<String, i64> {
    let mut shares = BTreeMap::new();
    for _ in 0..10_000 {
        *shares.entry(channel.picked()).or_insert(0) += 1;
    }
    shares
        .into_iter()
        .map(|(address, count)| (address, (count + 5) / 10))
        .collect()
}

/// Checks the share of each address, in thousandths, within 2 of 1000.
fn check_shares(channel: &Channel, expected: &[(&str, i64)]) {
    let shares = shares(channel);
    assert_eq!(shares.len(), expected.len(), "{shares:?}");
    for (address, expected) in expected {
        let share = shares.get(*address).copied().unwrap_or(0);
        assert!((share - expected).abs() <= 2, "{address}: {shares:?}");
    }
}

fn parse(config: Value) -> Result<WeightedRoundRobinConfig, String> {
    let parsed = WeightedRoundRobinFactory.parse_config(&config, &PolicyRegistry::standard());
    let parsed = parsed.map_err(|error| error.to_string())?;
    let config = (&*parsed as &dyn std::any::Any).downcast_ref();
    Ok(WeightedRoundRobinConfig::clone(config.expect("the type")))
}

/// "LB Policy Config": the fields, their defaults and their limits.
#[test]
fn the_fields_of_the_config() {
    let default = WeightedRoundRobinConfig::default();
    assert!(!default.enable_oob_load_report);
    assert_eq!(default.oob_reporting_period, 10 * SECOND);
    assert_eq!(default.blackout_period, 10 * SECOND);
    assert_eq!(default.weight_expiration_period, 180 * SECOND);
    assert_eq!(default.weight_update_period, SECOND);
    assert_eq!(default.error_utilization_penalty, 1.0);
    assert_eq!(parse(Value::Null), Ok(default.clone()));
    assert_eq!(parse(json!({ "unknown": 1 })), Ok(default.clone()));
    let all = json!({
        "enableOobLoadReport": true,
        "oobReportingPeriod": "20s",
        "blackoutPeriod": "0s",
        "weightExpirationPeriod": "60s",
        "weightUpdatePeriod": "2.5s",
        "errorUtilizationPenalty": 0,
        "metricNamesForComputingUtilization": ["named_metrics.a.b", "nonsense", "mem_utilization"],
    });
    let expected = default
        .clone()
        .with_enable_oob_load_report(true)
        .with_oob_reporting_period(20 * SECOND)
        .with_blackout_period(Duration::ZERO)
        .with_weight_expiration_period(60 * SECOND)
        .with_weight_update_period(SECOND * 5 / 2)
        .with_error_utilization_penalty(0.0)
        .with_metrics_for_utilization([
            UtilizationMetric::Named("a.b".to_owned()),
            UtilizationMetric::Memory,
        ]);
    assert_eq!(parse(all), Ok(expected));
    // "Values less than 100ms are capped at 100ms."
    let short = parse(json!({ "weightUpdatePeriod": "0.01s" })).expect("a config");
    assert_eq!(short.weight_update_period, Duration::from_millis(100));
    let errors = [
        (
            json!({ "errorUtilizationPenalty": -0.1 }),
            "errorUtilizationPenalty: expected a number that is not negative, found -0.1",
        ),
        (
            json!({ "blackoutPeriod": "-1s" }),
            "blackoutPeriod: expected a duration that is not negative, found \"-1s\"",
        ),
        (
            json!({ "oobReportingPeriod": 10 }),
            "oobReportingPeriod: expected a string, found 10",
        ),
        (
            json!({ "enableOobLoadReport": "yes" }),
            "enableOobLoadReport: expected true or false, found \"yes\"",
        ),
        (
            json!({ "metricNamesForComputingUtilization": [3] }),
            "metricNamesForComputingUtilization[0]: expected a string, found 3",
        ),
        (json!(7), "expected an object, found 7"),
    ];
    for (config, expected) in errors {
        let error = parse(config.clone()).expect_err("a bad field");
        assert!(error.contains(expected), "{config}: {error}");
    }
}

/// "Weight calculation": `qps / (utilization + eps / qps * error_utilization_penalty)`. The utilization is
/// the application's, or else the CPU's; a report without queries or without utilization is ignored.
#[test]
fn the_weight_of_a_report() {
    let check = |report: LoadReport, penalty: f64, expected: Option<f64>| {
        let config = WeightedRoundRobinConfig::default().with_error_utilization_penalty(penalty);
        assert_eq!(config.weight(&report), expected, "{report:?}");
    };
    let empty = LoadReport::default();
    let cpu = empty.clone().with_qps(100.0).with_cpu_utilization(0.5);
    check(cpu.clone(), 1.0, Some(200.0));
    check(
        cpu.clone().with_application_utilization(2.0),
        1.0,
        Some(50.0),
    );
    check(
        cpu.clone().with_application_utilization(-1.0),
        1.0,
        Some(200.0),
    );
    check(cpu.clone().with_eps(50.0), 1.0, Some(100.0));
    check(cpu.clone().with_eps(50.0), 3.0, Some(50.0));
    check(cpu.clone().with_eps(50.0), 0.0, Some(200.0));
    for eps in [-50.0, f64::NAN] {
        check(cpu.clone().with_eps(eps), 1.0, Some(200.0));
    }
    check(empty.clone(), 1.0, None);
    check(empty.clone().with_qps(100.0), 1.0, None);
    check(empty.clone().with_cpu_utilization(0.5), 1.0, None);
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        check(cpu.clone().with_qps(wrong), 1.0, None);
    }
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        check(cpu.clone().with_cpu_utilization(wrong), 1.0, None);
    }
    check(cpu.with_eps(f64::INFINITY), 1.0, None);
}

/// gRFC A114: the highest of the named metrics that is above 0; if there is none, the rule of A58. A name
/// is split at its first point.
#[test]
fn the_utilization_of_named_metrics() {
    let parse = |name: &str| UtilizationMetric::parse(name).expect("a metric");
    let config = WeightedRoundRobinConfig::default().with_metrics_for_utilization([
        parse("mem_utilization"),
        parse("named_metrics.queue.depth"),
        parse("utilization.disk"),
    ]);
    let check = |report: LoadReport, expected: f64| {
        assert_eq!(config.weight(&report), Some(expected), "{report:?}");
    };
    let cpu = LoadReport::default()
        .with_qps(100.0)
        .with_application_utilization(0.5);
    check(cpu.clone(), 200.0);
    check(cpu.clone().with_named_metric("queue", 4.0), 200.0);
    check(cpu.clone().with_named_metric("queue.depth", 4.0), 25.0);
    check(cpu.clone().with_mem_utilization(0.1), 1000.0);
    let both = cpu
        .clone()
        .with_mem_utilization(0.1)
        .with_utilization("disk", 0.25);
    check(both, 400.0);
    for wrong in [-1.0, 0.0, f64::NAN] {
        check(cpu.clone().with_utilization("disk", wrong), 200.0);
    }
    for name in [
        "application_utilization",
        "cpu_utilization",
        "mem_utilization",
        "named_metrics.a.b",
        "utilization.",
    ] {
        assert_eq!(parse(name).to_string(), name);
    }
    for name in [
        "",
        "qps",
        "request_cost.a",
        "named_metrics",
        "a.utilization.b",
    ] {
        assert_eq!(UtilizationMetric::parse(name), None, "{name}");
    }
}

/// One endpoint gets all calls, and needs no schedule.
#[test]
fn one_endpoint() {
    let mut channel = ready(&[A], config());
    channel.report_load(A, &report(10.0));
    check_shares(&channel, &[(A, 1000)]);
    assert_eq!(channel.policy.poll_timeout(), None);
    channel.idle(A);
    assert_eq!(channel.states(), [Connecting]);
}

/// Without reports, calls go in turn, exactly.
#[test]
fn without_reports() {
    let mut channel = ready(&[A, B, C], config());
    channel.advance_millis(5_000);
    let turns: Vec<String> = (0..9).map(|_| channel.picked()).collect();
    assert_eq!(turns[..3], turns[3..6]);
    assert_eq!(turns[..3], turns[6..]);
    assert_eq!(channel.states(), [], "nothing has changed");
}

/// Reports in trailers change the shares in the next update period, and not before.
#[test]
fn reports_of_calls() {
    let mut channel = ready(&[A, B], config());
    channel.report_load(A, &report(100.0));
    channel.report_load(B, &report(300.0));
    channel.advance_millis(999);
    check_shares(&channel, &[(A, 500), (B, 500)]);
    channel.advance_millis(1);
    check_shares(&channel, &[(A, 250), (B, 750)]);
    // The loads change; so do the shares, whatever the end of the call is.
    channel.report_load(A, &report(300.0));
    channel.report_load(B, &report(100.0));
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 750), (B, 250)]);
    let mut trailers = HeaderMap::new();
    report(100.0).add_to(&mut trailers);
    let failure = Status::unavailable("overloaded");
    channel.end_attempt(A, AttemptOutcome::new(&failure).with_trailers(&trailers));
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 500), (B, 500)]);
    // Ends without a report, or with a useless one, change nothing.
    let ok = Status::new(Code::Ok, "");
    channel.end_attempt(A, AttemptOutcome::new(&ok));
    channel.report_load(B, &LoadReport::default());
    channel.states();
    channel.advance_millis(10_000);
    assert_eq!(channel.states(), []);
}

/// The end of an attempt counts for its backend also when a newer picker is published meanwhile, and when
/// the time of the end is not known.
#[test]
fn late_ends() {
    let mut channel = ready(&[A, B, C], config());
    let old = channel.picker();
    channel
        .update(&[A, B].join(" "))
        .expect("the list has addresses");
    let end = |picker: &dyn Picker, id, weight| {
        let mut trailers = HeaderMap::new();
        report(weight).add_to(&mut trailers);
        let ok = Status::new(Code::Ok, "");
        let outcome = AttemptOutcome::new(&ok).with_trailers(&trailers);
        let tracker = picker.tracker().expect("a tracker");
        tracker.attempt_ended(id, &outcome);
    };
    end(&*old, channel.id(A), 100.0);
    end(&*old, channel.removed[0], 1e6);
    end(&*channel.picker(), channel.id(B), 900.0);
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 100), (B, 900)]);
}

/// Errors make a backend's weight smaller, as the penalty requires.
#[test]
fn error_penalty() {
    let failing = LoadReport::default()
        .with_application_utilization(0.5)
        .with_qps(100.0)
        .with_eps(50.0);
    for (penalty, expected) in [(1.0, 333), (0.0, 500), (3.0, 200)] {
        let config = config().with_error_utilization_penalty(penalty);
        let mut channel = ready(&[A, B], config);
        channel.report_load(A, &failing);
        channel.report_load(B, &failing.clone().with_eps(0.0));
        channel.advance_millis(1_000);
        check_shares(&channel, &[(A, expected), (B, 1000 - expected)]);
    }
}

/// `blackout_period`: a backend has to report for that long before its weight counts.
#[test]
fn blackout() {
    let mut channel = ready(&[A, B], WeightedRoundRobinConfig::default());
    channel.advance_millis(5_500);
    channel.report_load(A, &report(100.0));
    channel.report_load(B, &report(300.0));
    channel.advance_millis(9_500);
    check_shares(&channel, &[(A, 500), (B, 500)]);
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 250), (B, 750)]);
}

/// `weight_expiration_period`: a weight counts that long after the last report. A backend that reports
/// again has to do so for another blackout period.
#[test]
fn expiration() {
    let config = WeightedRoundRobinConfig::default()
        .with_blackout_period(4 * SECOND)
        .with_weight_expiration_period(20 * SECOND);
    let mut channel = ready(&[A, B], config);
    let loads = |channel: &Channel| {
        channel.report_load(A, &report(100.0));
        channel.report_load(B, &report(300.0));
    };
    loads(&channel);
    channel.advance_millis(19_000);
    check_shares(&channel, &[(A, 250), (B, 750)]);
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 500), (B, 500)]);
    loads(&channel);
    channel.advance_millis(3_000);
    check_shares(&channel, &[(A, 500), (B, 500)]);
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 250), (B, 750)]);
}

/// The longest period is longer than a clock can show: the weights are never read again.
#[test]
fn longest_update_period() {
    let config = config().with_weight_update_period(Duration::MAX);
    let mut channel = ready(&[A, B], config);
    channel.advance_millis(60_000);
    check_shares(&channel, &[(A, 500), (B, 500)]);
}

/// An endpoint without a weight gets the mean of the others; with fewer than two weights, calls go in turn.
#[test]
fn unknown_weights() {
    let mut channel = ready(&[A, B, C], config());
    channel.report_load(A, &report(100.0));
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 333), (B, 333), (C, 333)]);
    channel.report_load(B, &report(300.0));
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 167), (B, 500), (C, 333)]);
}

/// A connection that is made again begins without a weight: the backend may have started again.
#[test]
fn a_new_connection_has_no_weight() {
    let mut channel = ready(&[A, B, C], config());
    for (address, weight) in [(A, 100.0), (B, 200.0), (C, 300.0)] {
        channel.report_load(address, &report(weight));
    }
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 167), (B, 333), (C, 500)]);
    // In one batch, so that the endpoint is ready at its beginning and its end.
    channel.has_more = true;
    channel.idle(C);
    channel.ready(C);
    channel.has_more = false;
    channel.settle();
    check_shares(&channel, &[(A, 222), (B, 444), (C, 333)]);
}

/// A backend that is not healthy for a while keeps its connection, and so its weight.
#[test]
fn health_keeps_the_weight() {
    let policy = WeightedRoundRobin::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(config());
    channel.set_health_check(Some(""));
    channel
        .update(&[A, B].join(" "))
        .expect("the list has addresses");
    let serving = "\x08\x01";
    for address in [A, B] {
        channel.ready(address);
        channel.watch_message(channel.watches_of(channel.id(address))[0], serving);
    }
    channel.report_load(A, &report(100.0));
    channel.report_load(B, &report(300.0));
    let health = channel.watches_of(channel.id(B))[0];
    channel.watch_message(health, "\x08\x02");
    check_shares(&channel, &[(A, 1000)]);
    channel.watch_message(health, serving);
    check_shares(&channel, &[(A, 250), (B, 750)]);
    // A backend that a policy above ejects, too.
    channel.eject(channel.id(B), true);
    check_shares(&channel, &[(A, 1000)]);
    channel.eject(channel.id(B), false);
    check_shares(&channel, &[(A, 250), (B, 750)]);
}

/// Returns the stream of reports of an address.
fn stream(channel: &Channel, address: &str) -> Option<WatchId> {
    let id = channel.id(address);
    let streams = channel.watches.iter();
    let mut streams = streams.filter(|(_, (of, call))| *of == id && call.path == STREAM);
    let stream = streams.next().map(|(watch, _)| *watch);
    assert_eq!(streams.next(), None, "{address} has two streams");
    stream
}

/// `enable_oob_load_report`: the weights come from a stream over each connection, and those of calls are
/// not looked at.
#[test]
fn reports_out_of_band() {
    let config = config().with_enable_oob_load_report(true);
    let mut channel = ready(&[A, B], config);
    let streams = [A, B].map(|address| stream(&channel, address).expect("a stream"));
    assert_eq!(channel.watches[&streams[0]].1.request, "\x0a\x02\x08\x0a");
    channel.watch_message(streams[0], report(100.0).encode());
    channel.watch_message(streams[1], report(300.0).encode());
    assert!(channel.picker().tracker().is_none());
    channel.report_load(A, &report(1e6));
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 250), (B, 750)]);
    // A backend that has no such service is not asked again.
    let status = Status::new(Code::Unimplemented, "unknown service");
    channel.end_watch(streams[0], status);
    assert_eq!(channel.without_loads(), [channel.id(A)]);
    // A stream that ends is started again, and the weight stays.
    channel.end_watch(streams[1], Status::unavailable("restarting"));
    assert!(stream(&channel, B).is_some_and(|stream| stream != streams[1]));
    check_shares(&channel, &[(A, 250), (B, 750)]);
}

/// The configuration changes the kind of reports and their period while connections stay.
#[test]
fn the_config_changes() {
    let per_call = config();
    let out_of_band = config().with_enable_oob_load_report(true);
    let mut channel = ready(&[A, B], per_call.clone());
    let update = |channel: &mut Channel, config: &WeightedRoundRobinConfig| {
        channel.set_config(Arc::new(config.clone()));
        channel
            .update(&[A, B].join(" "))
            .expect("the list has addresses");
    };
    assert_eq!(stream(&channel, A), None);
    update(&mut channel, &out_of_band);
    let first = stream(&channel, A).expect("a stream");
    update(&mut channel, &out_of_band);
    assert_eq!(stream(&channel, A), Some(first));
    update(&mut channel, &out_of_band.with_oob_reporting_period(SECOND));
    let second = stream(&channel, A).expect("a stream");
    assert_ne!(second, first);
    channel.watch_message(second, report(100.0).encode());
    update(&mut channel, &per_call);
    assert_eq!((stream(&channel, A), stream(&channel, B)), (None, None));
    channel.report_load(B, &report(300.0));
    channel.advance_millis(1_000);
    check_shares(&channel, &[(A, 250), (B, 750)]);
    // Another configuration counts at once.
    let strict = per_call.with_blackout_period(SECOND * 3_600);
    update(&mut channel, &strict);
    check_shares(&channel, &[(A, 500), (B, 500)]);
    assert_eq!(channel.removed, []);
}

/// An endpoint with several addresses has one weight, whatever the order of its addresses. Two endpoints
/// that have an address in common have a weight each.
#[test]
fn endpoints_with_several_addresses() {
    let v6 = "[2001:db8::1]:443";
    let policy = WeightedRoundRobin::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(config());
    channel
        .update(&format!("{A}|{v6} {B}"))
        .expect("the list has addresses");
    channel.advance_millis(250);
    channel.ready(v6);
    channel.ready(B);
    channel.report_load(v6, &report(100.0));
    channel.report_load(B, &report(300.0));
    channel.advance_millis(1_000);
    check_shares(&channel, &[(v6, 250), (B, 750)]);
    channel
        .update(&format!("{B} {v6}|{A}"))
        .expect("the list has addresses");
    check_shares(&channel, &[(v6, 250), (B, 750)]);

    channel
        .update(&format!("{B} {v6}|{A} {C}|{B}"))
        .expect("the list has addresses");
    channel.ready(C);
    channel.report_load(C, &report(400.0));
    channel.advance_millis(1_000);
    check_shares(&channel, &[(v6, 125), (B, 375), (C, 500)]);
}

/// The list changes: weights stay with their backends, and nothing is left of those that go.
#[test]
fn the_list_changes() {
    let mut channel = ready(&[A, B], config().with_enable_oob_load_report(true));
    let send = |channel: &mut Channel, address: &str, weight: f64| {
        let stream = stream(channel, address).expect("a stream");
        channel.watch_message(stream, report(weight).encode());
    };
    send(&mut channel, A, 100.0);
    send(&mut channel, B, 300.0);
    channel
        .update(&[B, C].join(" "))
        .expect("the list has addresses");
    channel.ready(C);
    send(&mut channel, C, 100.0);
    channel.advance_millis(1_000);
    check_shares(&channel, &[(B, 750), (C, 250)]);
    for turn in 0..20 {
        let (old, new) = if turn % 2 == 0 { (C, A) } else { (A, C) };
        channel.end_watch(
            stream(&channel, old).expect("a stream"),
            Status::unavailable("gone"),
        );
        channel
            .update(&[B, new].join(" "))
            .expect("the list has addresses");
        channel.ready(new);
    }
    assert_eq!(channel.watches.len(), 2);
    let text = format!("{:?}", channel.policy);
    // In the table of connections, the list of the ready and the picker; one may be of a free slot.
    let weights = text.matches("BackendWeight {").count();
    assert!(weights <= 2 * 3 + 1, "{weights} weights");
}

/// The states are those of round_robin.
#[test]
fn states() {
    let mut channel = ready(&[A, B], config());
    channel.report_load(A, &report(100.0));
    channel.report_load(B, &report(300.0));
    channel.idle(A);
    channel.fail(A);
    assert_eq!(channel.states(), [Ready]);
    check_shares(&channel, &[(B, 1000)]);
    assert_eq!(channel.policy.poll_timeout(), None);
    channel.idle(B);
    channel.fail(B);
    assert_eq!(channel.states(), [Connecting, TransientFailure]);
    let error = "failed to connect to all addresses; last error: 10.0.0.2:443: connection refused";
    assert_eq!(channel.error(), error);
    channel.update("").expect_err("an empty list");
    assert_eq!(
        channel.error(),
        "name resolver error: produced zero addresses"
    );
    assert_eq!(channel.watches.len(), 0);
}

/// Each of several threads goes round on its own, with the same shares.
#[test]
fn threads() {
    const THREADS: usize = 4;
    const PICKS: usize = 25_000;
    let mut channel = ready(&[A, B], config());
    channel.report_load(A, &report(100.0));
    channel.report_load(B, &report(300.0));
    channel.advance_millis(1_000);
    let (picker, b) = (channel.picker(), Pick::Subchannel(channel.id(B)));
    let count =
        |picker: Arc<dyn Picker>, b: Pick| (0..PICKS).filter(|_| pick(&*picker) == b).count();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (picker, b) = (Arc::clone(&picker), b.clone());
            std::thread::spawn(move || count(picker, b))
        })
        .collect();
    let counts = threads.into_iter().map(|thread| thread.join());
    for count in counts {
        let count = count.expect("a count");
        let share = count as f64 / PICKS as f64;
        assert!((share - 0.75).abs() < 0.0075, "{share}");
    }
}
