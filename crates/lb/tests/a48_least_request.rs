//! The policy least_request:
//! [gRFC A48](https://github.com/grpc/proposal/blob/master/A48-xds-least-request-lb-policy.md).

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};
use trunkline_lb::ConnectivityState::{Connecting, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, QueueModel, pick};
use trunkline_lb::{
    AttemptOutcome, LeastRequest, LeastRequestConfig, LeastRequestFactory, OldList, Pick, Picker,
    Policy, PolicyFactory, PolicyOptions, PolicyRegistry, SubchannelId,
};
use trunkline_status::{Code, Status};

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";
const C: &str = "10.0.0.3:443";

/// With so many draws, a pick misses the least loaded of two endpoints once in 2^10 times, and of
/// three once in 57 times.
const MANY_CHOICES: u32 = 10;

fn channel(list: &[&str], choice_count: u32) -> FakeChannel<LeastRequest> {
    let config = LeastRequestConfig::default().with_choice_count(choice_count);
    let policy = LeastRequest::new(&PolicyOptions::new(7));
    let mut channel = FakeChannel::new(policy).with_config(config);
    let accepted = channel.update(&list.join(" "));
    accepted.expect("the policy accepts the list");
    channel
}

fn ready(list: &[&str], choice_count: u32) -> FakeChannel<LeastRequest> {
    let mut channel = channel(list, choice_count);
    for address in list {
        channel.ready(address);
    }
    channel
}

fn end(picker: &dyn Picker, id: SubchannelId) {
    let status = Status::new(Code::Ok, "");
    let tracker = picker.tracker().expect("a picker with a tracker");
    tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
}

fn picked(picker: &dyn Picker) -> SubchannelId {
    match pick(picker) {
        Pick::Subchannel(id) => id,
        other => panic!("expected a subchannel, found {other:?}"),
    }
}

/// Starts calls, which do not end, and returns how many each subchannel got.
fn start(picker: &dyn Picker, calls: usize) -> BTreeMap<SubchannelId, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..calls {
        *shares.entry(picked(picker)).or_default() += 1;
    }
    shares
}

fn parse(config: &Value) -> Result<u32, String> {
    let parsed = LeastRequestFactory.parse_config(config, &PolicyRegistry::empty());
    let parsed = parsed.map_err(|error| error.to_string())?;
    let config: &dyn Any = &*parsed;
    let config: &LeastRequestConfig = config.downcast_ref().expect("the policy's own config");
    Ok(config.choice_count)
}

/// "LB Policy Config and Parameters": `choiceCount` is 2 by default. A number below 2 is rejected,
/// one above 10 counts as 10.
#[test]
fn choice_count() {
    let cases = [
        (json!(null), Ok(2)),
        (json!({}), Ok(2)),
        (json!({ "choiceCount": null, "unknown": 1 }), Ok(2)),
        (json!({ "choiceCount": 2 }), Ok(2)),
        (json!({ "choiceCount": 3 }), Ok(3)),
        (json!({ "choiceCount": 10 }), Ok(10)),
        (json!({ "choiceCount": 11 }), Ok(10)),
        (
            json!({ "choiceCount": 1 }),
            Err("choiceCount: expected an integer of at least 2, found 1"),
        ),
        (
            json!({ "choiceCount": 0 }),
            Err("choiceCount: expected an integer of at least 2, found 0"),
        ),
        (
            json!({ "choiceCount": -1 }),
            Err("choiceCount: expected an integer from 0 to 4294967295, found -1"),
        ),
        (json!([]), Err("expected an object, found an array")),
    ];
    for (config, expected) in cases {
        assert_eq!(parse(&config), expected.map_err(str::to_owned), "{config}");
    }
    let setter = |count| LeastRequestConfig::default().with_choice_count(count);
    assert_eq!(
        [0, 5, 99].map(|count| setter(count).choice_count),
        [2, 5, 10]
    );
}

/// "Picker behavior": of the endpoints that were drawn, the one with the fewest calls in flight is
/// picked. So calls that do not end spread evenly, and calls that end at one endpoint only go there.
#[test]
fn fewest_calls_in_flight() {
    let channel = ready(&[A, B], MANY_CHOICES);
    let picker = channel.picker();
    let shares = start(&*picker, 100);
    let [a, b] = [A, B].map(|address| shares[&channel.id(address)]);
    assert!(a.abs_diff(b) <= 4, "{a} and {b}");
    for _ in 0..20 {
        end(&*picker, channel.id(A));
    }
    let shares = start(&*picker, 16);
    let a = shares[&channel.id(A)];
    assert!(
        a >= 14,
        "{a} of 16 calls went to the endpoint that had 20 fewer"
    );
}

/// "Picker behavior": endpoints are drawn from all that are ready, with replacement, so an endpoint
/// that has more calls than all others is picked still: when it is drawn each time.
#[test]
fn drawn_with_replacement() {
    const CALLS: usize = 4000;
    let channel = ready(&[A, B], 2);
    let picker = channel.picker();
    start(&*picker, 100);
    // One endpoint has no calls; the other has all of them.
    let busy = channel.id(A);
    let idle = channel.id(B);
    for _ in 0..CALLS {
        let id = picked(&*picker);
        if id == idle {
            end(&*picker, idle);
        }
    }
    let shares = (0..CALLS).map(|_| {
        let id = picked(&*picker);
        end(&*picker, id);
        usize::from(id == busy)
    });
    let busy_share = shares.sum::<usize>() as f64 / CALLS as f64;
    assert!((0.21..0.29).contains(&busy_share), "{busy_share}, not 1/4");
}

/// Endpoints without load get even shares.
#[test]
fn even_without_load() {
    for choice_count in [2, 3, 10] {
        let channel = ready(&[A, B, C], choice_count);
        let picker = channel.picker();
        let mut shares: BTreeMap<SubchannelId, usize> = BTreeMap::new();
        for _ in 0..9000 {
            let id = picked(&*picker);
            end(&*picker, id);
            *shares.entry(id).or_default() += 1;
        }
        assert!(
            shares.values().all(|share| (2800..3200).contains(share)),
            "{shares:?}"
        );
    }
}

/// "Outstanding request counters": a new picker goes on with the counts of the last one. An endpoint
/// that becomes ready has no calls, so it gets the next ones.
#[test]
fn counts_outlast_pickers() {
    let mut channel = channel(&[A, B, C], MANY_CHOICES);
    channel.ready(A);
    channel.ready(B);
    start(&*channel.picker(), 40);
    channel.ready(C);
    let shares = start(&*channel.picker(), 16);
    let c = shares[&channel.id(C)];
    assert!(
        c >= 12,
        "{c} of 16 calls went to the endpoint without calls"
    );
}

/// "Outstanding request counters": when an endpoint is not ready any more, its count is dropped. The
/// ends of its old calls change nothing for its new ones.
#[test]
fn counts_of_lost_connections_are_dropped() {
    let mut channel = ready(&[A, B], MANY_CHOICES);
    let before = channel.picker();
    start(&*before, 100);
    let id = channel.id(A);
    channel.idle(A);
    channel.ready(A);
    assert_eq!(channel.id(A), id, "the subchannel stays");
    for _ in 0..50 {
        end(&*before, id);
    }
    // B has 50 calls, and A none. A count below 0 would never be picked or always.
    let shares = start(&*channel.picker(), 50);
    let a = shares[&id];
    assert!(
        a >= 46,
        "{a} of 50 calls went to the endpoint without calls"
    );
    let shares = start(&*channel.picker(), 40);
    let [a, b] = [A, B].map(|address| shares[&channel.id(address)]);
    assert!(a.abs_diff(b) <= 8, "{a} and {b}");
}

/// "Outstanding request counters": the count goes down once at the end of an attempt, whatever its
/// status is and whether it was sent.
#[test]
fn each_end_counts_once() {
    let channel = ready(&[A, B], MANY_CHOICES);
    let picker = channel.picker();
    let tracker = picker.tracker().expect("a picker with a tracker");
    for code in [
        Code::Ok,
        Code::Cancelled,
        Code::Unavailable,
        Code::DeadlineExceeded,
    ] {
        for was_sent in [false, true] {
            let status = Status::new(code, "the end");
            let outcome = AttemptOutcome::new(&status).with_sent(was_sent);
            for _ in 0..100 {
                tracker.attempt_ended(picked(&*picker), &outcome);
            }
        }
    }
    // Nothing is in flight, so what starts now spreads evenly.
    let shares = start(&*picker, 100);
    let [a, b] = [A, B].map(|address| shares[&channel.id(address)]);
    assert!(a.abs_diff(b) <= 4, "{a} and {b}");
}

/// Many threads pick and end attempts at the same time; no call is counted twice or lost.
#[test]
fn many_threads() {
    let channel = ready(&[A, B, C], 2);
    let picker = channel.picker();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    let [one, other] = [picked(&*picker), picked(&*picker)];
                    end(&*picker, one);
                    end(&*picker, other);
                }
            });
        }
    });
    let shares = start(&*picker, 300);
    assert!(
        shares.values().all(|share| share.abs_diff(100) <= 12),
        "{shares:?}"
    );
}

/// An attempt at a subchannel that the picker never picked changes nothing.
#[test]
fn foreign_subchannels() {
    let mut channel = ready(&[A, B], 2);
    let id = channel.id(A);
    channel.update(B).expect("the policy accepts the list");
    let picker = channel.picker();
    end(&*picker, id);
    assert_eq!(picked(&*picker), channel.id(B));
    end(&*picker, channel.id(B));
}

/// A new `choiceCount` gets a new picker, which goes on with the counts.
#[test]
fn new_choice_count() {
    let mut channel = ready(&[A, B], 2);
    channel.states();
    start(&*channel.picker(), 100);
    let config = LeastRequestConfig::default().with_choice_count(MANY_CHOICES);
    channel.set_config(Arc::new(config));
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.states(), [Ready]);
    let shares = start(&*channel.picker(), 100);
    let [a, b] = [A, B].map(|address| shares[&channel.id(address)]);
    assert!(a.abs_diff(b) <= 20, "{a} and {b}");
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    assert_eq!(channel.states(), [], "nothing has changed");
}

/// gRFC A61: an endpoint has one count, however many addresses it has and however often it is
/// listed.
#[test]
fn a_count_for_each_endpoint() {
    let both = "10.0.0.1:443|[2001:db8::1]:443";
    let mut channel = channel(&[both, both, B, B], 2);
    assert_eq!(channel.addresses(), [A, B].join(" "));
    channel.fail(A);
    channel.ready("[2001:db8::1]:443");
    channel.ready(B);
    let mut shares: BTreeMap<SubchannelId, usize> = BTreeMap::new();
    let picker = channel.picker();
    for _ in 0..1000 {
        let id = picked(&*picker);
        end(&*picker, id);
        *shares.entry(id).or_default() += 1;
    }
    assert!(
        shares.values().all(|share| (400..600).contains(share)),
        "{shares:?}"
    );
}

/// "Subchannel connectivity management": connections, states and errors are those of round_robin.
#[test]
fn states_as_round_robin() {
    let mut channel = channel(&[A, B], 2);
    assert_eq!(channel.addresses(), [A, B].join(" "));
    assert_eq!(channel.pick(), Pick::Queue);
    channel.fail(A);
    channel.ready(B);
    assert_eq!(channel.picked(), B);
    channel.idle(B);
    channel.fail(B);
    assert_eq!(
        channel.states(),
        [Connecting, Ready, Connecting, TransientFailure]
    );
    assert_eq!(
        channel.error(),
        "failed to connect to all addresses; last error: 10.0.0.2:443: connection refused"
    );
    channel.resolver_error("timed out", OldList::Keep);
    assert!(channel.error().contains("name resolver error: timed out"));
    channel.update("").expect_err("an empty list is rejected");
    assert_eq!(
        channel.error(),
        "name resolver error: produced zero addresses"
    );
    assert_eq!(channel.policy.poll_timeout(), None);
}

/// [The Power of Two Choices](https://www.eecs.harvard.edu/~michaelm/postscripts/tpds2001.pdf): with
/// a load of `l`, the share of queues with at least `n` calls is l^n with random choice, and
/// l^(2^n - 1) with the shorter of two. At 80 % the 99th percentiles are 20 and 4.
#[test]
fn queues_at_80_percent() {
    let model = QueueModel::default();
    let random = model.run_random();
    let policy = LeastRequest::new(&PolicyOptions::new(7));
    let least = model.run(policy, Arc::new(LeastRequestConfig::default()));
    let near = |found: f64, expected: f64, margin: f64, what: &str| {
        let difference = (found - expected).abs();
        assert!(
            difference <= margin * expected,
            "{what}: {found}, not {expected}"
        );
    };
    for length in 1..=5 {
        let power = f64::from(length);
        let what = format!("random, at least {length}");
        near(
            random.at_least(length as usize),
            0.8_f64.powf(power),
            0.1,
            &what,
        );
    }
    for length in 1..=3 {
        let power = f64::from((1 << length) - 1);
        let what = format!("least_request, at least {length}");
        near(
            least.at_least(length as usize),
            0.8_f64.powf(power),
            0.1,
            &what,
        );
    }
    let [random, least] = [random, least].map(|lengths| lengths.percentile(0.99));
    assert!((17..=24).contains(&random), "random: {random}");
    assert!((4..=5).contains(&least), "least_request: {least}");
}
