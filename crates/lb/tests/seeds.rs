//! Invariants of the policies under random events in random order.

mod support;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use trunkline_backoff::Rng;
use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, endpoints, pick, refused};
use trunkline_lb::{
    AttemptOutcome, Ejection, FailurePercentageEjection, GracefulSwitch, LeastRequest, LoadReport,
    OldList, OutlierDetection, OutlierDetectionConfig, Pick, PickFirst, PickFirstConfig,
    PickRequest, Picker, Policy, PolicyOptions, PolicyRegistry, Priority, PriorityChild,
    PriorityConfig, PriorityGroupsConfig, RandomSubsetting, RandomSubsettingConfig, RingHash,
    RingHashConfig, RoundRobin, StaticWeights, SubchannelId, SubchannelState, SuccessRateEjection,
    WeightedRoundRobin, WeightedRoundRobinConfig, WeightedTarget, WeightedTargetConfig, ZoneAware,
    ZoneAwareConfig,
};
use trunkline_service_config::{PolicyChoice, PolicyConfig};
use trunkline_status::{Code, Status};

use support::labelled::{Labelled, in_three_zones, to_a_or_b, with_priority_and_weight};

const SEEDS: u64 = 400;
const STEPS: usize = 300;

/// Returns a list of up to six of eight addresses, in one endpoint or in several.
fn random_list(rng: &mut Rng) -> String {
    let addresses: Vec<String> = (0..rng.below(7))
        .map(|_| match rng.below(8) {
            number @ 0..4 => format!("10.0.0.{number}:443"),
            number => format!("[2001:db8::{number}]:443"),
        })
        .collect();
    let joint = if rng.below(2) == 0 { " " } else { "|" };
    addresses.join(joint)
}

/// Moves a random subchannel to a state that can follow its state.
fn random_move<P: Policy>(channel: &mut FakeChannel<P>, rng: &mut Rng) {
    let ids: Vec<SubchannelId> = channel.subchannels.keys().copied().collect();
    let Some(&id) = ids.get(rng.below(ids.len())) else {
        return;
    };
    let next = match (&channel.subchannels[&id].state, rng.below(4)) {
        (SubchannelState::Idle, _) => return,
        (SubchannelState::Connecting, 0) => SubchannelState::Ready,
        (SubchannelState::Connecting, 1) => refused(),
        (SubchannelState::Connecting, 2) => SubchannelState::Idle,
        // The event of a connect that the policy requested.
        (SubchannelState::Connecting, _) => SubchannelState::Connecting,
        (SubchannelState::Ready, _) | (SubchannelState::TransientFailure(_), _) => {
            SubchannelState::Idle
        }
    };
    channel.set_id(id, next);
}

/// Hands over one random event.
fn random_event<P: Policy>(channel: &mut FakeChannel<P>, list: &mut Option<String>, rng: &mut Rng) {
    match rng.below(20) {
        0 | 1 => {
            let new = random_list(rng);
            let result = channel.update(&new);
            assert_eq!(result.is_err(), new.is_empty());
            *list = (!new.is_empty()).then_some(new);
        }
        2 => channel.resolver_error("timed out", OldList::Keep),
        3 if rng.below(4) == 0 => {
            channel.resolver_error("NXDOMAIN", OldList::DropList);
            *list = None;
        }
        4 => channel.exit_idle(),
        5 => {
            // A late event of a removed subchannel changes nothing.
            let gone = channel.removed.clone();
            if let Some(&id) = gone.get(rng.below(gone.len())) {
                channel.settle();
                let before = (channel.published.len(), channel.addresses());
                let state = [SubchannelState::Ready, refused(), SubchannelState::Idle];
                let state = state[rng.below(3)].clone();
                channel.event(|policy, control| policy.handle_subchannel(id, state, control));
                assert_eq!(before, (channel.published.len(), channel.addresses()));
            }
        }
        6..9 => channel.advance_millis(rng.below(400) as u64),
        _ => random_move(channel, rng),
    }
}

/// Hands over one random event, which may be part of a batch. Returns whether it was the last of
/// its batch.
fn random_batch<P: Policy>(
    channel: &mut FakeChannel<P>,
    list: &mut Option<String>,
    rng: &mut Rng,
) -> bool {
    channel.has_more = true;
    random_event(channel, list, rng);
    channel.has_more = false;
    let is_last = rng.below(3) > 0;
    if is_last {
        channel.settle();
    }
    is_last
}

/// Checks that the choice of the picker matches the published state.
fn check_published<P: Policy>(channel: &FakeChannel<P>) {
    let Some(published) = channel.published.last() else {
        return;
    };
    match (published.state, channel.pick()) {
        (Ready, Pick::Subchannel(id)) => {
            let subchannel = channel.subchannels.get(&id);
            let subchannel = subchannel.expect("the picked subchannel exists");
            assert_eq!(subchannel.state, SubchannelState::Ready);
        }
        (Connecting, Pick::Queue) | (Idle, Pick::ExitIdle) => {}
        (TransientFailure, Pick::Fail(status)) => assert!(!status.message().is_empty()),
        (state, pick) => panic!("{state} with {pick:?}"),
    }
}

/// Returns whether an event is certain to come: an attempt is in progress, a back-off will end, or
/// a timer is set.
fn is_alive<P: Policy>(channel: &FakeChannel<P>) -> bool {
    channel.policy.poll_timeout().is_some()
        || channel.subchannels.values().any(|subchannel| {
            matches!(
                subchannel.state,
                SubchannelState::Connecting | SubchannelState::TransientFailure(_)
            )
        })
}

/// Fails all attempts and ends all back-offs, several times, and checks that each address is tried
/// again.
fn exhaust<P: Policy>(channel: &mut FakeChannel<P>, list: &str) {
    let mut addresses: Vec<String> = list.split([' ', '|']).map(str::to_owned).collect();
    addresses.sort();
    addresses.dedup();
    let mut attempts: Vec<String> = Vec::new();
    for _ in 0..4 * addresses.len() {
        channel.advance_millis(250);
        let ids: Vec<SubchannelId> = channel.subchannels.keys().copied().collect();
        for id in ids {
            match channel.subchannels.get(&id).map(|found| &found.state) {
                Some(SubchannelState::Connecting) => channel.set_id(id, refused()),
                Some(SubchannelState::TransientFailure(_)) => {
                    channel.set_id(id, SubchannelState::Idle);
                }
                _ => {}
            }
        }
        let dialled = channel.dialled();
        attempts.extend(dialled.split_whitespace().map(str::to_owned));
    }
    for address in addresses {
        let count = attempts
            .iter()
            .filter(|attempt| **attempt == address)
            .count();
        assert!(
            count >= 2,
            "{address} was tried {count} times: {:?}",
            channel.policy
        );
    }
    assert_eq!(channel.state(), TransientFailure);
}

/// pick_first keeps at most one connection, uses a subchannel that is ready, and never stops
/// trying. After a failure it publishes nothing but failures until it is ready.
#[test]
fn pick_first() {
    for seed in 0..SEEDS {
        let mut rng = Rng::from_seed(seed);
        let config = PickFirstConfig::new(rng.below(2) == 0);
        let mut channel =
            FakeChannel::new(PickFirst::new(&PolicyOptions::new(seed))).with_config(config);
        let mut list = None;
        for step in 0..STEPS {
            let had_list = list.is_some();
            let before = channel.published.len();
            random_event(&mut channel, &mut list, &mut rng);
            check_published(&channel);
            let ready = |state: &SubchannelState| *state == SubchannelState::Ready;
            let states = channel.subchannels.values().map(|found| &found.state);
            let ready = states.filter(|state| ready(state)).count();
            assert!(ready <= 1, "seed {seed}, step {step}");
            if ready == 1 {
                assert_eq!(channel.state(), Ready, "seed {seed}, step {step}");
                assert_eq!(channel.subchannels.len(), 1);
            } else if list.is_some() && channel.state() != Idle {
                assert!(
                    is_alive(&channel),
                    "seed {seed}, step {step}: {:?}",
                    channel.policy
                );
            }
            if let [.., last, new] = &channel.published[before.saturating_sub(1)..]
                && last.state == TransientFailure
                && had_list
                && list.is_some()
                && channel.published.len() > before
            {
                assert!(
                    matches!(new.state, TransientFailure | Ready),
                    "seed {seed}, step {step}"
                );
            }
        }
        let list = list.unwrap_or_else(|| "10.0.0.1:443 10.0.0.2:443".to_owned());
        channel.update(&list).expect("the policy accepts the list");
        lose_all(&mut channel);
        channel.exit_idle();
        channel.dialled();
        exhaust(&mut channel, &list);
    }
}

/// round_robin picks only ready subchannels, each of them, and never stops trying an endpoint.
#[test]
fn round_robin() {
    let channel = |options: &PolicyOptions| FakeChannel::new(RoundRobin::new(options));
    petiole(SEEDS, channel, |ready| ready);
}

/// least_request does the same. It draws endpoints at random, so it is a question of probability
/// when each of six is picked: 200 picks miss one of them once in 10^15 times.
#[test]
fn least_request() {
    let channel = |options: &PolicyOptions| FakeChannel::new(LeastRequest::new(options));
    petiole(SEEDS / 8, channel, |_| 200);
}

/// weighted_round_robin does the same, with backends of which the largest can do 16 times what the
/// smallest can.
#[test]
fn weighted_round_robin() {
    let config = WeightedRoundRobinConfig::default()
        .with_blackout_period(Duration::ZERO)
        .with_weight_expiration_period(Duration::from_secs(3))
        .with_weight_update_period(Duration::from_millis(100));
    let channel = |options: &PolicyOptions| {
        FakeChannel::new(WeightedRoundRobin::new(options)).with_config(config.clone())
    };
    petiole(SEEDS / 2, channel, |ready| 32 * ready);
}

/// Checks a policy that keeps all endpoints connected: it picks only ready subchannels, each of them
/// at least once in as many picks as `picks` returns for their number, and never stops trying.
fn petiole<P: Policy>(
    seeds: u64,
    make: impl Fn(&PolicyOptions) -> FakeChannel<P>,
    picks: impl Fn(usize) -> usize,
) {
    for seed in 0..seeds {
        let mut rng = Rng::from_seed(seed);
        let mut channel = make(&PolicyOptions::new(seed));
        let mut list = None;
        for step in 0..STEPS {
            if !random_batch(&mut channel, &mut list, &mut rng) {
                continue;
            }
            check_published(&channel);
            let ready = channel.subchannels.iter();
            let ready = ready.filter(|(_, found)| found.state == SubchannelState::Ready);
            let mut ready: Vec<SubchannelId> = ready.map(|(id, _)| *id).collect();
            if ready.is_empty() {
                assert!(
                    list.is_none() || is_alive(&channel),
                    "seed {seed}, step {step}"
                );
                continue;
            }
            let picker = channel.picker();
            for _ in 0..picks(ready.len()) {
                let picked = call(&*picker);
                ready.retain(|id| Some(*id) != picked);
            }
            assert!(
                ready.is_empty(),
                "seed {seed}, step {step}: {ready:?} got no call"
            );
        }
        let list = list.unwrap_or_else(|| "10.0.0.1:443 10.0.0.2:443".to_owned());
        channel.update(&list).expect("the policy accepts the list");
        lose_all(&mut channel);
        channel.dialled();
        exhaust(&mut channel, &list);
    }
}

/// Picks once, and ends the attempt with a load report. Returns the subchannel.
fn call(picker: &dyn Picker) -> Option<SubchannelId> {
    let Pick::Subchannel(id) = pick(picker) else {
        return None;
    };
    if let Some(tracker) = picker.tracker() {
        let status = Status::new(Code::Ok, "");
        let mut trailers = HeaderMap::new();
        let qps = (1 << (id.index() % 5)) as f64;
        let report = LoadReport::default().with_cpu_utilization(0.5);
        report.with_qps(qps).add_to(&mut trailers);
        let outcome = AttemptOutcome::new(&status).with_trailers(&trailers);
        tracker.attempt_ended(id, &outcome.with_sent(true));
    }
    Some(id)
}

/// ring_hash sends equal calls to equal ready subchannels, connects what calls request, is ready if an
/// endpoint is, and never stops trying while it is failing.
#[test]
fn ring_hash() {
    let header = HeaderName::from_static("user");
    for seed in 0..SEEDS {
        let mut rng = Rng::from_seed(seed);
        let config = RingHashConfig::default()
            .with_min_ring_size(32)
            .with_request_hash_header(header.clone());
        let policy = RingHash::new(&PolicyOptions::new(seed));
        let mut channel = FakeChannel::new(policy).with_config(config);
        let mut list = None;
        for step in 0..STEPS {
            let is_last = random_batch(&mut channel, &mut list, &mut rng);
            if !is_last || channel.published.is_empty() {
                continue;
            }
            let context = format!("seed {seed}, step {step}");
            let mut metadata = HeaderMap::new();
            if rng.below(4) > 0 {
                metadata.insert(&header, HeaderValue::from(rng.below(20)));
            }
            let pick = channel
                .picker()
                .pick(&PickRequest::new("/a.B/C", &metadata));
            match &pick {
                Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id) => {
                    let state = channel.subchannels.get(id).map(|found| &found.state);
                    assert_eq!(state, Some(&SubchannelState::Ready), "{context}");
                }
                Pick::Queue => assert!(is_alive(&channel), "{context}"),
                Pick::ExitIdle => {}
                Pick::Fail(status) => assert!(!status.message().is_empty()),
                Pick::Drop(_) => panic!("{context}: a call with a header has a hash"),
            }
            if let Pick::ExitIdle | Pick::SubchannelAndExitIdle(_) = pick {
                channel.dialled();
                channel.exit_idle();
                assert_ne!(
                    channel.dialled(),
                    "",
                    "{context}: it connects what calls request"
                );
            }
            let mut states = channel.subchannels.values().map(|found| &found.state);
            let is_ready = states.any(|state| *state == SubchannelState::Ready);
            assert_eq!(is_ready, channel.state() == Ready, "{context}");
            if list.is_some() && [Connecting, TransientFailure].contains(&channel.state()) {
                assert!(is_alive(&channel), "{context}");
            }
            assert!(channel.subchannels.len() <= 8, "{context}: one an address");
        }
        let list = list.unwrap_or_else(|| "10.0.0.1:443 10.0.0.2:443".to_owned());
        channel.update(&list).expect("the policy accepts the list");
        lose_all(&mut channel);
        channel.exit_idle();
        channel.dialled();
        exhaust(&mut channel, &list);
    }
}

/// static_weights does the same, with weights from 0 to 3: the smallest share is one of 96.
#[test]
fn static_weights() {
    let channel = |options: &PolicyOptions| {
        let policy = StaticWeights::new(options);
        FakeChannel::new(Labelled::new(policy, with_priority_and_weight))
    };
    petiole(SEEDS / 4, channel, |_| 800);
}

/// weighted_target over round_robin does the same: each child that is ready gets its share.
#[test]
fn weighted_target() {
    let child = support::choice("round_robin", json!({}));
    let config = WeightedTargetConfig::default()
        .with_target("a", NonZeroU32::MIN, child.clone())
        .with_target("b", NonZeroU32::MIN.saturating_add(3), child);
    let channel = |options: &PolicyOptions| {
        let policy = WeightedTarget::new(&support::options(options.seed));
        FakeChannel::new(Labelled::new(policy, to_a_or_b)).with_config(config.clone())
    };
    petiole(SEEDS / 4, channel, |ready| 40 * ready);
}

/// priority over round_robin picks only ready subchannels, never fails calls while an endpoint is
/// ready, and never stops trying an endpoint. The same for priority_groups.
#[test]
fn priority() {
    let child = |name: &str| PriorityChild::new(name, support::choice("round_robin", json!({})));
    let by_name = PriorityConfig::default()
        .with_child(child("a"))
        .with_child(child("b"));
    tree(|seed| {
        let policy = Priority::new(&support::options(seed));
        FakeChannel::new(Labelled::new(policy, to_a_or_b)).with_config(by_name.clone())
    });
    let by_group = PriorityGroupsConfig::new(support::choice("static_weights", json!({})));
    tree(|seed| {
        let policy = Priority::new(&support::options(seed));
        FakeChannel::new(Labelled::new(policy, with_priority_and_weight))
            .with_config(by_group.clone())
    });
}

/// zone_aware over round_robin does the same.
#[test]
fn zone_aware() {
    let config = ZoneAwareConfig::new(support::choice("round_robin", json!({})));
    tree(|seed| {
        let options = support::options(seed).with_zone("a");
        FakeChannel::new(Labelled::new(ZoneAware::new(&options), in_three_zones))
            .with_config(config.clone())
    });
}

/// Checks a policy over children that each keep their endpoints connected.
fn tree<P: Policy>(make: impl Fn(u64) -> FakeChannel<P>) {
    for seed in 0..SEEDS / 2 {
        let mut rng = Rng::from_seed(seed);
        let mut channel = make(seed);
        let mut list = None;
        for step in 0..STEPS {
            if !random_batch(&mut channel, &mut list, &mut rng) {
                continue;
            }
            check_published(&channel);
            let states = channel.subchannels.values().map(|found| &found.state);
            let is_ready = states.clone().any(|state| *state == SubchannelState::Ready);
            if is_ready {
                assert_ne!(
                    channel.state(),
                    TransientFailure,
                    "seed {seed}, step {step}"
                );
            } else {
                assert!(
                    list.is_none() || is_alive(&channel),
                    "seed {seed}, step {step}"
                );
            }
            // Each address belongs to one child, and has one subchannel.
            let listed = list.iter().flat_map(|list| endpoints(list));
            let listed: usize = listed.map(|endpoint| endpoint.addresses().len()).sum();
            assert!(list.is_none() || channel.subchannels.len() <= listed);
        }
        let list = list.unwrap_or_else(|| "10.0.0.1:443 10.0.0.2:443".to_owned());
        channel.update(&list).expect("the policy accepts the list");
        lose_all(&mut channel);
        channel.dialled();
        exhaust(&mut channel, &list);
    }
}

/// random_subsetting connects to no more endpoints than its subset has, picks only ready ones, and
/// never stops trying.
#[test]
fn random_subsetting() {
    let registry = PolicyRegistry::standard();
    let child = PolicyChoice::parse(&json!([{ "round_robin": {} }]), &registry);
    let child = child.expect("a known policy");
    for seed in 0..SEEDS / 4 {
        let mut rng = Rng::from_seed(seed);
        let options = PolicyOptions::new(seed).with_policies(registry.clone());
        let config = RandomSubsettingConfig::new(2, child.clone());
        let mut channel = FakeChannel::new(RandomSubsetting::new(&options)).with_config(config);
        let mut list = None;
        for step in 0..STEPS {
            if !random_batch(&mut channel, &mut list, &mut rng) {
                continue;
            }
            check_published(&channel);
            let states = channel.subchannels.values().map(|found| &found.state);
            let ready = states.filter(|state| **state == SubchannelState::Ready);
            assert!(ready.count() <= 2, "seed {seed}, step {step}");
            if list.is_some() && channel.state() != Ready {
                assert!(is_alive(&channel), "seed {seed}, step {step}");
            }
        }
    }
}

/// A switch between both picks only ready subchannels, whichever policy they belong to, and a
/// removed policy leaves no subchannel.
#[test]
fn policy_switch() {
    let registry = PolicyRegistry::standard();
    let choices = ["pick_first", "round_robin"].map(|name| {
        let choice =
            PolicyChoice::parse(&json!([{ name: {} }]), &registry).expect("a known policy");
        (name, Arc::new(choice) as Arc<dyn PolicyConfig>)
    });
    for seed in 0..SEEDS {
        let mut rng = Rng::from_seed(seed);
        let options = PolicyOptions::new(seed).with_policies(registry.clone());
        let policy = GracefulSwitch::new(&options);
        let mut channel = FakeChannel::new(policy);
        let mut list = None;
        let mut name = "";
        for step in 0..STEPS {
            if name.is_empty() || rng.below(30) == 0 {
                let (new, config) = &choices[rng.below(2)];
                name = new;
                channel.set_config(config.clone());
                list = Some("10.0.0.1:443 [2001:db8::5]:443".to_owned());
                channel
                    .update("10.0.0.1:443 [2001:db8::5]:443")
                    .expect("the policy accepts the list");
            }
            if !random_batch(&mut channel, &mut list, &mut rng) {
                continue;
            }
            check_published(&channel);
            let latest = channel.policy.pending_name();
            let latest = latest.or_else(|| channel.policy.name());
            assert_eq!(latest, Some(name), "seed {seed}, step {step}");
            if list.is_some() && ![Idle, Ready].contains(&channel.state()) {
                assert!(is_alive(&channel), "seed {seed}, step {step}");
            }
        }
        let list = "10.0.0.1:443 10.0.0.2:443";
        channel.update(list).expect("the policy accepts the list");
        lose_all(&mut channel);
        channel.exit_idle();
        channel.dialled();
        exhaust(&mut channel, list);
        assert_eq!(channel.policy.name(), Some(name));
        assert_eq!(channel.addresses(), list, "seed {seed}");
    }
}

/// Outlier detection picks only ready subchannels, none of an ejected endpoint while its child is ready;
/// ejects no more endpoints than it may; returns each of them; and never stops trying an endpoint.
#[test]
fn outlier_detection() {
    let registry = PolicyRegistry::standard();
    let child = PolicyChoice::parse(&json!([{ "round_robin": {} }]), &registry);
    let config = OutlierDetectionConfig::new(child.expect("a known policy"))
        .with_interval(Duration::from_millis(300))
        .with_base_ejection_time(Duration::from_millis(500))
        .with_max_ejection_percent(50)
        .with_success_rate(
            SuccessRateEjection::default()
                .with_stdev_factor(500)
                .with_minimum_hosts(2)
                .with_request_volume(1),
        )
        .with_failure_percentage(
            FailurePercentageEjection::default()
                .with_threshold(60)
                .with_minimum_hosts(1)
                .with_request_volume(1),
        );
    let off = OutlierDetectionConfig::new((*config.child).clone());
    let (mut ejections, mut returns) = (0, 0);
    for seed in 0..SEEDS {
        let mut rng = Rng::from_seed(seed);
        let options = PolicyOptions::new(seed).with_policies(registry.clone());
        let mut channel =
            FakeChannel::new(OutlierDetection::new(&options)).with_config(config.clone());
        let mut list = None;
        // The endpoints that are ejected, by their addresses.
        let mut ejected = BTreeSet::new();
        for step in 0..STEPS {
            if rng.below(40) == 0 {
                let next = [&config, &off][rng.below(2)];
                channel.set_config(Arc::new(next.clone()));
            }
            let is_settled = random_batch(&mut channel, &mut list, &mut rng);
            for (addresses, ejection) in channel.ejections() {
                let mut addresses: Vec<&str> = addresses.split('|').collect();
                addresses.sort_unstable();
                addresses.dedup();
                let addresses = addresses.join("|");
                match ejection {
                    Ejection::Ejected { .. } => {
                        ejections += 1;
                        assert!(ejected.insert(addresses), "seed {seed}, step {step}");
                    }
                    Ejection::Returned => {
                        returns += 1;
                        ejected.remove(&addresses);
                    }
                    _ => {}
                }
            }
            // An endpoint that is not listed any more is forgotten without a report.
            let listed: Vec<_> = list.iter().flat_map(|list| endpoints(list)).collect();
            ejected.retain(|addresses| {
                let gone = endpoints(addresses);
                listed.iter().any(|one| one.same_addresses(&gone[0]))
            });
            if !is_settled || channel.published.is_empty() {
                continue;
            }
            check_published(&channel);
            assert!(list.is_none() || is_alive(&channel) || channel.state() == Ready);
            let picker = channel.picker();
            for _ in 0..rng.below(8) {
                let Pick::Subchannel(id) = pick(&*picker) else {
                    break;
                };
                let address = channel.subchannels[&id].address.to_string();
                let is_out = ejected.iter().any(|one| one.contains(&address));
                assert!(!is_out, "seed {seed}, step {step}: {address} is ejected");
                let code = [Code::Ok, Code::Internal][rng.below(2)];
                let status = Status::new(code, "");
                if let Some(tracker) = picker.tracker() {
                    tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
                }
            }
        }
        // Without further calls, all return.
        channel.advance_millis(400_000);
        let list = list.unwrap_or_else(|| "10.0.0.1:443 10.0.0.2:443".to_owned());
        channel.update(&list).expect("the policy accepts the list");
        for id in channel.subchannels.keys().copied().collect::<Vec<_>>() {
            if channel.subchannels.get(&id).map(|found| &found.state)
                == Some(&SubchannelState::Connecting)
            {
                channel.set_id(id, SubchannelState::Ready);
            }
        }
        let picked: Vec<Pick> = (0..10).map(|_| channel.pick()).collect();
        for (id, found) in &channel.subchannels {
            let is_picked = picked.contains(&Pick::Subchannel(*id));
            let is_ready = found.state == SubchannelState::Ready;
            assert_eq!(is_picked, is_ready, "seed {seed}: {found:?}");
        }
        lose_all(&mut channel);
        channel.dialled();
        exhaust(&mut channel, &list);
    }
    assert!(ejections > 400 && returns > 100, "{ejections}, {returns}");
}

/// Loses all connections.
fn lose_all<P: Policy>(channel: &mut FakeChannel<P>) {
    let ids: Vec<SubchannelId> = channel.subchannels.keys().copied().collect();
    for id in ids {
        if channel.subchannels.get(&id).map(|found| &found.state) == Some(&SubchannelState::Ready) {
            channel.set_id(id, SubchannelState::Idle);
        }
    }
}

/// The same seed gives the same run.
#[test]
fn same_seed_same_run() {
    let run = || {
        let mut rng = Rng::from_seed(5);
        let mut channel = FakeChannel::new(RoundRobin::new(&PolicyOptions::new(5)));
        let mut list = None;
        for _ in 0..STEPS {
            random_event(&mut channel, &mut list, &mut rng);
        }
        (
            channel.dialled(),
            channel.states(),
            channel.addresses(),
            format!("{:?}", channel.policy),
        )
    };
    let [first, second] = [run(), run()];
    assert_eq!(first.0, second.0);
    assert_eq!((first.1, first.2), (second.1, second.2));
}
