//! Load reports of backends:
//! [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md).

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{
    AttemptOutcome, Child, ConnectivityState, Control, LoadReport, OldList, OutOfBandReports,
    PickFirst, Policy, PolicyNode, PolicyOptions, Published, SubchannelId, SubchannelState, Update,
    WatchEvent, WatchId,
};
use trunkline_status::{Code, Status};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const TRAILER: &str = "endpoint-load-metrics-bin";
const SECOND: Duration = Duration::from_secs(1);

/// The first report of the interop suite: 0.8210, 0.5847, a cost of 3456.32, a utilization of 0.30499.
const ENCODED: &[u8] = b"\x09\x12\x83\xc0\xca\xa1E\xea?\x11\x12\x14?\xc6\xdc\xb5\xe2?\
    \x22\x0f\x0a\x04cost\x11q=\x0a\xd7\xa3\x00\xab@\
    *\x0f\x0a\x04util\x11\xbe\xd9\xe6\xc6\xf4\x84\xd3?";

/// All fields of `OrcaLoadReport` have their number and type.
#[test]
fn the_message_on_the_wire() {
    let check = |message: &[u8], expected: Option<LoadReport>| {
        assert_eq!(LoadReport::decode(message), expected, "{message:?}");
    };
    let report = LoadReport::default();
    check(b"", Some(report.clone()));
    let half = b"\0\0\0\0\0\0\xe0?";
    let with = |key: u8| [&[key], &half[..]].concat();
    check(&with(0x09), Some(report.clone().with_cpu_utilization(0.5)));
    check(&with(0x11), Some(report.clone().with_mem_utilization(0.5)));
    check(&with(0x31), Some(report.clone().with_qps(0.5)));
    check(&with(0x39), Some(report.clone().with_eps(0.5)));
    let application = report.clone().with_application_utilization(0.5);
    check(&with(0x49), Some(application));
    let entry = |key: u8| [&[key, 12, 0x0a, 1, b'k', 0x11], &half[..]].concat();
    check(
        &entry(0x22),
        Some(report.clone().with_request_cost("k", 0.5)),
    );
    check(
        &entry(0x2a),
        Some(report.clone().with_utilization("k", 0.5)),
    );
    check(
        &entry(0x42),
        Some(report.clone().with_named_metric("k", 0.5)),
    );
    // The last value counts; unknown fields, and `rps` of field 3, are skipped.
    check(
        &[with(0x09), vec![0x09; 1], vec![0; 8]].concat(),
        Some(report.clone()),
    );
    check(b"\x18\x07\x52\x01x\x5d\0\0\0\0", Some(report.clone()));
    // An entry without a key or a value has the default.
    check(b"\x2a\x00", Some(report.with_utilization("", 0.0)));
    for malformed in [
        &b"\x09\0"[..],
        b"\x2a\x02\x0a\x05",
        b"\x2a\x03\x0a\x01\xff",
        b"\x0b",
        b"\0",
    ] {
        check(malformed, None);
    }
    let suite = LoadReport::decode(ENCODED).expect("a report");
    let expected = LoadReport::default()
        .with_cpu_utilization(0.8210)
        .with_mem_utilization(0.5847)
        .with_request_cost("cost", 3456.32)
        .with_utilization("util", 0.30499);
    assert_eq!(suite, expected);
    assert_eq!(suite.encode(), ENCODED);
}

/// A backend is not trusted with memory: of each map, a bounded number of entries is kept.
#[test]
fn maps_are_bounded() {
    let mut report = LoadReport::default().with_qps(3.0);
    for number in 0..2 * LoadReport::MOST_METRICS {
        report = report.with_named_metric(format!("{number:04}"), 1.0);
    }
    let decoded = LoadReport::decode(&report.encode()).expect("a report");
    assert_eq!(decoded.named_metrics.len(), LoadReport::MOST_METRICS);
    assert_eq!(decoded.qps, 3.0);
}

/// The report of a call is the binary trailer `endpoint-load-metrics-bin`. It is decoded when it is asked
/// for, padded or not, and once for all trackers. Two reports in one call are as good as none.
#[test]
fn the_report_in_the_trailers() {
    let check = |values: &[&str], expected: Option<&LoadReport>| {
        let mut trailers = HeaderMap::new();
        for value in values {
            trailers.append(TRAILER, HeaderValue::from_str(value).expect("a value"));
        }
        let status = Status::new(Code::Ok, "");
        let outcome = AttemptOutcome::new(&status).with_trailers(&trailers);
        assert_eq!(outcome.load_report(), expected, "{values:?}");
        // All trackers get the same value.
        let first: Option<*const LoadReport> = outcome.load_report().map(|report| report as _);
        assert_eq!(outcome.load_report().map(|report| report as _), first);
    };
    let half = LoadReport::default().with_cpu_utilization(0.5);
    check(&["CQAAAAAAAOA/"], Some(&half));
    check(&["CQAAAAAAAOA/GAA="], Some(&half));
    check(&["CQAAAAAAAOA/GAA"], Some(&half));
    check(&[""], Some(&LoadReport::default()));
    check(&[], None);
    check(&["CQAAAAAAAOA/", "CQAAAAAAAOA/"], None);
    check(&["CQAA"], None);
    check(&["not base64"], None);
    let mut long = HeaderMap::new();
    let report = (0..40).fold(half.clone(), |report, number| {
        report.with_utilization(format!("resource-{number}"), 0.25)
    });
    report.add_to(&mut long);
    check(&[long[TRAILER].to_str().expect("a text")], Some(&report));
    let status = Status::new(Code::Ok, "");
    assert_eq!(AttemptOutcome::new(&status).load_report(), None);
}

/// A policy over another one, which knows nothing of load: it records the reports.
#[derive(Debug)]
struct Recorder {
    child: Child<Box<dyn Policy>>,
    reports: OutOfBandReports,
    received: Vec<(SubchannelId, f64)>,
}

impl Recorder {
    fn channel(list: &str) -> FakeChannel<Self> {
        let options = PolicyOptions::new(7);
        let mut channel = FakeChannel::new(Self {
            child: Child::new(Box::new(PickFirst::new(&options))),
            reports: OutOfBandReports::new(10 * SECOND, options.seed),
            received: Vec::new(),
        });
        channel.update(list).expect("the list has addresses");
        channel
    }

    fn forward<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut dyn Policy, &mut Control<'_>) -> R,
    ) -> R {
        let (result, published) = self
            .child
            .handle(control, |child, control| event(&mut **child, control));
        if let Some(Published { state, picker }) = published {
            control.publish(state, picker);
        }
        result
    }
}

impl Policy for Recorder {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        self.forward(control, |child, control| {
            child.handle_update(update, control)
        })
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.forward(control, |child, control| {
            child.handle_resolver_error(error, old, control);
        });
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        if self.child.owns(id) {
            self.reports.handle_subchannel(id, &state, control);
            self.forward(control, |child, control| {
                child.handle_subchannel(id, state, control);
            });
        }
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        if !self.reports.owns(watch, id) {
            self.forward(control, |child, control| {
                child.handle_watch(watch, id, event, control);
            });
        } else if let Some(report) = self.reports.handle_watch(watch, id, event, control) {
            self.received.push((id, report.cpu_utilization));
        }
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.forward(control, |child, control| {
            child.handle_ejection(id, ejected, control);
        });
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.reports.handle_timeout(control);
        self.forward(control, |child, control| child.handle_timeout(control));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let child = self.child.policy().poll_timeout();
        child.into_iter().chain(self.reports.poll_timeout()).min()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.exit_idle(control));
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.settle(control));
        self.reports.settle(control);
    }

    fn reset_backoff(&mut self) {
        self.child.policy_mut().reset_backoff();
        self.reports.reset_backoff();
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let child = self.child.policy().inspect(now);
        PolicyNode::new("recorder", child.state).with_child(child)
    }
}

fn cpu(utilization: f64) -> Vec<u8> {
    LoadReport::default()
        .with_cpu_utilization(utilization)
        .encode()
}

/// Returns the one stream over the subchannel of `address`.
fn stream(channel: &FakeChannel<Recorder>, address: &str) -> WatchId {
    let watches = channel.watches_of(channel.id(address));
    assert_eq!(watches.len(), 1, "{address}");
    watches[0]
}

/// The stream starts when the subchannel is connected: one for each connection, with the interval. It does
/// not delay the connection.
#[test]
fn a_stream_for_each_connection() {
    let mut channel = Recorder::channel(A);
    assert_eq!(channel.watches.len(), 0);
    channel.ready(A);
    assert_eq!(channel.state(), ConnectivityState::Ready);
    let (_, call) = &channel.watches[&stream(&channel, A)];
    assert_eq!(
        call.path,
        "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics"
    );
    assert_eq!(call.request, "\x0a\x02\x08\x0a");
    let id = channel.id(A);
    let first = stream(&channel, A);
    channel.watch_message(first, cpu(0.25));
    channel.watch_message(first, cpu(0.5));
    assert_eq!(channel.policy.received, [(id, 0.25), (id, 0.5)]);
    channel.idle(A);
    assert_eq!(channel.watches.len(), 0);
    channel.exit_idle();
    channel.ready(A);
    assert_ne!(stream(&channel, A), first);
}

/// The interval can change at any time: the stream starts again, and the subchannel stays.
#[test]
fn the_interval_can_change() {
    let mut channel = Recorder::channel(A);
    channel.ready(A);
    let before = stream(&channel, A);
    channel.event(|policy, control| policy.reports.set_interval(10 * SECOND, control));
    assert_eq!(stream(&channel, A), before);
    channel.event(|policy, control| policy.reports.set_interval(SECOND * 3 / 2, control));
    let after = stream(&channel, A);
    assert_ne!(after, before);
    assert_eq!(
        channel.watches[&after].1.request[..],
        b"\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01"[..]
    );
    assert_eq!(channel.removed, []);
}

/// A stream that ends with UNIMPLEMENTED does not start again on that connection, and the application is
/// notified. The next connection is asked again.
#[test]
fn unimplemented_is_not_retried() {
    let mut channel = Recorder::channel(A);
    channel.ready(A);
    let status = Status::new(Code::Unimplemented, "unknown service");
    channel.end_watch(stream(&channel, A), status);
    assert_eq!(channel.without_loads(), [channel.id(A)]);
    channel.advance_millis(3_600_000);
    assert_eq!(channel.watches.len(), 0);
    channel.idle(A);
    channel.exit_idle();
    channel.ready(A);
    assert_eq!(channel.watches.len(), 1);
}

/// A stream that ends with any other status starts again with exponential back-off, which a report resets.
#[test]
fn back_off() {
    let mut channel = Recorder::channel(A);
    channel.ready(A);
    let wait = |channel: &mut FakeChannel<Recorder>| {
        let wait = channel.policy.poll_timeout().expect("a wait") - channel.now;
        channel.advance_millis(wait.as_millis() as u64);
        assert_eq!(channel.watches.len(), 0);
        channel.advance_millis(1);
        assert_eq!(channel.watches.len(), 1);
        wait.as_secs_f64()
    };
    for expected in [1.0, 1.6, 2.56, 4.096] {
        channel.end_watch(stream(&channel, A), Status::unavailable("going down"));
        let wait = wait(&mut channel);
        assert!((0.8..1.2).contains(&(wait / expected)), "{wait}");
    }
    let running = stream(&channel, A);
    channel.watch_message(running, cpu(0.5));
    channel.end_watch(running, Status::unavailable("going down"));
    assert!((0.8..1.2).contains(&wait(&mut channel)));
    // A report that cannot be decoded ends the stream.
    channel.watch_message(stream(&channel, A), "\x09");
    assert!((1.2..2.0).contains(&wait(&mut channel)));
    // A stream that has lasted is replaced at once.
    let running = stream(&channel, A);
    channel.watch_message(running, cpu(0.5));
    channel.advance_millis(60_000);
    channel.end_watch(running, Status::new(Code::Ok, ""));
    assert_ne!(stream(&channel, A), running);
    // The application can end the back-off.
    channel.end_watch(stream(&channel, A), Status::unavailable("going down"));
    channel.event(|policy, _| policy.reset_backoff());
    assert_eq!(channel.watches.len(), 1);
    assert_eq!(channel.policy.poll_timeout(), None);
}

/// The state of a subchannel that was removed goes with it, also while its stream waits.
#[test]
fn removed_subchannels() {
    let mut channel = Recorder::channel(A);
    for turn in 0..20 {
        let (old, new) = if turn % 2 == 0 { (A, B) } else { (B, A) };
        channel.ready(old);
        channel.end_watch(stream(&channel, old), Status::unavailable("going down"));
        assert!(channel.policy.reports.poll_timeout().is_some());
        channel.update(new).expect("the list has addresses");
        assert_eq!(channel.policy.reports.poll_timeout(), None);
    }
    let text = format!("{:?}", channel.policy.reports);
    assert!(text.contains("streams: {}"), "{text}");
}
