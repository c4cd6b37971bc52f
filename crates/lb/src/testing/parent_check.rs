//! The check of the events that a policy with children forwards.

use std::sync::Arc;

use trunkline_service_config::PolicyConfig;
use trunkline_status::{Code, Status};

use super::fake_channel::{FakeChannel, pick};
use super::recording_child::{
    CHILD_NUMBER, ChildRecord, RecordingFactory, Records, WAKE_AFTER, WATCH_PATH,
};
use crate::attempt::AttemptOutcome;
use crate::connectivity::ConnectivityState;
use crate::inspection::FactValue;
use crate::picker::Pick;
use crate::policy::{OldList, Policy};
use crate::registry::PolicyFactory;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::WatchEvent;

/// Checks that a policy with children forwards every event that it must.
///
/// `parent` creates the policy, and gets the factory of its children: recording children with the
/// name [`CHILD_NAME`](super::CHILD_NAME), whose configuration has no field. `config` is the
/// configuration of the parent's updates. The rules:
///
/// - An update with its health check, an error of the resolver and a reset of back-off reach each
///   child.
/// - A child gets the events of its own subchannels and watches, and no others. An event of a
///   subchannel that was removed reaches no child.
/// - The deadline of the parent is not after that of a child; a child whose deadline has come is
///   woken.
/// - Each child that has handled an event settles at the end of the batch.
/// - A child that is idle leaves idleness when the parent has to.
/// - What the children publish while they settle reaches the calls: when all children are ready, so
///   is the parent, and its picker chooses their subchannels.
/// - The end of an attempt reaches the tracker of the child whose picker chose the subchannel,
///   once.
/// - The parent's description of itself has each child once, directly or below other nodes.
/// - When the parent removes a child, the child's subchannels are removed.
///
/// It hands over two endpoints, and later the second of them alone. A parent may create any number
/// of children for them, at least one.
///
/// # Panics
///
/// When the policy breaks a rule. The message names the rule.
pub fn check_parent(
    config: Arc<dyn PolicyConfig>,
    parent: impl FnOnce(Arc<dyn PolicyFactory>) -> Box<dyn Policy>,
) {
    const A: &str = "10.0.0.1:443";
    const B: &str = "10.0.0.2:443";

    let records = Records::default();
    let policy = parent(Arc::new(RecordingFactory(records.clone())));
    let mut channel = FakeChannel::new(policy);
    channel.set_config(config);
    let mut check = ParentCheck { records, channel };

    check.channel.set_health_check(Some("orders"));
    let accepted = check.channel.update(&format!("{A} {B}"));
    accepted.expect("a parent accepts a list that its children accept");
    let count = check.children(|child| child.updates);
    assert!(!count.is_empty(), "a parent creates a child");
    assert!(
        count.iter().all(|&updates| updates > 0),
        "an update reaches each child"
    );
    check.all(
        "the health check of an update reaches each child",
        |child| child.health_check.as_deref() == Some("orders"),
    );
    check.settled("an update");

    check.nodes();

    check.deadlines();
    check.states();
    check.attempts();
    check.watches();
    check.ejections();

    check.channel.event(|policy, _| policy.reset_backoff());
    check.all("a reset of back-off reaches each child", |child| {
        child.backoff_resets == 1
    });
    check.settled("a reset of back-off");

    check.channel.resolver_error("timed out", OldList::Keep);
    check.all("an error of the resolver reaches each child", |child| {
        child.resolver_errors == [OldList::Keep]
    });
    check.settled("an error of the resolver");

    check.idleness();

    let accepted = check.channel.update(B);
    accepted.expect("a parent accepts a list that its children accept");
    check.settled("a second update");
    check.removal();
    check.nodes();

    check.channel.resolver_error("NXDOMAIN", OldList::DropList);
    check.all("an error of the resolver reaches each child", |child| {
        child.resolver_errors.last() == Some(&OldList::DropList)
    });
}

/// A parent with recording children.
struct ParentCheck {
    records: Records,
    channel: FakeChannel<Box<dyn Policy>>,
}

impl ParentCheck {
    /// Returns a value of each child that was not removed.
    fn children<T>(&self, value: impl Fn(&ChildRecord) -> T) -> Vec<T> {
        let records = self.records.lock();
        let present = records.iter().filter(|child| !child.is_removed);
        present.map(value).collect()
    }

    fn all(&self, rule: &str, holds: impl Fn(&ChildRecord) -> bool) {
        assert!(
            self.children(holds).into_iter().all(|holds| holds),
            "{rule}"
        );
    }

    fn settled(&mut self, event: &str) {
        // A child may have left idleness while it settled: a channel settles again then, because a
        // subchannel connects.
        self.channel.settle();
        let rule = format!("a child that has handled {event} settles at the end of the batch");
        self.all(&rule, |child| !child.is_unsettled);
    }

    fn ids(&self) -> Vec<SubchannelId> {
        self.channel.subchannels.keys().copied().collect()
    }

    /// Moves a subchannel, and checks that its owner handles the event.
    fn set(&mut self, id: SubchannelId, state: &SubchannelState) {
        self.channel.set_id(id, state.clone());
        let handled = self.children(|child| {
            child.subchannels.contains(&id) && child.states.last() == Some(&(id, state.clone()))
        });
        assert!(
            handled.contains(&true),
            "an event of a subchannel reaches the child that owns it"
        );
        self.settled("an event of a subchannel");
    }

    fn deadlines(&mut self) {
        let earliest = self.children(|child| child.deadline).into_iter().min();
        let due = self.channel.policy.poll_timeout();
        assert!(
            due.is_some() && due <= earliest.flatten(),
            "the deadline of a parent is not after that of a child"
        );
        let wait = WAKE_AFTER.as_millis();
        self.channel
            .advance_millis(u64::try_from(wait).unwrap_or(u64::MAX));
        self.all("a child whose deadline has come is woken", |child| {
            child.timeouts == 1
        });
        self.settled("a timeout");
    }

    /// Connects all subchannels.
    fn states(&mut self) {
        for state in [SubchannelState::Connecting, SubchannelState::Ready] {
            for id in self.ids() {
                self.set(id, &state);
            }
        }
        assert_eq!(
            self.channel.state(),
            ConnectivityState::Ready,
            "a parent whose children are all ready is ready"
        );
    }

    fn attempts(&mut self) {
        let picker = self.channel.picker();
        let status = Status::new(Code::Ok, "");
        let mut chosen = Vec::new();
        for _ in 0..8 {
            let Pick::Subchannel(id) = pick(&*picker) else {
                panic!("a parent whose children are all ready chooses a subchannel of theirs");
            };
            let tracker = picker.tracker();
            let tracker = tracker.expect("a parent whose children track attempts has a tracker");
            tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
            chosen.push(id);
        }
        chosen.sort();
        let mut ended: Vec<SubchannelId> = self
            .children(|child| child.attempts.clone())
            .into_iter()
            .flatten()
            .collect();
        ended.sort();
        assert_eq!(
            chosen, ended,
            "the end of an attempt reaches the tracker of the child that chose, once"
        );
    }

    fn watches(&mut self) {
        let watches: Vec<_> = self.channel.watches.clone().into_iter().collect();
        for (watch, (id, call)) in watches {
            if call.path != WATCH_PATH {
                // A watch of the parent's own.
                continue;
            }
            let ended = WatchEvent::Ended(Status::unavailable("the server ended it"));
            self.channel.watch_message(watch, "one");
            self.channel
                .end_watch(watch, Status::unavailable("the server ended it"));
            let handled = self.children(|child| {
                child.subchannels.contains(&id)
                    && child.watch_events == [WatchEvent::Message("one".into()), ended.clone()]
            });
            assert!(
                handled.contains(&true),
                "the events of a watch reach the child that owns its subchannel"
            );
            self.settled("an event of a watch");
        }
    }

    fn ejections(&mut self) {
        for (id, ejected) in self
            .ids()
            .into_iter()
            .flat_map(|id| [(id, true), (id, false)])
        {
            self.channel.eject(id, ejected);
            let handled = self.children(|child| {
                child.subchannels.contains(&id) && child.ejections.last() == Some(&(id, ejected))
            });
            assert!(
                handled.contains(&true),
                "an ejection reaches the child that owns its subchannel"
            );
            self.settled("an ejection");
        }
    }

    /// Loses all connections, and leaves idleness.
    fn idleness(&mut self) {
        for id in self.ids() {
            self.set(id, &SubchannelState::Idle);
        }
        self.channel.exit_idle();
        self.all(
            "a child that is idle leaves idleness when its parent has to",
            |child| child.exit_idles > 0,
        );
        self.settled("the end of idleness");
    }

    /// Checks that the tree of nodes has each child once.
    fn nodes(&self) {
        let node = self.channel.policy.inspect(self.channel.now);
        let numbers = node.iter().filter_map(|node| node.facts.get(CHILD_NUMBER));
        let mut numbers: Vec<&FactValue> = numbers.collect();
        numbers.sort_by_key(|number| number.to_string());
        let records = self.records.lock();
        let present = records.iter().enumerate();
        let present = present.filter(|(_, child)| !child.is_removed);
        let mut present: Vec<FactValue> = present.map(|(number, _)| number.into()).collect();
        present.sort_by_key(ToString::to_string);
        assert!(
            present.iter().eq(numbers),
            "a parent describes each of its children, once"
        );
    }

    /// Checks that a removed child has no subchannels, and that their late events reach no child.
    fn removal(&mut self) {
        let records = self.records.lock();
        for child in records.iter().filter(|child| child.is_removed) {
            let left = |id: &SubchannelId| self.channel.subchannels.contains_key(id);
            assert!(
                !child.subchannels.iter().any(left),
                "the subchannels of a child that was removed are removed"
            );
        }
        drop(records);
        for id in self.channel.removed.clone() {
            // A child that gets this event panics, because it does not own the subchannel.
            self.channel.event(|policy, control| {
                policy.handle_subchannel(id, SubchannelState::Ready, control);
            });
        }
    }
}
