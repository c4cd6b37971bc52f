//! The policies of this crate keep the contract of a policy, and the checks find policies that do
//! not.

mod support;

use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::HeaderName;
use serde_json::json;
use trunkline_lb::testing::{CHILD_NAME, check_parent, check_policy};
use trunkline_lb::{
    AttemptTracker, Child, ChildTrackers, ConnectivityState, Control, EndpointSharding,
    GracefulSwitch, LeastRequest, LeastRequestConfig, OldList, OutlierDetection,
    OutlierDetectionConfig, Pick, PickFirst, PickFirstConfig, PickRequest, Picker, Policy,
    PolicyFactory, PolicyNode, PolicyOptions, PolicyRegistry, Priority, PriorityChild,
    PriorityConfig, PriorityGroupsConfig, Published, RandomSubsetting, RandomSubsettingConfig,
    RingHash, RingHashConfig, RoundRobin, RoundRobinConfig, StaticWeights, StaticWeightsConfig,
    SubchannelId, SubchannelState, SuccessRateEjection, Update, WatchEvent, WatchId,
    WeightedRoundRobin, WeightedRoundRobinConfig, WeightedTarget, WeightedTargetConfig, ZoneAware,
    ZoneAwareConfig,
};
use trunkline_service_config::{PolicyChoice, PolicyConfig};
use trunkline_status::Status;

use support::labelled::{
    Labelled, first_to_a, in_three_zones, to_a_or_b, with_priority_and_weight,
};

fn choice(name: &str, registry: &PolicyRegistry) -> Arc<dyn PolicyConfig> {
    Arc::new(PolicyChoice::parse(&json!([{ name: {} }]), registry).expect("a known policy"))
}

#[test]
fn pick_first() {
    for shuffle in [false, true] {
        check_policy(Arc::new(PickFirstConfig::new(shuffle)), |options| {
            Box::new(PickFirst::new(options))
        });
    }
}

#[test]
fn round_robin() {
    check_policy(Arc::new(RoundRobinConfig::default()), |options| {
        Box::new(RoundRobin::new(options))
    });
}

#[test]
fn least_request() {
    for choice_count in [2, 10] {
        let config = LeastRequestConfig::default().with_choice_count(choice_count);
        check_policy(Arc::new(config), |options| {
            Box::new(LeastRequest::new(options))
        });
    }
}

/// The calls of the check have no header, so each of them goes anywhere.
#[test]
fn ring_hash() {
    let header = HeaderName::from_static("user");
    let config = RingHashConfig::default()
        .with_min_ring_size(32)
        .with_request_hash_header(header);
    check_policy(Arc::new(config), |options| Box::new(RingHash::new(options)));
}

#[test]
fn weighted_round_robin() {
    for out_of_band in [false, true] {
        let config = WeightedRoundRobinConfig::default()
            .with_enable_oob_load_report(out_of_band)
            .with_blackout_period(Duration::ZERO);
        check_policy(Arc::new(config), |options| {
            Box::new(WeightedRoundRobin::new(options))
        });
    }
}

#[test]
fn static_weights() {
    check_policy(Arc::new(StaticWeightsConfig::default()), |options| {
        let policy = StaticWeights::new(options);
        Box::new(Labelled::new(policy, with_priority_and_weight))
    });
}

/// The leaves of the trees that are checked: one that connects to all endpoints, and one that can be
/// idle.
const LEAVES: [&str; 2] = ["round_robin", "pick_first"];

#[test]
fn priority() {
    for leaf in LEAVES {
        let child = |name: &str| PriorityChild::new(name, support::choice(leaf, json!({})));
        let config = PriorityConfig::default()
            .with_child(child("a"))
            .with_child(child("b"));
        check_policy(Arc::new(config), |options| {
            let policy = Priority::new(&support::options(options.seed));
            Box::new(Labelled::new(policy, to_a_or_b))
        });
        let config = PriorityGroupsConfig::new(support::choice(leaf, json!({})));
        check_policy(Arc::new(config), |options| {
            let policy = Priority::new(&support::options(options.seed));
            Box::new(Labelled::new(policy, with_priority_and_weight))
        });
    }
}

#[test]
fn weighted_target() {
    for leaf in LEAVES {
        let child = support::choice(leaf, json!({}));
        let config = WeightedTargetConfig::default()
            .with_target("a", NonZeroU32::MIN, child.clone())
            .with_target("b", NonZeroU32::MAX, child);
        check_policy(Arc::new(config), |options| {
            let policy = WeightedTarget::new(&support::options(options.seed));
            Box::new(Labelled::new(policy, to_a_or_b))
        });
    }
}

#[test]
fn zone_aware() {
    for leaf in LEAVES {
        let config = ZoneAwareConfig::new(support::choice(leaf, json!({})));
        check_policy(Arc::new(config), |options| {
            let options = support::options(options.seed).with_zone("a");
            Box::new(Labelled::new(ZoneAware::new(&options), in_three_zones))
        });
    }
}

/// Returns the choice of the recording child, and options with it alone.
fn recording(child: Arc<dyn PolicyFactory>) -> PolicyOptions {
    let mut registry = PolicyRegistry::empty();
    registry.register(child);
    PolicyOptions::new(1).with_policies(registry)
}

fn recording_child() -> PolicyChoice {
    PolicyChoice {
        name: CHILD_NAME.into(),
        config: Arc::new(()),
    }
}

#[test]
fn priority_as_a_parent() {
    let config = PriorityConfig::default()
        .with_child(PriorityChild::new("a", recording_child()))
        .with_child(PriorityChild::new("b", recording_child()));
    check_parent(Arc::new(config), |child| {
        let policy = Priority::new(&recording(child));
        Box::new(Labelled::new(policy, first_to_a))
    });
    let config = PriorityGroupsConfig::new(recording_child());
    check_parent(Arc::new(config), |child| {
        let policy = Priority::new(&recording(child));
        Box::new(Labelled::new(policy, with_priority_and_weight))
    });
}

#[test]
fn weighted_target_as_a_parent() {
    let config = WeightedTargetConfig::default()
        .with_target("a", NonZeroU32::MIN, recording_child())
        .with_target("b", NonZeroU32::MIN, recording_child());
    check_parent(Arc::new(config), |child| {
        let policy = WeightedTarget::new(&recording(child));
        Box::new(Labelled::new(policy, first_to_a))
    });
}

#[test]
fn zone_aware_as_a_parent() {
    check_parent(Arc::new(ZoneAwareConfig::new(recording_child())), |child| {
        let policy = ZoneAware::new(&recording(child).with_zone("a"));
        Box::new(Labelled::new(policy, first_to_a))
    });
}

#[test]
fn policy_switch() {
    let registry = PolicyRegistry::standard();
    check_policy(choice("round_robin", &registry), |options| {
        let options = options.clone().with_policies(registry.clone());
        Box::new(GracefulSwitch::new(&options))
    });
}

#[test]
fn policy_switch_as_a_parent() {
    let config = Arc::new(PolicyChoice {
        name: CHILD_NAME.into(),
        config: Arc::new(()),
    });
    check_parent(config, |child| {
        let mut registry = PolicyRegistry::empty();
        registry.register(child);
        Box::new(GracefulSwitch::new(
            &PolicyOptions::new(1).with_policies(registry),
        ))
    });
}

#[test]
fn outlier_detection() {
    let registry = PolicyRegistry::standard();
    for child in ["round_robin", "pick_first"] {
        let child = PolicyChoice::parse(&json!([{ child: {} }]), &registry);
        let off = OutlierDetectionConfig::new(child.expect("a known policy"));
        let on = off
            .clone()
            .with_success_rate(SuccessRateEjection::default());
        for config in [off, on.with_interval(Duration::from_millis(300))] {
            check_policy(Arc::new(config), |options| {
                let options = options.clone().with_policies(registry.clone());
                Box::new(OutlierDetection::new(&options))
            });
        }
    }
}

#[test]
fn outlier_detection_as_a_parent() {
    let off = OutlierDetectionConfig::new(PolicyChoice {
        name: CHILD_NAME.into(),
        config: Arc::new(()),
    });
    let on = off
        .clone()
        .with_success_rate(SuccessRateEjection::default());
    for config in [off, on] {
        check_parent(Arc::new(config), |child| {
            let mut registry = PolicyRegistry::empty();
            registry.register(child);
            Box::new(OutlierDetection::new(
                &PolicyOptions::new(1).with_policies(registry),
            ))
        });
    }
}

#[test]
fn random_subsetting() {
    let registry = PolicyRegistry::standard();
    for (size, child) in [(2, "round_robin"), (1, "pick_first")] {
        let child = PolicyChoice::parse(&json!([{ child: {} }]), &registry);
        let config = RandomSubsettingConfig::new(size, child.expect("a known policy"));
        check_policy(Arc::new(config), |options| {
            let options = options.clone().with_policies(registry.clone());
            Box::new(RandomSubsetting::new(&options))
        });
    }
}

#[test]
fn random_subsetting_as_a_parent() {
    let child = PolicyChoice {
        name: CHILD_NAME.into(),
        config: Arc::new(()),
    };
    check_parent(Arc::new(RandomSubsettingConfig::new(9, child)), |child| {
        let mut registry = PolicyRegistry::empty();
        registry.register(child);
        Box::new(RandomSubsetting::new(
            &PolicyOptions::new(1).with_policies(registry),
        ))
    });
}

#[test]
fn endpoint_sharding_as_a_parent() {
    check_parent(Arc::new(()), |factory| Box::new(Shards::new(factory, None)));
}

/// A picker over pickers that track nothing has no tracker.
#[test]
fn nothing_to_track() {
    let picker: Arc<dyn Picker> = Arc::new(Pick::Queue);
    assert!(ChildTrackers::new([(picker, [])]).is_none());
}

/// Each part of the contract that a parent can forget is found, and named.
#[test]
fn forgetful_parents() {
    let parts = [
        (Part::Owner, "a subchannel that it does not own"),
        (Part::Watch, "the events of a watch reach the child"),
        (Part::Ejection, "an ejection reaches the child"),
        (
            Part::Timeout,
            "a policy that was woken wants another deadline",
        ),
        (Part::Deadline, "the deadline of a parent"),
        (Part::ResolverError, "an error of the resolver reaches"),
        (Part::ExitIdle, "leaves idleness"),
        (Part::Settle, "settles at the end of the batch"),
        (Part::ResetBackoff, "a reset of back-off reaches"),
        (Part::Tracker, "has a tracker"),
        (Part::Removal, "a child that was removed"),
        (Part::Inspection, "describes each of its children"),
    ];
    for (part, rule) in parts {
        let run = || {
            check_parent(Arc::new(()), |factory| {
                Box::new(Forgetful::new(factory, part))
            });
        };
        let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("it forgets something");
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .expect("a text");
        assert!(text.contains(rule), "{part:?}: {text}");
    }
}

/// A policy that publishes whenever it settles never comes to rest. One that keeps its deadline after
/// it was woken is woken in a loop, also if the deadline is an hour away.
#[test]
fn policies_with_a_defect() {
    let check = |defect, expected| {
        let run = || {
            check_policy(Arc::new(()), |options| {
                let factory = Arc::new(trunkline_lb::PickFirstFactory);
                let mut shards = Shards::new(factory, Some(defect));
                shards.endpoints = EndpointSharding::new(options.seed);
                Box::new(shards)
            });
        };
        let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("a defect");
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.contains(expected), "{text}");
    };
    check(Defect::Restless, "comes to rest");
    check(Defect::KeepsDeadline, "wants another deadline, or none");
}

/// What is wrong with a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// It publishes whenever it settles.
    Restless,
    /// It wants to be woken an hour after its first update, also afterwards.
    KeepsDeadline,
}

/// Runs a child for each endpoint, and calls the ready children in turn.
#[derive(Debug)]
struct Shards {
    endpoints: EndpointSharding<Box<dyn Policy>>,
    factory: Arc<dyn PolicyFactory>,
    defect: Option<Defect>,
    /// An hour after the first update.
    in_an_hour: Option<Instant>,
}

impl Shards {
    fn new(factory: Arc<dyn PolicyFactory>, defect: Option<Defect>) -> Self {
        Self {
            endpoints: EndpointSharding::new(1),
            factory,
            defect,
            in_an_hour: None,
        }
    }

    fn picker(&self, state: ConnectivityState) -> Arc<dyn Picker> {
        match state {
            ConnectivityState::Ready => {
                let children = self.endpoints.slots().zip(self.endpoints.children());
                let ready = children.filter(|(_, child)| child.state() == ConnectivityState::Ready);
                let ready: Vec<_> = ready
                    .map(|(slot, child)| (child.picker().clone(), self.endpoints.subchannels(slot)))
                    .collect();
                Arc::new(InTurn {
                    pickers: ready.iter().map(|(picker, _)| picker.clone()).collect(),
                    trackers: ChildTrackers::new(ready),
                    next: AtomicUsize::new(0),
                })
            }
            ConnectivityState::TransientFailure => self.endpoints.last_failure().clone(),
            _ => Arc::new(Pick::Queue),
        }
    }
}

/// Asks several pickers in turn.
#[derive(Debug)]
struct InTurn {
    pickers: Vec<Arc<dyn Picker>>,
    trackers: Option<ChildTrackers>,
    next: AtomicUsize,
}

impl Picker for InTurn {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.pickers[next % self.pickers.len()].pick(request)
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        self.trackers.as_ref().map(|trackers| trackers as _)
    }
}

impl Policy for Shards {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let in_an_hour = control.now() + Duration::from_secs(60 * 60);
        self.in_an_hour.get_or_insert(in_an_hour);
        let config = update.config.clone();
        let factory = &self.factory;
        self.endpoints
            .handle_update(&update, &config, control, |seed| {
                factory.build(&PolicyOptions::new(seed))
            })
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.endpoints.handle_resolver_error(&error, old, control);
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        self.endpoints.handle_subchannel(id, state, control);
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        self.endpoints.handle_watch(watch, id, event, control);
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.endpoints.handle_ejection(id, ejected, control);
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.endpoints.handle_timeout(control);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let own = self
            .in_an_hour
            .filter(|_| self.defect == Some(Defect::KeepsDeadline));
        own.into_iter().chain(self.endpoints.poll_timeout()).min()
    }

    fn exit_idle(&mut self, _: &mut Control<'_>) {}

    fn settle(&mut self, control: &mut Control<'_>) {
        let change = self.endpoints.settle(control);
        let is_restless = self.defect == Some(Defect::Restless);
        let state = change.or_else(|| is_restless.then(|| self.endpoints.state()));
        if let Some(state) = state {
            control.publish(state, self.picker(state));
        }
    }

    fn reset_backoff(&mut self) {
        self.endpoints.reset_backoff();
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        self.endpoints.inspect("shards", |_, child, node| {
            node.with_policy(child.policy().inspect(now))
        })
    }
}

/// A part of a parent's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Owner,
    Watch,
    Ejection,
    Timeout,
    Deadline,
    ResolverError,
    ExitIdle,
    Settle,
    ResetBackoff,
    Tracker,
    Removal,
    Inspection,
}

/// A parent with one child, which it replaces with each update. It forgets one part.
#[derive(Debug)]
struct Forgetful {
    factory: Arc<dyn PolicyFactory>,
    child: Option<Child<Box<dyn Policy>>>,
    part: Part,
}

impl Forgetful {
    fn new(factory: Arc<dyn PolicyFactory>, part: Part) -> Self {
        Self {
            factory,
            child: None,
            part,
        }
    }

    /// Hands an event to the child, unless it belongs to the forgotten part.
    fn forward(
        &mut self,
        part: Part,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut Box<dyn Policy>, &mut Control<'_>),
    ) {
        let Some(child) = self.child.as_mut().filter(|_| part != self.part) else {
            return;
        };
        let ((), published) = child.handle(control, event);
        if let Some(Published { state, picker }) = published {
            let picker = if self.part == Part::Tracker {
                Arc::new(Untracked(picker))
            } else {
                picker
            };
            control.publish(state, picker);
        }
    }

    fn owns(&self, id: SubchannelId) -> bool {
        let child = self.child.as_ref();
        self.part == Part::Owner || child.is_some_and(|child| child.owns(id))
    }
}

impl Policy for Forgetful {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let new = Child::new(self.factory.build(&PolicyOptions::new(1)));
        let old = self.child.replace(new);
        if let Some(old) = old
            && self.part != Part::Removal
        {
            old.remove(control);
        }
        let child = self.child.as_mut().expect("it was just set");
        let (accepted, _) = child.handle(control, |child, control| {
            child.handle_update(update, control)
        });
        accepted
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.forward(Part::ResolverError, control, |child, control| {
            child.handle_resolver_error(error, old, control);
        });
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        if self.owns(id) {
            // Not through `forward`: it is `owns` that forgets `Part::Owner`.
            let child = self.child.as_mut().expect("there is a child");
            child.handle(control, |child, control| {
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
        if self.owns(id) {
            self.forward(Part::Watch, control, |child, control| {
                child.handle_watch(watch, id, event, control);
            });
        }
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        if self.owns(id) {
            self.forward(Part::Ejection, control, |child, control| {
                child.handle_ejection(id, ejected, control);
            });
        }
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.forward(Part::Timeout, control, |child, control| {
            child.handle_timeout(control);
        });
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let child = self.child.as_ref().filter(|_| self.part != Part::Deadline);
        child?.policy().poll_timeout()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.forward(Part::ExitIdle, control, |child, control| {
            child.exit_idle(control);
        });
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.forward(Part::Settle, control, |child, control| {
            child.settle(control);
        });
    }

    fn reset_backoff(&mut self) {
        if let Some(child) = self.child.as_mut()
            && self.part != Part::ResetBackoff
        {
            child.policy_mut().reset_backoff();
        }
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let child = self
            .child
            .as_ref()
            .filter(|_| self.part != Part::Inspection);
        match child.map(|child| child.policy().inspect(now)) {
            Some(child) => PolicyNode::new("forgetful", child.state).with_child(child),
            None => PolicyNode::new("forgetful", ConnectivityState::Connecting),
        }
    }
}

/// Hides the tracker of a picker.
#[derive(Debug)]
struct Untracked(Arc<dyn Picker>);

impl Picker for Untracked {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        self.0.pick(request)
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}
