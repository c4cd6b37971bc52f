//! `EndpointSharding`: one child for each endpoint, the common part of petiole policies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};
use trunkline_lb::testing::{FakeChannel, endpoints, refused};
use trunkline_lb::{
    Action, Actions, ConnectivityState, Control, EndpointSharding, OldList, Pick, Policy,
    PolicyNode, PolicyOptions, RoundRobin, SubchannelId, SubchannelState, Update, WatchEvent,
    WatchId, forward_events,
};
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

const A: &str = "10.0.0.1:443";
const B: &str = "10.0.0.2:443";

/// A child that publishes the state of its one subchannel as it is, and wants to be woken a second
/// after each update.
#[derive(Debug, Default)]
struct Mirror {
    id: Option<SubchannelId>,
    deadline: Option<Instant>,
    wakes: u32,
}

impl Policy for Mirror {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        assert_eq!(update.endpoints.len(), 1);
        let address = &update.endpoints[0].addresses()[0];
        self.id
            .get_or_insert_with(|| control.create_subchannel(address.clone()));
        self.deadline = Some(control.now() + Duration::from_secs(1));
        if address.to_string().ends_with(":13") {
            Err(Status::unavailable(format!("{address} is not to my taste")))
        } else {
            Ok(())
        }
    }

    fn handle_resolver_error(&mut self, _: Status, _: OldList, _: &mut Control<'_>) {}

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        assert_eq!(self.id, Some(id));
        let (state, pick) = match state {
            SubchannelState::Idle => (Idle, Pick::ExitIdle),
            SubchannelState::Connecting => (Connecting, Pick::Queue),
            SubchannelState::Ready => (Ready, Pick::Subchannel(id)),
            SubchannelState::TransientFailure(status) => (TransientFailure, Pick::Fail(status)),
        };
        control.publish(state, Arc::new(pick));
    }

    fn handle_watch(&mut self, _: WatchId, _: SubchannelId, _: WatchEvent, _: &mut Control<'_>) {}

    fn handle_ejection(&mut self, _: SubchannelId, _: bool, _: &mut Control<'_>) {}

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        if self.deadline.is_some_and(|due| due <= control.now()) {
            self.deadline = None;
            self.wakes += 1;
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        control.connect(self.id.expect("an update came first"));
    }

    fn settle(&mut self, _: &mut Control<'_>) {}

    fn reset_backoff(&mut self) {
        self.deadline = None;
    }

    fn inspect(&self, _: Instant) -> PolicyNode {
        PolicyNode::new("mirror", Connecting)
    }
}

/// A parent that publishes the state of its children, with the picker of the last failure.
#[derive(Debug)]
struct Parent {
    sharding: EndpointSharding<Mirror>,
}

impl Policy for Parent {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config: Arc<dyn PolicyConfig> = Arc::new(());
        let make = |_seed| Mirror::default();
        self.sharding.handle_update(&update, &config, control, make)
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.sharding.handle_resolver_error(&error, old, control);
    }

    forward_events!(to sharding);

    fn settle(&mut self, control: &mut Control<'_>) {
        if let Some(state) = self.sharding.settle(control) {
            control.publish(state, self.sharding.last_failure().clone());
        }
    }

    fn exit_idle(&mut self, _: &mut Control<'_>) {}

    fn inspect(&self, now: Instant) -> PolicyNode {
        self.sharding.inspect("parent", |_, child, node| {
            node.with_policy(child.policy().inspect(now))
        })
    }
}

fn with_parent(sharding: EndpointSharding<Mirror>) -> FakeChannel<Parent> {
    FakeChannel::new(Parent { sharding })
}

fn parent(list: &[&str]) -> FakeChannel<Parent> {
    let mut channel = with_parent(EndpointSharding::new(7));
    channel
        .update(&list.join(" "))
        .expect("the policy accepts the list");
    channel
}

/// READY has precedence over CONNECTING, and that over TRANSIENT_FAILURE. A child that is idle
/// connects at once, and counts as connecting.
#[test]
fn aggregation() {
    let state = |name: char| match name {
        'i' => SubchannelState::Idle,
        'c' => SubchannelState::Connecting,
        'r' => SubchannelState::Ready,
        _ => refused(),
    };
    let check = |first: char, second: char, expected: ConnectivityState| {
        let mut channel = parent(&[A, B]);
        channel.set(A, state(first));
        channel.set(B, state(second));
        assert_eq!(channel.policy.sharding.state(), expected, "{first}{second}");
    };
    check('c', 'c', Connecting);
    check('c', 'i', Connecting);
    check('i', 'f', Connecting);
    check('c', 'f', Connecting);
    check('f', 'f', TransientFailure);
    check('r', 'f', Ready);
    check('i', 'r', Ready);
    check('c', 'r', Ready);
}

/// A child that fails counts as failing until it is ready, whatever it publishes meanwhile.
#[test]
fn failing_is_sticky() {
    let mut channel = parent(&[A]);
    channel.fail(A);
    assert_eq!(channel.states(), [Connecting, TransientFailure]);
    channel.idle(A);
    assert_eq!(channel.dialled(), A, "the child leaves idleness");
    channel.set(A, SubchannelState::Connecting);
    assert_eq!(channel.states(), []);
    channel.fail(A);
    assert_eq!(channel.states(), [TransientFailure]);
    channel.ready(A);
    channel.set(A, SubchannelState::Connecting);
    assert_eq!(channel.states(), [Ready, Connecting]);
}

/// A child that is ready is handed an update only if that changes something for it, or if the resolver
/// has failed since the last one. One that is not ready is handed every update.
#[test]
fn update_without_a_change() {
    let list = [A, B].join(" ");
    let mut channel = parent(&[A, B]);
    channel.ready(A);
    // Each update makes a child want to be woken a second later.
    let mut wakes_after = |update: &mut dyn FnMut(&mut FakeChannel<Parent>)| {
        update(&mut channel);
        channel.advance_millis(1000);
        let children = channel.policy.sharding.children();
        let mut wakes: Vec<_> = children
            .map(|child| (child.endpoint().to_string(), child.policy().wakes))
            .collect();
        wakes.sort();
        wakes
            .into_iter()
            .map(|(_, wakes)| wakes)
            .collect::<Vec<u32>>()
    };
    let unchanged = &mut |channel: &mut FakeChannel<Parent>| {
        channel.update(&list).expect("the policy accepts the list");
    };
    assert_eq!(wakes_after(&mut |_| ()), [1, 1]);
    assert_eq!(wakes_after(unchanged), [1, 2]);
    let noted = &mut |channel: &mut FakeChannel<Parent>| {
        let updated = channel.update_with_note(endpoints(&list), "from a stale answer");
        updated.expect("the policy accepts the list");
    };
    assert_eq!(wakes_after(noted), [2, 3]);
    assert_eq!(wakes_after(noted), [2, 4]);
    let failed = &mut |channel: &mut FakeChannel<Parent>| {
        channel.resolver_error("timed out", OldList::Keep);
    };
    assert_eq!(wakes_after(failed), [2, 4]);
    assert_eq!(wakes_after(noted), [3, 5]);
    assert_eq!(wakes_after(noted), [3, 6]);
}

/// When one child rejects its update, the other children still get theirs. The error is returned.
#[test]
fn error_of_a_child() {
    let mut channel = with_parent(EndpointSharding::new(7));
    let error = channel
        .update("10.0.0.1:443 10.0.0.9:13 10.0.0.2:443")
        .unwrap_err();
    assert_eq!(error.message(), "10.0.0.9:13 is not to my taste");
    assert_eq!(channel.addresses(), "10.0.0.1:443 10.0.0.2:443 10.0.0.9:13");
}

/// Each child is woken once, at its own deadline. A child that was removed is not woken.
#[test]
fn timeouts() {
    let mut channel = parent(&[A, B]);
    channel.advance_millis(500);
    channel.update(B).expect("the policy accepts the list");
    channel.advance_millis(999);
    let wakes = |channel: &FakeChannel<Parent>| {
        let children = channel.policy.sharding.children();
        children
            .map(|child| child.policy().wakes)
            .collect::<Vec<_>>()
    };
    assert_eq!(wakes(&channel), [0]);
    channel.advance_millis(1);
    assert_eq!(wakes(&channel), [1]);
    assert_eq!(channel.policy.poll_timeout(), None);
}

/// When a reset of back-off makes a child drop its deadline, the parent drops that deadline too.
#[test]
fn deadlines_after_a_reset_of_backoff() {
    let mut channel = parent(&[A, B]);
    assert!(channel.policy.poll_timeout().is_some());
    channel.policy.reset_backoff();
    assert_eq!(channel.policy.poll_timeout(), None);
}

/// The children are in the order of the list, rotated, each with its endpoint.
#[test]
fn children_in_order() {
    for seed in 0..20 {
        let mut channel = with_parent(EndpointSharding::new(seed));
        channel
            .update("10.0.0.1:1 10.0.0.2:1 10.0.0.3:1 10.0.0.1:1")
            .expect("the policy accepts the list");
        let children = channel.policy.sharding.children();
        let order: Vec<String> = children
            .map(|child| child.endpoint().addresses()[0].to_string())
            .collect();
        let twice = "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1 10.0.0.1:1 10.0.0.2:1 10.0.0.3:1";
        assert!(twice.contains(&order.join(" ")), "{order:?}");
        assert_eq!(order.len(), 3);
    }
}

/// An index of subchannels is used again by another child: a late event of the removed subchannel
/// reaches no child.
#[test]
fn indices_are_used_again() {
    let mut channel = parent(&[A]);
    let gone = channel.id(A);
    channel.update(B).expect("the policy accepts the list");
    let first = channel.id(B);
    channel.update(A).expect("the policy accepts the list");
    assert_eq!(channel.id(A).index(), gone.index());
    for id in [gone, first] {
        channel.event(|policy, control| {
            policy.handle_subchannel(id, SubchannelState::Ready, control);
        });
    }
    assert_eq!(channel.states(), [Connecting]);
}

/// What children publish when they settle counts for the parent.
#[test]
fn children_settle() {
    let mut sharding = EndpointSharding::new(7);
    let mut actions = Actions::new();
    let config: Arc<dyn PolicyConfig> = Arc::new(());
    let update = Update::new(endpoints(A), Arc::clone(&config));
    let now = FakeChannel::new(Mirror::default()).now;
    let control = &mut actions.control(now);
    assert_eq!(sharding.settle(control), None, "there is no list yet");
    let make = |seed| RoundRobin::new(&PolicyOptions::new(seed));
    let result = sharding.handle_update(&update, &config, control, make);
    result.expect("the policy accepts the list");
    assert_eq!(sharding.settle(control), Some(Connecting));
    let id = actions.take().into_iter().find_map(|action| match action {
        Action::Connect(id) => Some(id),
        _ => None,
    });
    let control = &mut actions.control(now);
    sharding.handle_subchannel(id.expect("an attempt"), SubchannelState::Ready, control);
    assert_eq!(sharding.settle(control), Some(Ready));
    assert_eq!(sharding.settle(control), None);
}

/// A lazy sharding leaves its children idle until the policy wakes one. Each change of a child is
/// something new to publish, and an idle child counts as idle.
#[test]
fn lazy() {
    let mut channel = with_parent(EndpointSharding::lazy(1));
    channel
        .update(&[A, B].join(" "))
        .expect("the policy accepts the list");
    let counts = |channel: &FakeChannel<Parent>| {
        [Ready, Connecting, Idle, TransientFailure]
            .map(|state| channel.policy.sharding.count(state))
    };
    for address in [A, B] {
        channel.set(address, SubchannelState::Idle);
    }
    assert_eq!(counts(&channel), [0, 0, 2, 0]);
    assert_eq!(channel.dialled(), "");
    let slot = |channel: &FakeChannel<Parent>, address: &str| {
        let mut slots = channel
            .policy
            .sharding
            .slots()
            .zip(channel.policy.sharding.children());
        let found = slots.find(|(_, child)| child.endpoint().to_string().contains(address));
        found.expect("a child for each endpoint").0
    };
    let slot = slot(&channel, A);
    channel.event(|parent, control| parent.sharding.exit_idle(slot, control));
    assert_eq!(channel.dialled(), A);
    channel.states();
    channel.set(A, SubchannelState::Connecting);
    channel.set(A, SubchannelState::Connecting);
    channel.ready(A);
    channel.idle(A);
    // B is idle all the time.
    assert_eq!(channel.states(), [Connecting, Ready, Idle]);
    channel.fail(B);
    channel.set(B, SubchannelState::Connecting);
    assert_eq!(counts(&channel), [0, 0, 1, 1]);
    assert_eq!(channel.states(), [Idle], "a failure is sticky");
    channel.update(A).expect("the policy accepts the list");
    assert_eq!(counts(&channel), [0, 0, 1, 0]);
    channel.event(|parent, control| parent.sharding.exit_idle(99, control));
    assert_eq!(channel.dialled(), "");
}
