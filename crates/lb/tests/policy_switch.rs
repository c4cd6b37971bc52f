//! `GracefulSwitch`, the change of policies: gRPC's client channel specification, "LB policy
//! switching".

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::{HeaderMap, HeaderName};
use serde_json::json;
use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{
    Control, GracefulSwitch, OldList, Pick, PickRequest, Policy, PolicyFactory, PolicyNode,
    PolicyOptions, PolicyRegistry, SubchannelId, SubchannelState, Update, WatchEvent, WatchId,
};
use trunkline_service_config::{
    ConfigError, PolicyChoice, PolicyConfig, PolicyParsers, ServiceConfig,
};
use trunkline_status::Status;

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";

type Channel = FakeChannel<GracefulSwitch>;

fn channel() -> Channel {
    let options = PolicyOptions::new(7).with_policies(PolicyRegistry::standard());
    FakeChannel::new(GracefulSwitch::new(&options))
}

fn choice(name: &str) -> PolicyChoice {
    PolicyChoice::parse(&json!([{ name: {} }]), &PolicyRegistry::standard())
        .expect("a known policy")
}

fn update(channel: &mut Channel, policy: &str, list: &str) -> Result<(), Status> {
    let choice = choice(policy);
    let update = Update::new(endpoints(list), choice.config.clone());
    channel.event(|policy, control| policy.handle_named_update(&choice.name, update, control))
}

/// Returns a channel whose round_robin is ready with A and B.
fn ready() -> Channel {
    let mut channel = channel();
    update(&mut channel, "round_robin", &[A, B].join(" ")).expect("the policy accepts the list");
    channel.ready(A);
    channel.ready(B);
    channel.states();
    channel
}

/// Returns the newer of two subchannels with the same address, one for each policy.
fn newer(channel: &Channel, address: &str) -> SubchannelId {
    let ids = channel.subchannels.iter();
    let mut ids = ids.filter(|(_, subchannel)| subchannel.address.to_string() == address);
    let id = ids.rfind(|(_, subchannel)| subchannel.state != SubchannelState::Ready);
    *id.expect("one of them is not ready").0
}

/// With the same name, the policy stays and gets the update.
#[test]
fn same_name() {
    let mut channel = ready();
    let id = channel.id(A);
    update(&mut channel, "round_robin", A).expect("the policy accepts the list");
    assert_eq!(channel.pick(), Pick::Subchannel(id));
    assert_eq!(channel.addresses(), A);
}

/// With another name, a ready policy gets the calls until the new one is ready, then it is removed.
#[test]
fn ready_until_the_new_one_is_ready() {
    let mut channel = ready();
    update(&mut channel, "pick_first", B).expect("the policy accepts the list");
    assert_eq!(channel.policy.name(), Some("round_robin"));
    assert_eq!(channel.policy.pending_name(), Some("pick_first"));
    assert_eq!(channel.states(), []);
    assert_eq!(channel.addresses(), [A, B, B].join(" "));
    let id = newer(&channel, B);
    channel.set_id(id, SubchannelState::Ready);
    assert_eq!(channel.states(), [Ready]);
    assert_eq!(channel.pick(), Pick::Subchannel(id));
    assert_eq!(channel.addresses(), B);
    assert_eq!(channel.policy.name(), Some("pick_first"));
    assert_eq!(channel.policy.pending_name(), None);
}

/// The old policy loses its connection and the new one is ready in the same batch: calls see only
/// READY.
#[test]
fn lost_and_ready_together() {
    let mut channel = channel();
    update(&mut channel, "pick_first", A).expect("the policy accepts the list");
    channel.ready(A);
    update(&mut channel, "round_robin", B).expect("the policy accepts the list");
    assert_eq!(channel.policy.pending_name(), Some("round_robin"));
    channel.states();
    channel.has_more = true;
    channel.ready(B);
    channel.idle(A);
    channel.settle();
    assert_eq!(channel.states(), [Ready]);
    assert_eq!(channel.picked(), B);
    assert_eq!(channel.addresses(), B);
}

/// A new policy that fails takes over too, although the old one has connections.
#[test]
fn new_one_fails() {
    let mut channel = ready();
    update(&mut channel, "pick_first", "10.9.9.9:1").expect("the policy accepts the list");
    channel.fail("10.9.9.9:1");
    assert_eq!(channel.states(), [TransientFailure]);
    assert_eq!(channel.addresses(), "10.9.9.9:1");
}

/// When the old policy is not ready any more, the new one takes over although it is connecting.
#[test]
fn old_one_is_lost() {
    let mut channel = ready();
    update(&mut channel, "pick_first", "10.9.9.9:1").expect("the policy accepts the list");
    channel.idle(A);
    assert_eq!(channel.states(), [Ready], "B is still ready");
    channel.idle(B);
    assert_eq!(channel.states(), [Connecting]);
    assert_eq!(channel.pick(), Pick::Queue);
    assert_eq!(channel.addresses(), "10.9.9.9:1");
}

/// When the old policy is not ready, a new one takes over at once.
#[test]
fn old_one_is_not_ready() {
    let mut channel = channel();
    update(&mut channel, "pick_first", A).expect("the policy accepts the list");
    update(&mut channel, "round_robin", B).expect("the policy accepts the list");
    assert_eq!(channel.policy.name(), Some("round_robin"));
    assert_eq!(channel.addresses(), B);
    channel.fail(B);
    update(&mut channel, "pick_first", A).expect("the policy accepts the list");
    assert_eq!(
        channel.states(),
        [Connecting, Connecting, TransientFailure, Connecting]
    );
    assert_eq!(channel.addresses(), A);
}

/// An update that names the current policy again removes the pending one, and the connections stay
/// the same.
#[test]
fn there_and_back() {
    let mut channel = ready();
    let ids: Vec<_> = channel.subchannels.keys().copied().collect();
    update(&mut channel, "pick_first", B).expect("the policy accepts the list");
    update(&mut channel, "round_robin", &[A, B].join(" ")).expect("the policy accepts the list");
    assert_eq!(channel.policy.pending_name(), None);
    assert_eq!(channel.subchannels.keys().copied().collect::<Vec<_>>(), ids);
    assert_eq!(channel.states(), []);
}

/// The current policy cannot request re-resolution while another one is pending.
#[test]
fn reresolution_of_the_old_one() {
    let mut channel = ready();
    update(&mut channel, "pick_first", "10.9.9.9:1").expect("the policy accepts the list");
    channel.idle(A);
    assert_eq!(channel.reresolutions(), 0);
    channel.fail("10.9.9.9:1");
    assert_eq!(channel.reresolutions(), 1);
}

/// Both policies are woken at their deadlines.
#[test]
fn timeouts() {
    let mut channel = channel();
    let list = "10.0.0.1:443|10.0.0.2:443 10.0.0.3:443";
    update(&mut channel, "round_robin", list).expect("the policy accepts the list");
    channel.ready("10.0.0.3:443");
    channel.advance_millis(100);
    update(&mut channel, "pick_first", "10.0.0.5:1 10.0.0.6:1")
        .expect("the policy accepts the list");
    channel.dialled();
    channel.advance_millis(149);
    assert_eq!(channel.dialled(), "");
    channel.advance_millis(1);
    assert_eq!(channel.dialled(), B);
    channel.advance_millis(100);
    assert_eq!(channel.dialled(), "10.0.0.6:1");
    assert_eq!(channel.policy.poll_timeout(), None);
}

/// When the list is dropped while a policy is pending, neither policy dials again.
#[test]
fn dropped_list() {
    let mut channel = ready();
    update(&mut channel, "pick_first", "10.9.9.9:1").expect("the policy accepts the list");
    channel.dialled();
    channel.resolver_error("NXDOMAIN", OldList::DropList);
    // The new policy has no address left, so it fails and takes over; the old one is removed.
    assert_eq!(channel.error(), "name resolver error: NXDOMAIN");
    channel.advance_millis(10_000);
    assert_eq!(channel.dialled(), "");
}

/// Without a policy, calls fail with the resolver's error, and leaving idleness does nothing.
#[test]
fn no_policy_yet() {
    let mut channel = channel();
    channel.exit_idle();
    assert_eq!(channel.policy.poll_timeout(), None);
    channel.resolver_error("no such host", OldList::Keep);
    assert_eq!(channel.error(), "name resolver error: no such host");
    update(&mut channel, "pick_first", A).expect("the policy accepts the list");
    assert_eq!(channel.state(), Connecting);
}

/// An idle policy leaves idleness through the switch.
#[test]
fn exit_idle() {
    let mut channel = channel();
    update(&mut channel, "pick_first", A).expect("the policy accepts the list");
    channel.ready(A);
    channel.idle(A);
    assert_eq!(channel.pick(), Pick::ExitIdle);
    channel.exit_idle();
    assert_eq!(channel.states(), [Connecting, Ready, Idle, Connecting]);
}

/// While another policy is pending, the current one still leaves idleness for its calls: here
/// ring_hash connects the endpoint that a call belongs to.
#[test]
fn exit_idle_of_the_current_policy() {
    let config = json!([{ "ring_hash": { "requestHashHeader": "user" } }]);
    let registry = PolicyRegistry::standard();
    let ring_hash = PolicyChoice::parse(&config, &registry).expect("a known policy");
    let mut channel = channel().with_config(ring_hash);
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    channel.exit_idle();
    let ready = channel.dialled();
    channel.ready(&ready);
    update(&mut channel, "pick_first", "10.0.0.3:443").expect("the policy accepts the list");
    assert_eq!(channel.policy.pending_name(), Some("pick_first"));
    channel.dialled();
    let picker = channel.picker();
    let mut users = (0..100).map(|user: u32| {
        let metadata = HeaderMap::from_iter([(HeaderName::from_static("user"), user.into())]);
        picker.pick(&PickRequest::new("/test.Service/Method", &metadata))
    });
    assert!(
        users.any(|pick| pick == Pick::ExitIdle),
        "half of the users belong to each endpoint"
    );
    channel.exit_idle();
    assert_eq!(channel.dialled(), if ready == A { B } else { A });
    assert_eq!(channel.state(), Ready);
}

/// As a policy, the switch takes a choice of a policy as its configuration.
#[test]
fn as_a_policy() {
    let mut channel = channel().with_config(choice("round_robin"));
    channel.update(A).expect("the policy accepts the list");
    assert_eq!(channel.policy.name(), Some("round_robin"));
    let mut channel = self::channel();
    let error = channel.update(A).unwrap_err();
    assert_eq!(
        error.message(),
        "the configuration of a policy switch names no policy"
    );
}

/// A policy that the registry does not have is an error, and changes nothing.
#[test]
fn unknown_policy() {
    let mut channel = ready();
    let mut choice = choice("pick_first");
    choice.name = "mine".into();
    let update = Update::new(endpoints(A), choice.config.clone());
    let result =
        channel.event(|policy, control| policy.handle_named_update(&choice.name, update, control));
    assert_eq!(
        result.unwrap_err().message(),
        "no load-balancing policy with the name \"mine\" is registered"
    );
    assert_eq!(channel.policy.name(), Some("round_robin"));
    assert_eq!(channel.policy.pending_name(), None);
}

/// Records the configurations that its policies get.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl PolicyFactory for Recorder {
    fn name(&self) -> &str {
        "recorder"
    }

    fn parse_config(
        &self,
        config: &serde_json::Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(config.to_string()))
    }

    fn build(&self, _: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}

impl Policy for Recorder {
    fn handle_update(&mut self, update: Update, _: &mut Control<'_>) -> Result<(), Status> {
        self.0
            .lock()
            .expect("not poisoned")
            .push(format!("{:?}", update.config));
        Err(Status::unavailable("it is never content"))
    }

    fn handle_resolver_error(&mut self, _: Status, _: OldList, _: &mut Control<'_>) {}

    fn handle_subchannel(&mut self, _: SubchannelId, _: SubchannelState, _: &mut Control<'_>) {}

    fn handle_watch(&mut self, _: WatchId, _: SubchannelId, _: WatchEvent, _: &mut Control<'_>) {}

    fn handle_ejection(&mut self, _: SubchannelId, _: bool, _: &mut Control<'_>) {}

    fn handle_timeout(&mut self, _: &mut Control<'_>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn exit_idle(&mut self, _: &mut Control<'_>) {}

    fn settle(&mut self, _: &mut Control<'_>) {}

    fn reset_backoff(&mut self) {}

    fn inspect(&self, _: Instant) -> PolicyNode {
        PolicyNode::new("recorder", Connecting)
    }
}

/// A policy of another crate gets the configuration that its factory parsed, and the switch returns
/// its error for an update.
#[test]
fn custom_policy() {
    let recorder = Recorder::default();
    let registry = PolicyRegistry::standard().with(recorder.clone());
    assert!(registry.names().any(|name| name == "recorder"));
    let config = ServiceConfig::parse(
        r#"{"loadBalancingConfig": [{"unknown": 1}, {"recorder": {"a": 1}}]}"#,
        &registry,
    );
    let config = config.expect("a known policy");
    let choice = config.policy().expect("a known policy");
    let options = PolicyOptions::new(7).with_policies(registry);
    let mut channel = FakeChannel::new(GracefulSwitch::new(&options));
    for _ in 0..2 {
        let update = Update::new(endpoints(A), choice.config.clone());
        let result = channel
            .event(|policy, control| policy.handle_named_update(&choice.name, update, control));
        assert_eq!(result.unwrap_err().message(), "it is never content");
    }
    let seen = recorder.0.lock().expect("not poisoned");
    let counts = seen.iter().fold(BTreeMap::new(), |mut counts, config| {
        *counts.entry(config.clone()).or_insert(0) += 1;
        counts
    });
    assert_eq!(
        counts.into_iter().collect::<Vec<_>>(),
        [(format!("{:?}", r#"{"a":1}"#), 2)]
    );
}

/// A third policy replaces the pending one.
#[test]
fn third_policy() {
    let registry = PolicyRegistry::standard().with(Recorder::default());
    let third =
        PolicyChoice::parse(&json!([{ "recorder": {} }]), &registry).expect("a known policy");
    let options = PolicyOptions::new(7).with_policies(registry);
    let mut channel = FakeChannel::new(GracefulSwitch::new(&options));
    update(&mut channel, "round_robin", A).expect("the policy accepts the list");
    channel.ready(A);
    update(&mut channel, "pick_first", B).expect("the policy accepts the list");
    assert_eq!(channel.addresses(), [A, B].join(" "));
    let list = Update::new(endpoints(B), third.config.clone());
    let result =
        channel.event(|policy, control| policy.handle_named_update(&third.name, list, control));
    assert!(result.is_err(), "it is never content");
    assert_eq!(channel.policy.pending_name(), Some("recorder"));
    assert_eq!(channel.addresses(), A);
    assert_eq!(channel.state(), Ready);
}
