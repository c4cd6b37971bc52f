//! weighted_round_robin with thousands of endpoints. "When the set of ready endpoints changes" a schedule
//! is made ([gRFC A58](https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md));
//! from 1,024 of them on, a change of the set does not read the weights of all again.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderMap;
use trunkline_lb::testing::{FakeChannel, pick};
use trunkline_lb::{
    AttemptOutcome, LoadReport, Pick, Policy, PolicyOptions, SubchannelId, SubchannelState,
    WeightedRoundRobin, WeightedRoundRobinConfig,
};
use trunkline_status::{Code, Status};

type Channel = FakeChannel<WeightedRoundRobin>;

/// Returns a channel with this many endpoints, all of them ready at its beginning. Weights count from the
/// first report on, and are read each second.
fn ready(count: usize) -> (Channel, Vec<SubchannelId>) {
    let config = WeightedRoundRobinConfig::default().with_blackout_period(Duration::ZERO);
    let policy = WeightedRoundRobin::new(&PolicyOptions::new(5));
    let mut channel = FakeChannel::new(policy).with_config(config);
    let address = |number| format!("10.0.{}.{}:443", number / 256, number % 256);
    let list: Vec<String> = (0..count).map(address).collect();
    channel.has_more = true;
    channel.update(&list.join(" ")).expect("a list");
    let ids: Vec<SubchannelId> = channel.subchannels.keys().copied().collect();
    set_all(&mut channel, &ids, &SubchannelState::Ready);
    (channel, ids)
}

/// Moves subchannels to a state, in one batch.
fn set_all(channel: &mut Channel, ids: &[SubchannelId], state: &SubchannelState) {
    channel.has_more = true;
    for id in ids {
        channel.set_id(*id, state.clone());
    }
    channel.has_more = false;
    channel.settle();
}

/// Reports the weight of a backend in the trailers of a call.
fn report(channel: &Channel, id: SubchannelId, weight: f64) {
    let mut trailers = HeaderMap::new();
    let report = LoadReport::default().with_application_utilization(0.5);
    report.with_qps(weight / 2.0).add_to(&mut trailers);
    let status = Status::new(Code::Ok, "");
    let outcome = AttemptOutcome::new(&status)
        .with_trailers(&trailers)
        .with_ended_at(channel.now)
        .with_sent(true);
    let picker = channel.picker();
    let tracker = picker.tracker().expect("reports come in trailers");
    tracker.attempt_ended(id, &outcome);
}

/// Returns how many of `calls` calls each subchannel gets.
fn calls(channel: &Channel, calls: usize) -> BTreeMap<SubchannelId, usize> {
    let picker = channel.picker();
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        match pick(&*picker) {
            Pick::Subchannel(id) => *counts.entry(id).or_default() += 1,
            other => panic!("expected a subchannel, found {other:?}"),
        }
    }
    counts
}

/// Checks the calls that three subchannels get of 200 for each endpoint, within 2.
#[track_caller]
fn check(channel: &Channel, ids: [SubchannelId; 3], expected: [usize; 3]) {
    let counts = calls(channel, 200 * COUNT);
    let found = ids.map(|id| counts.get(&id).copied().unwrap_or(0));
    let is_near = |(found, expected): (&usize, usize)| found.abs_diff(expected) <= 2;
    assert!(found.iter().zip(expected).all(is_near), "{found:?}");
}

const COUNT: usize = 1_100;

/// One backend that is lost gets no more calls, and one that is connected gets the mean, at once. The
/// weights that the others have reported meanwhile count from the next period on, which is not put off.
#[test]
fn one_endpoint_changes() {
    let (mut channel, ids) = ready(COUNT);
    let (light, heavy, other) = (ids[0], ids[1], ids[3]);
    for (at, id) in ids.iter().enumerate() {
        report(&channel, *id, [100.0, 300.0][at % 2]);
    }
    check(&channel, [light, heavy, other], [200, 200, 200]);
    channel.advance_millis(1_000);
    check(&channel, [light, heavy, other], [100, 300, 300]);

    let due = channel.policy.poll_timeout();
    channel.advance_millis(500);
    for (at, id) in ids.iter().enumerate() {
        report(&channel, *id, [300.0, 100.0][at % 2]);
    }
    channel.set_id(other, SubchannelState::Idle);
    check(&channel, [light, heavy, other], [100, 300, 0]);
    channel.set_id(other, SubchannelState::Ready);
    check(&channel, [light, heavy, other], [100, 300, 200]);
    report(&channel, other, 100.0);
    assert_eq!(channel.policy.poll_timeout(), due);

    channel.advance_millis(500);
    check(&channel, [light, heavy, other], [300, 100, 100]);
}

/// Where the backends with nearly all of the weight are lost, the weights of the others are read at once:
/// a pick would need thousands of turns.
#[test]
fn the_heaviest_are_lost() {
    let (mut channel, ids) = ready(COUNT);
    let heavy = &ids[..50];
    for id in &ids {
        let weight = if heavy.contains(id) { 1e6 } else { 1.0 };
        report(&channel, *id, weight);
    }
    channel.advance_millis(1_000);
    let counts = calls(&channel, 10_000);
    let of_heavy: usize = heavy.iter().filter_map(|id| counts.get(id)).sum();
    assert!(of_heavy > 9_900, "{of_heavy}");

    channel.advance_millis(500);
    set_all(&mut channel, heavy, &SubchannelState::Idle);
    let period = Duration::from_secs(1);
    assert_eq!(channel.policy.poll_timeout(), Some(channel.now + period));
    let counts = calls(&channel, 10 * (COUNT - 50));
    let mut rest = ids[50..].iter();
    assert!(rest.all(|id| counts.get(id) == Some(&10)));
}
