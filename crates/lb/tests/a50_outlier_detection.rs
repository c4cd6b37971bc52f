//! Outlier detection.
//!
//! Source:
//! [gRFC A50](https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md#outlier-detection-lb-policy),
//! changed by
//! [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md#outlier-detection)
//! for endpoints with several addresses.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline_lb::ConnectivityState::{Ready, TransientFailure};
use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{
    AttemptOutcome, DetectionMethod, Ejection, NotEjected, OldList, OutlierDetection,
    OutlierDetectionFactory, Policy, PolicyFactory, PolicyOptions, PolicyRegistry,
};
use trunkline_service_config::PolicyConfig;
use trunkline_status::{Code, Status};

/// Five backends.
const LIST: &str = "10.0.0.1:443 10.0.0.2:443 10.0.0.3:443 10.0.0.4:443 10.0.0.5:443";
const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";
const D: &str = "10.0.0.4:443";
const E: &str = "10.0.0.5:443";

const INTERVAL: u64 = 10_000;

type Channel = FakeChannel<OutlierDetection>;

fn parse(mut config: Value) -> Arc<dyn PolicyConfig> {
    if config.get("childPolicy").is_none() {
        config["childPolicy"] = json!([{ "round_robin": {} }]);
    }
    let parsed = OutlierDetectionFactory.parse_config(&config, &PolicyRegistry::standard());
    parsed.expect("a valid configuration")
}

/// Returns the method of success rates, for three endpoints or more with 10 calls or more.
fn success_rate() -> Value {
    json!({
        "maxEjectionPercent": 50,
        "successRateEjection": { "stdevFactor": 500, "minimumHosts": 3, "requestVolume": 10 },
    })
}

/// Returns the method of failure percentages, for three endpoints or more with 10 calls or more.
fn failure_percentage() -> Value {
    json!({
        "maxEjectionPercent": 50,
        "failurePercentageEjection": { "threshold": 50, "minimumHosts": 3, "requestVolume": 10 },
    })
}

/// Returns a policy with this list, all of it connected.
fn channel(list: &str, config: Value) -> Channel {
    let options = PolicyOptions::new(7).with_policies(PolicyRegistry::standard());
    let mut channel = FakeChannel::new(OutlierDetection::new(&options));
    channel.set_config(parse(config));
    channel.update(list).expect("the list has addresses");
    connect(&mut channel);
    channel.states();
    channel
}

/// Connects all subchannels that are connecting.
fn connect<P: Policy>(channel: &mut FakeChannel<P>) {
    for address in channel.addresses().split_whitespace() {
        channel.ready(address);
    }
}

/// Replaces the configuration; the list stays.
fn reconfigure(channel: &mut Channel, list: &str, config: Value) {
    channel.set_config(parse(config));
    channel.update(list).expect("the list has addresses");
}

/// Ends calls at the backend of this address.
fn end_calls<P: Policy>(channel: &FakeChannel<P>, address: &str, code: Code, count: usize) {
    let picker = channel.picker();
    let tracker = picker.tracker().expect("calls are counted");
    let status = Status::new(code, "");
    for _ in 0..count {
        let outcome = AttemptOutcome::new(&status).with_sent(true);
        tracker.attempt_ended(channel.id(address), &outcome);
    }
}

/// Ends ten calls at each backend: those at `bad` fail, all others succeed.
fn ten_calls(channel: &Channel, bad: &[&str]) {
    for address in channel.addresses().split_whitespace() {
        let code = if bad.contains(&address) {
            Code::Unavailable
        } else {
            Code::Ok
        };
        end_calls(channel, address, code, 10);
    }
}

/// Returns the addresses that get no calls, sorted.
fn ejected<P: Policy>(channel: &FakeChannel<P>) -> Vec<String> {
    let addresses = channel.addresses();
    let picked: Vec<String> = (0..addresses.split_whitespace().count())
        .map(|_| channel.picked())
        .collect();
    let addresses = addresses.split_whitespace().map(str::to_owned);
    addresses
        .filter(|address| !picked.contains(address))
        .collect()
}

fn ejected_by(method: DetectionMethod, secs: u64) -> Ejection {
    let time = Duration::from_secs(secs);
    Ejection::Ejected { method, time }
}

fn not_ejected(method: DetectionMethod, reason: NotEjected) -> Ejection {
    Ejection::NotEjected { method, reason }
}

/// Checks what was reported since the last time.
#[track_caller]
fn check_reports(channel: &mut Channel, expected: &[(&str, Ejection)]) {
    let reports = channel.ejections();
    let reports: Vec<(&str, Ejection)> = reports
        .iter()
        .map(|(address, ejection)| (&**address, ejection.clone()))
        .collect();
    assert_eq!(reports, expected);
}

/// "If the address's success rate is less than (mean - stdev * (stdev_factor / 1000)) [..] eject": of five
/// backends, the one that fails gets no calls from the end of the interval on, and keeps its connection.
#[test]
fn success_rate_ejects_the_outlier() {
    let mut channel = channel(LIST, success_rate());
    ten_calls(&channel, &[C]);
    channel.advance_millis(INTERVAL - 1);
    assert_eq!(ejected(&channel), [""; 0]);
    channel.advance_millis(1);
    assert_eq!(ejected(&channel), [C]);
    assert_eq!(channel.state(), Ready);
    assert_eq!(channel.removed, []);
    let report = (C, ejected_by(DetectionMethod::SuccessRate, 30));
    check_reports(&mut channel, &[report]);
}

/// The factor decides how far below the mean an endpoint may be. With one of five failing all its calls the
/// mean is 0.8 and the standard deviation 0.4: it is an outlier for factors below 2.
#[test]
fn the_factor_of_the_standard_deviation() {
    for (factor, expected) in [(0, 1), (1900, 1), (1999, 1), (2001, 0), (3000, 0)] {
        let mut config = success_rate();
        config["successRateEjection"]["stdevFactor"] = json!(factor);
        let mut channel = channel(LIST, config);
        ten_calls(&channel, &[C]);
        channel.advance_millis(INTERVAL);
        assert_eq!(ejected(&channel).len(), expected, "{factor}");
    }
}

/// Endpoints that are all alike have no outlier, also where the mean of their rates is rounded to a value
/// above them.
#[test]
fn equal_rates_have_no_outlier() {
    let mut config = success_rate();
    config["successRateEjection"]["stdevFactor"] = json!(0);
    for successes in 0..=10 {
        let mut channel = channel("10.0.0.1:443 10.0.0.2:443 10.0.0.3:443", config.clone());
        for address in [A, B, C] {
            end_calls(&channel, address, Code::Ok, successes);
            end_calls(&channel, address, Code::Internal, 10 - successes);
        }
        channel.advance_millis(INTERVAL);
        check_reports(&mut channel, &[]);
    }
}

/// "If the number of addresses with request volume of at least `request_volume` is less than
/// `minimum_hosts`, stop", for both algorithms: the hosts with enough calls count, not all.
#[test]
fn minimum_hosts_have_enough_calls() {
    for config in [success_rate(), failure_percentage()] {
        for (busy, expected) in [(&[A, B][..], 0), (&[A, B, D][..], 1)] {
            let mut channel = channel(LIST, config.clone());
            for address in busy {
                let code = if *address == B {
                    Code::Internal
                } else {
                    Code::Ok
                };
                end_calls(&channel, address, code, 10);
            }
            // These do not have enough.
            end_calls(&channel, E, Code::Internal, 9);
            channel.advance_millis(INTERVAL);
            let addresses: Vec<String> = channel.ejections().into_iter().map(|one| one.0).collect();
            assert_eq!(addresses, [B][..expected]);
        }
    }
}

/// With a volume of 0 an endpoint without calls has no rate: it is no outlier, and does not disturb the
/// others.
#[test]
fn endpoints_without_calls_are_left_out() {
    for mut config in [success_rate(), failure_percentage()] {
        for method in ["successRateEjection", "failurePercentageEjection"] {
            if let Some(method) = config.get_mut(method) {
                method["requestVolume"] = json!(0);
                method["minimumHosts"] = json!(0);
            }
        }
        let mut channel = channel(LIST, config);
        channel.advance_millis(INTERVAL);
        check_reports(&mut channel, &[]);
        end_calls(&channel, A, Code::Ok, 1);
        end_calls(&channel, B, Code::Internal, 1);
        channel.advance_millis(INTERVAL);
        assert_eq!(ejected(&channel), [B]);
    }
}

/// "If the address's failure percentage is greater than `threshold` [..] eject": strictly greater.
#[test]
fn failure_percentage_is_above_the_threshold() {
    let mut channel = channel(LIST, failure_percentage());
    for (address, failures) in [(A, 50), (B, 51), (C, 0), (D, 100), (E, 49)] {
        end_calls(&channel, address, Code::Internal, failures);
        end_calls(&channel, address, Code::Ok, 100 - failures);
    }
    channel.advance_millis(INTERVAL);
    let method = DetectionMethod::FailurePercentage;
    let reports = [(B, ejected_by(method, 30)), (D, ejected_by(method, 30))];
    check_reports(&mut channel, &reports);
    assert_eq!(ejected(&channel), [B, D]);
}

/// All that fail are ejected by the failure percentage, where none is an outlier: the success rates are equal.
#[test]
fn methods_differ_when_all_fail() {
    let mut both = failure_percentage();
    both["successRateEjection"] = success_rate()["successRateEjection"].clone();
    both["maxEjectionPercent"] = json!(100);
    let mut channel = channel(LIST, both);
    ten_calls(&channel, &[A, B, C, D, E]);
    channel.advance_millis(INTERVAL);
    let expected =
        [A, B, C, D, E].map(|one| (one, ejected_by(DetectionMethod::FailurePercentage, 30)));
    check_reports(&mut channel, &expected);
    assert_eq!(channel.state(), TransientFailure);
    let text =
        "is connected, but ejected: too many of its calls failed, compared with other backends";
    assert!(channel.error().contains(text), "{}", channel.error());
}

/// An endpoint that both methods detect is ejected once: its next ejection is one step longer, not two.
#[test]
fn both_methods_eject_once() {
    let mut both = failure_percentage();
    both["successRateEjection"] = success_rate()["successRateEjection"].clone();
    let mut channel = channel(LIST, both);
    ten_calls(&channel, &[C]);
    channel.advance_millis(INTERVAL);
    let report = (C, ejected_by(DetectionMethod::SuccessRate, 30));
    check_reports(&mut channel, &[report]);
}

/// A call that ends at a backend that is ejected already does not eject it again.
#[test]
fn late_calls_do_not_eject_again() {
    let mut channel = channel(LIST, failure_percentage());
    ten_calls(&channel, &[C]);
    channel.advance_millis(INTERVAL);
    ten_calls(&channel, &[C]);
    channel.advance_millis(INTERVAL);
    let method = DetectionMethod::FailurePercentage;
    check_reports(&mut channel, &[(C, ejected_by(method, 30))]);
    channel.advance_millis(2 * INTERVAL);
    check_reports(&mut channel, &[(C, Ejection::Returned)]);
}

/// "If the percentage of ejected addresses is greater than or equal to `max_ejection_percent`, stop",
/// compared before each ejection: so one can be ejected whatever the number of endpoints is, and none with 0.
#[test]
fn max_ejection_percent() {
    for (percent, expected) in [(0, 0), (1, 1), (20, 1), (21, 2), (40, 2), (60, 3), (100, 4)] {
        let mut config = failure_percentage();
        config["maxEjectionPercent"] = json!(percent);
        let mut channel = channel(LIST, config);
        ten_calls(&channel, &[A, B, C, D]);
        channel.advance_millis(INTERVAL);
        assert_eq!(ejected(&channel).len(), expected, "{percent} %");
        let method = DetectionMethod::FailurePercentage;
        let left = not_ejected(method, NotEjected::MaxEjectionPercent);
        let reports = channel.ejections();
        let left = reports.iter().filter(|(_, report)| *report == left);
        assert_eq!(left.count(), 4 - expected, "{percent} %");
    }
}

/// An ejection of an earlier interval counts.
#[test]
fn max_ejection_percent_over_intervals() {
    let mut config = failure_percentage();
    config["maxEjectionPercent"] = json!(20);
    let mut channel = channel(LIST, config);
    ten_calls(&channel, &[A]);
    channel.advance_millis(INTERVAL);
    ten_calls(&channel, &[A, B]);
    channel.advance_millis(INTERVAL);
    let method = DetectionMethod::FailurePercentage;
    let reports = [
        (A, ejected_by(method, 30)),
        (B, not_ejected(method, NotEjected::MaxEjectionPercent)),
    ];
    check_reports(&mut channel, &reports);
}

/// "Choose a random integer in [0, 100). If that number is less than `enforcement_percentage`, eject."
#[test]
fn enforcement_percentage() {
    for (percent, range) in [(0, 0..=0), (30, 35..=85), (100, 200..=200)] {
        let mut config = failure_percentage();
        config["failurePercentageEjection"]["enforcementPercentage"] = json!(percent);
        config["baseEjectionTime"] = json!("0s");
        let mut channel = channel(LIST, config);
        for _ in 0..200 {
            ten_calls(&channel, &[D]);
            channel.advance_millis(INTERVAL);
        }
        let reports = channel.ejections();
        let count = |wanted: &Ejection| reports.iter().filter(|(_, one)| one == wanted).count();
        let method = DetectionMethod::FailurePercentage;
        let enforced = count(&ejected_by(method, 0));
        assert!(range.contains(&enforced), "{percent} %: {enforced}");
        let left = count(&not_ejected(method, NotEjected::EnforcementPercentage));
        assert_eq!(enforced + left, 200);
    }
}

/// "If the address is ejected, and the current time is after ejection_timestamp + min(base_ejection_time *
/// multiplier, max(base_ejection_time, max_ejection_time)), un-eject": each ejection lasts longer, up to the
/// maximum.
#[test]
fn ejections_become_longer() {
    let mut config = failure_percentage();
    config["baseEjectionTime"] = json!("30s");
    config["maxEjectionTime"] = json!("80s");
    let mut channel = channel(LIST, config);
    for intervals in [3, 6, 8, 8] {
        ten_calls(&channel, &[B]);
        channel.advance_millis(INTERVAL);
        let time = intervals * 10;
        let report = ejected_by(DetectionMethod::FailurePercentage, time);
        check_reports(&mut channel, &[(B, report)]);
        channel.advance_millis(intervals * INTERVAL - 1);
        assert_eq!(ejected(&channel), [B]);
        channel.advance_millis(1);
        assert_eq!(ejected(&channel), [""; 0]);
        check_reports(&mut channel, &[(B, Ejection::Returned)]);
    }
}

/// A base time above the maximum is the maximum.
#[test]
fn a_base_time_above_the_maximum() {
    let mut config = failure_percentage();
    config["baseEjectionTime"] = json!("40s");
    config["maxEjectionTime"] = json!("1s");
    let mut channel = channel(LIST, config);
    for _ in 0..2 {
        ten_calls(&channel, &[B]);
        channel.advance_millis(INTERVAL);
        let report = ejected_by(DetectionMethod::FailurePercentage, 40);
        check_reports(&mut channel, &[(B, report)]);
        channel.advance_millis(4 * INTERVAL);
        check_reports(&mut channel, &[(B, Ejection::Returned)]);
    }
}

/// "If the address is not ejected and the multiplier is greater than 0, decrease the multiplier by 1": an
/// interval without ejection takes one step back.
#[test]
fn good_intervals_shorten_the_next_ejection() {
    let mut channel = channel(LIST, failure_percentage());
    let method = DetectionMethod::FailurePercentage;
    for (time, good_intervals) in [(30, 0), (60, 0), (90, 2), (60, 1), (60, 9), (30, 0)] {
        ten_calls(&channel, &[B]);
        channel.advance_millis(INTERVAL);
        check_reports(&mut channel, &[(B, ejected_by(method, time))]);
        channel.advance_millis(time * 1000);
        check_reports(&mut channel, &[(B, Ejection::Returned)]);
        channel.advance_millis(good_intervals * INTERVAL);
    }
}

/// "Swap the call counter's buckets": the calls of an interval do not count in the next one.
#[test]
fn calls_count_for_one_interval() {
    let mut channel = channel(LIST, failure_percentage());
    for address in [A, B, C, D, E] {
        end_calls(&channel, address, Code::Internal, 9);
    }
    channel.advance_millis(INTERVAL);
    for address in [A, B, C, D, E] {
        end_calls(&channel, address, Code::Internal, 9);
    }
    channel.advance_millis(INTERVAL);
    check_reports(&mut channel, &[]);
}

/// A call fails if its status is not OK, whatever it is. A call that the client ended itself, and an attempt
/// that was not sent, show nothing of the backend: they count neither way.
#[test]
fn which_calls_count() {
    let outcomes = [
        // The code, whether the attempt was sent, and dropped; and whether it counts.
        (Code::Internal, true, false, true),
        (Code::NotFound, true, false, true),
        (Code::DeadlineExceeded, true, false, true),
        (Code::Cancelled, true, false, true),
        (Code::Cancelled, true, true, false),
        (Code::Unavailable, false, false, false),
    ];
    for (code, was_sent, was_dropped, counts) in outcomes {
        let mut channel = channel(LIST, failure_percentage());
        for address in [A, B, C] {
            end_calls(&channel, address, Code::Ok, 10);
        }
        let picker = channel.picker();
        let tracker = picker.tracker().expect("calls are counted");
        let status = Status::new(code, "");
        let outcome = AttemptOutcome::new(&status);
        let outcome = outcome.with_sent(was_sent).with_dropped(was_dropped);
        for _ in 0..11 {
            tracker.attempt_ended(channel.id(C), &outcome);
        }
        channel.advance_millis(INTERVAL);
        assert_eq!(!ejected(&channel).is_empty(), counts, "{status}");
    }
}

/// A call that ends after a newer picker was published counts.
#[test]
fn calls_of_older_pickers_count() {
    let mut channel = channel(LIST, failure_percentage());
    let old = channel.picker();
    channel.idle(E);
    let status = Status::internal("");
    for address in [A, B, C] {
        let outcome = AttemptOutcome::new(&status).with_sent(true);
        for _ in 0..10 {
            let tracker = old.tracker().expect("calls are counted");
            tracker.attempt_ended(channel.id(address), &outcome);
        }
    }
    channel.advance_millis(INTERVAL);
    let reports = channel.ejections();
    assert_eq!(reports.len(), 3, "{reports:?}");
}

/// "If neither [..] is set, stop the timer, un-eject all addresses": a configuration without a method costs
/// nothing. Its picker is the child's, it has no tracker, and no deadline.
#[test]
fn no_method_costs_nothing() {
    let mut channel = channel(LIST, json!({}));
    assert!(channel.picker().tracker().is_none());
    assert_eq!(channel.policy.poll_timeout(), None);
    reconfigure(&mut channel, LIST, success_rate());
    assert!(channel.picker().tracker().is_some());
    reconfigure(&mut channel, LIST, json!({}));
    assert!(channel.picker().tracker().is_none());
    assert_eq!(channel.policy.poll_timeout(), None);
    assert_eq!(channel.picked().len(), A.len());
}

/// The end of both methods returns all endpoints at once, and forgets earlier ejections.
#[test]
fn the_end_of_all_methods_returns_all() {
    let mut channel = channel(LIST, failure_percentage());
    let method = DetectionMethod::FailurePercentage;
    ten_calls(&channel, &[B, D]);
    channel.advance_millis(INTERVAL);
    channel.ejections();
    reconfigure(&mut channel, LIST, json!({}));
    check_reports(
        &mut channel,
        &[(B, Ejection::Returned), (D, Ejection::Returned)],
    );
    assert_eq!(ejected(&channel), [""; 0]);
    reconfigure(&mut channel, LIST, failure_percentage());
    ten_calls(&channel, &[B]);
    channel.advance_millis(INTERVAL);
    check_reports(&mut channel, &[(B, ejected_by(method, 30))]);
}

/// "If the timer start timestamp is unset, set it to the current time [..] reset all call counters": what was
/// counted before a pause does not count after it.
#[test]
fn counters_start_from_zero_after_a_pause() {
    let mut channel = channel(LIST, failure_percentage());
    ten_calls(&channel, &[B]);
    let old = channel.picker();
    reconfigure(&mut channel, LIST, json!({}));
    // A call that was made before ends meanwhile.
    let status = Status::internal("");
    let outcome = AttemptOutcome::new(&status).with_sent(true);
    let tracker = old.tracker().expect("calls are counted");
    tracker.attempt_ended(channel.id(B), &outcome);
    channel.advance_millis(3_000);
    reconfigure(&mut channel, LIST, failure_percentage());
    channel.advance_millis(INTERVAL - 1);
    assert_eq!(
        channel.policy.poll_timeout(),
        Some(channel.now + Duration::from_millis(1))
    );
    channel.advance_millis(1);
    check_reports(&mut channel, &[]);
}

/// "Cancel the timer and start a new timer for the configured `interval` minus the difference between the
/// current time and the previous start timestamp, or 0 if that would be negative", for a shorter and for a
/// longer interval. An update with the same interval changes nothing.
#[test]
fn an_interval_can_change() {
    for (interval, expected) in [("8s", 2), ("20s", 14), ("10s", 4), ("5s", 0)] {
        let mut channel = channel(LIST, failure_percentage());
        channel.advance_millis(6_000);
        let mut config = failure_percentage();
        config["interval"] = json!(interval);
        reconfigure(&mut channel, LIST, config);
        let due = channel.policy.poll_timeout().expect("a deadline");
        let wait = due.saturating_duration_since(channel.now);
        assert_eq!(wait, Duration::from_secs(expected), "{interval}");
        // The calls until then count.
        ten_calls(&channel, &[B]);
        channel.advance_millis(expected * 1000);
        assert_eq!(ejected(&channel), [B], "{interval}");
    }
}

/// An interval of zero does not keep the policy busy: it counts as 10 ms.
#[test]
fn an_interval_of_zero_is_ten_milliseconds() {
    let mut config = failure_percentage();
    config["interval"] = json!("0s");
    let channel = channel(LIST, config);
    let due = channel.policy.poll_timeout().expect("a deadline");
    assert_eq!(due - channel.now, Duration::from_millis(10));
}

/// The longest durations of a service config do not overflow.
#[test]
fn the_longest_times() {
    let mut config = failure_percentage();
    let longest = "315576000000s";
    config["baseEjectionTime"] = json!(longest);
    config["maxEjectionTime"] = json!(longest);
    let mut channel = channel(LIST, config.clone());
    ten_calls(&channel, &[B]);
    channel.advance_millis(INTERVAL);
    channel.advance_millis(1000 * INTERVAL);
    assert_eq!(ejected(&channel), [B]);
    config["interval"] = json!(longest);
    reconfigure(&mut channel, LIST, config);
    channel.advance_millis(1000 * INTERVAL);
    assert_eq!(ejected(&channel), [B]);
}

/// An endpoint with two addresses is one: its calls count together, whichever address has the connection, and
/// it is ejected as a whole. The order of the addresses does not matter (gRFC A61).
#[test]
fn an_endpoint_with_two_addresses_is_one() {
    const V6: &str = "[2001:db8::1]:443";
    let list = format!("{A}|{V6} {B} {C}");
    let mut channel = channel(&list, failure_percentage());
    end_calls(&channel, A, Code::Internal, 5);
    // The backend is reached at its other address.
    channel.idle(A);
    channel.fail(A);
    channel.ready(V6);
    end_calls(&channel, V6, Code::Internal, 5);
    for address in [B, C] {
        end_calls(&channel, address, Code::Ok, 10);
    }
    let turned = format!("{V6}|{A} {B} {C}");
    reconfigure(&mut channel, &turned, failure_percentage());
    channel.advance_millis(INTERVAL);
    assert_eq!(ejected(&channel), [V6]);
    let addresses = format!("{V6}|{A}");
    let method = DetectionMethod::FailurePercentage;
    check_reports(&mut channel, &[(&addresses, ejected_by(method, 30))]);
    // Its next subchannel starts ejected.
    channel.idle(V6);
    channel.fail(V6);
    channel.ready(A);
    assert_eq!(ejected(&channel), [A]);
    channel.advance_millis(3 * INTERVAL);
    assert_eq!(ejected(&channel), [""; 0]);
}

/// Another address makes another endpoint, about which nothing is known: it is not ejected (gRFC A61).
#[test]
fn another_address_makes_another_endpoint() {
    let mut channel = channel(LIST, failure_percentage());
    ten_calls(&channel, &[A]);
    channel.advance_millis(INTERVAL);
    assert_eq!(ejected(&channel), [A]);
    let list = LIST.replace(A, &format!("{A}|[2001:db8::1]:443"));
    reconfigure(&mut channel, &list, failure_percentage());
    channel.ready(A);
    assert_eq!(ejected(&channel), [""; 0]);
}

/// So it does where the child keeps the subchannel and publishes nothing: the calls that follow count for the
/// new endpoint, those before it do not.
#[test]
fn a_kept_subchannel_counts_for_its_new_endpoint() {
    let mut config = failure_percentage();
    config["failurePercentageEjection"]["minimumHosts"] = json!(1);
    config["childPolicy"] = json!([{ "pick_first": {} }]);
    let mut channel = channel(A, config.clone());
    end_calls(&channel, A, Code::Ok, 1000);
    let list = format!("{A}|[2001:db8::1]:443");
    reconfigure(&mut channel, &list, config);
    end_calls(&channel, A, Code::Internal, 10);
    channel.advance_millis(INTERVAL);
    let method = DetectionMethod::FailurePercentage;
    check_reports(&mut channel, &[(&list, ejected_by(method, 30))]);
}

/// Where two endpoints have a common address, its calls count for one of them, also when the other one has
/// been removed.
#[test]
fn endpoints_with_a_common_address() {
    let both = format!("{A}|{B} {A}|{C} {D} {E}");
    for left in [format!("{A}|{B} {D} {E}"), format!("{A}|{C} {D} {E}")] {
        let mut config = failure_percentage();
        config["childPolicy"] = json!([{ "pick_first": {} }]);
        let mut channel = channel(A, config.clone());
        reconfigure(&mut channel, &both, config.clone());
        reconfigure(&mut channel, &left, config.clone());
        end_calls(&channel, A, Code::Internal, 10);
        config["failurePercentageEjection"]["minimumHosts"] = json!(1);
        reconfigure(&mut channel, &left, config);
        channel.advance_millis(INTERVAL);
        let reports = channel.ejections();
        assert_eq!(reports.len(), 1, "{left}: {reports:?}");
        assert!(left.starts_with(&reports[0].0), "{left}: {reports:?}");
    }
}

/// An endpoint that is listed again after it was removed is a new one.
#[test]
fn a_removed_endpoint_is_forgotten() {
    let mut channel = channel(LIST, failure_percentage());
    ten_calls(&channel, &[E]);
    channel.advance_millis(INTERVAL);
    assert_eq!(ejected(&channel), [E]);
    let without = LIST.trim_end_matches(E);
    reconfigure(&mut channel, without, failure_percentage());
    reconfigure(&mut channel, LIST, failure_percentage());
    channel.ready(E);
    assert_eq!(ejected(&channel), [""; 0]);
}

/// A backend whose connection is lost stays ejected, and so does one that connects while it is ejected.
#[test]
fn a_new_connection_stays_ejected() {
    let mut channel = channel(LIST, failure_percentage());
    ten_calls(&channel, &[B]);
    channel.advance_millis(INTERVAL);
    channel.idle(B);
    channel.ready(B);
    assert_eq!(ejected(&channel), [B]);
}

/// The attributes of an endpoint do not count, and duplicates are one endpoint.
#[test]
fn duplicates_are_one_endpoint() {
    let list = format!("{A} {A} {B} {C}");
    let mut config = failure_percentage();
    // One of three: 34 % is the least percentage with which two may be ejected.
    config["maxEjectionPercent"] = json!(33);
    let mut channel = channel(&list, config);
    ten_calls(&channel, &[A, B]);
    channel.advance_millis(INTERVAL);
    assert_eq!(ejected(&channel), [A]);
}

/// "pick_first [..] at top level": a child that is pick_first ignores ejections, because there is no other
/// backend for its calls.
#[test]
fn pick_first_as_the_child_ignores_ejections() {
    let mut config = failure_percentage();
    config["failurePercentageEjection"]["minimumHosts"] = json!(1);
    config["childPolicy"] = json!([{ "pick_first": {} }]);
    let mut channel = channel(A, config);
    end_calls(&channel, A, Code::Internal, 10);
    channel.advance_millis(INTERVAL);
    let method = DetectionMethod::FailurePercentage;
    check_reports(&mut channel, &[(A, ejected_by(method, 30))]);
    assert_eq!(channel.picked(), A);
}

/// A subchannel that the child keeps while its endpoint leaves the list returns: nothing would end its
/// ejection any more. The child of this test is a policy switch, whose current policy keeps its subchannels
/// while the next one connects.
#[test]
fn a_subchannel_without_an_endpoint_is_not_ejected() {
    let mut channel = channel(LIST, failure_percentage());
    ten_calls(&channel, &[A, B]);
    channel.advance_millis(INTERVAL);
    assert_eq!(ejected(&channel), [A, B]);
    let mut config = failure_percentage();
    config["childPolicy"] = json!([{ "pick_first": {} }]);
    reconfigure(&mut channel, "10.0.0.9:443", config);
    let picks: Vec<String> = (0..5).map(|_| channel.picked()).collect();
    assert!(picks.contains(&A.to_owned()), "{picks:?}");
    channel.ready("10.0.0.9:443");
    assert_eq!(channel.picked(), "10.0.0.9:443");
}

/// An ejection by a policy above counts too: a backend gets calls when neither policy ejects it.
#[test]
fn ejections_of_two_policies() {
    let mut channel = channel(LIST, failure_percentage());
    let id = channel.id(B);
    channel.eject(id, true);
    assert_eq!(ejected(&channel), [B]);
    ten_calls(&channel, &[B]);
    channel.advance_millis(INTERVAL);
    channel.eject(id, false);
    assert_eq!(ejected(&channel), [B]);
    channel.eject(id, true);
    channel.advance_millis(3 * INTERVAL);
    assert_eq!(ejected(&channel), [B]);
    channel.eject(id, false);
    assert_eq!(ejected(&channel), [""; 0]);
}

/// An error of the resolver, and a list without addresses, are the child's affair.
#[test]
fn errors_of_the_resolver_reach_the_child() {
    let mut channel = channel(LIST, failure_percentage());
    channel.resolver_error("timed out", OldList::Keep);
    assert_eq!(channel.state(), Ready);
    let error = channel.update("").expect_err("the list is empty");
    assert_eq!(
        error.message(),
        "name resolver error: produced zero addresses"
    );
    assert_eq!(channel.state(), TransientFailure);
    channel.advance_millis(2 * INTERVAL);
    channel.update(LIST).expect("the list has addresses");
}

/// A configuration of another policy is an error, and changes nothing.
#[test]
fn a_foreign_configuration_is_an_error() {
    let mut channel = channel(LIST, failure_percentage());
    channel.set_config(Arc::new(()));
    let error = channel.update(A).expect_err("it is of another policy");
    assert_eq!(error.code(), Code::Internal);
    assert_eq!(channel.addresses(), LIST);
}

/// The texts of decisions, for logs.
#[test]
fn texts() {
    let method = DetectionMethod::SuccessRate;
    assert_eq!(
        ejected_by(method, 30).to_string(),
        "ejected by success_rate for at least 30s"
    );
    let method = DetectionMethod::FailurePercentage;
    let reasons = [
        (NotEjected::EnforcementPercentage, "enforcement_percentage"),
        (NotEjected::MaxEjectionPercent, "max_ejection_overflow"),
    ];
    for (reason, label) in reasons {
        let text = format!("an outlier by failure_percentage, and not ejected because of {label}");
        assert_eq!(not_ejected(method, reason).to_string(), text);
    }
    assert_eq!(Ejection::Returned.to_string(), "not ejected any more");
}
