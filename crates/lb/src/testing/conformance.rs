//! Checks of the rules that every policy keeps.

use std::fmt::Write;
use std::sync::Arc;

use trunkline_backoff::Rng;
use trunkline_service_config::PolicyConfig;
use trunkline_status::{Code, Status};

use super::fake_channel::{FakeChannel, pick, refused};
use super::recording_child::{ChildRecord, RecordingFactory, Records, WAKE_AFTER};
use crate::attempt::AttemptOutcome;
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::picker::Pick;
use crate::policy::{OldList, Policy, PolicyFactory, PolicyOptions};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::WatchEvent;

/// How many random runs [`check_policy`] makes.
const SEEDS: u64 = 64;
/// How many events a run has.
const EVENTS: usize = 200;

/// Checks that a policy keeps the rules that hold for every policy, in random runs.
///
/// `policy` creates the policy, `config` is the configuration of its updates. The runs are the same
/// each time. The rules:
///
/// - It publishes on the first update, and the choice of its picker goes with the state: a ready
///   subchannel when it is `READY`, `Queue` when `CONNECTING`, a failure with a text when
///   `TRANSIENT_FAILURE`, `ExitIdle` or `Queue` when `IDLE`.
/// - It comes to rest: a second [`settle`](Policy::settle) requests and publishes nothing.
/// - An event of a subchannel that was removed changes nothing, and neither does a
///   [`handle_timeout`](Policy::handle_timeout) that comes early.
/// - After `handle_timeout`, it wants another deadline, or none.
/// - A repeated list creates and removes no subchannel.
/// - It connects, removes and watches only subchannels that exist.
/// - The same seed and events give the same run.
///
/// ```
/// use std::sync::Arc;
/// use trunkline_lb::testing::check_policy;
/// use trunkline_lb::{RoundRobin, RoundRobinConfig};
///
/// check_policy(Arc::new(RoundRobinConfig::default()), |options| {
///     Box::new(RoundRobin::new(options))
/// });
/// ```
///
/// # Panics
///
/// When the policy breaks a rule. The message names the rule and the seed.
pub fn check_policy(
    config: Arc<dyn PolicyConfig>,
    policy: impl Fn(&PolicyOptions) -> Box<dyn Policy>,
) {
    for seed in 0..SEEDS {
        let run = || {
            let mut run = Run::new(seed, policy(&PolicyOptions::new(seed)), &config);
            for _ in 0..EVENTS {
                run.random_event();
            }
            run.log
        };
        let first = run();
        assert_eq!(
            first,
            run(),
            "seed {seed}: the same seed and events give the same run"
        );
    }
}

/// One random run of a policy.
struct Run {
    seed: u64,
    rng: Rng,
    channel: FakeChannel<Box<dyn Policy>>,
    /// The last list that the policy accepted, unless the resolver dropped it.
    list: Option<String>,
    /// What the policy did.
    log: String,
}

impl Run {
    fn new(seed: u64, policy: Box<dyn Policy>, config: &Arc<dyn PolicyConfig>) -> Self {
        let mut channel = FakeChannel::new(policy);
        channel.set_config(config.clone());
        let mut run = Self {
            seed,
            rng: Rng::from_seed(seed),
            channel,
            list: None,
            log: String::new(),
        };
        run.random_update();
        assert!(
            !run.channel.published.is_empty(),
            "seed {seed}: a policy publishes on its first update"
        );
        run
    }

    /// Hands over one random event, or a batch of two, and checks what the policy did.
    fn random_event(&mut self) {
        if self.rng.below(4) == 0 {
            self.channel.has_more = true;
            self.random_step();
            self.channel.has_more = false;
        }
        self.random_step();
        // The second step may have been nothing.
        self.channel.settle();
        self.check_rest();
        self.check_pick();
        let (dialled, states) = (self.channel.dialled(), self.channel.states());
        let _ = writeln!(
            self.log,
            "{dialled} {states:?} {}",
            self.channel.addresses()
        );
    }

    fn random_step(&mut self) {
        match self.rng.below(16) {
            0 | 1 => self.random_update(),
            2 => self.repeat_update(),
            3 => self.channel.resolver_error("timed out", OldList::Keep),
            4 if self.rng.below(4) == 0 => {
                self.channel.resolver_error("NXDOMAIN", OldList::DropList);
                self.list = None;
            }
            5 => self.channel.exit_idle(),
            6 => self.late_event(),
            7 => self.early_timeout(),
            8 => self.channel.event(|policy, _| policy.reset_backoff()),
            9..11 => self.channel.advance_millis(self.rng.below(400) as u64),
            _ => self.random_move(),
        }
    }

    /// Hands over a list of up to six of eight addresses, in one endpoint or in several.
    fn random_update(&mut self) {
        let addresses: Vec<String> = (0..self.rng.below(7))
            .map(|_| match self.rng.below(8) {
                number @ 0..4 => format!("10.0.0.{number}:443"),
                number => format!("[2001:db8::{number}]:443"),
            })
            .collect();
        let joint = if self.rng.below(2) == 0 { " " } else { "|" };
        let list = addresses.join(joint);
        let accepted = self.channel.update(&list);
        self.list = accepted.is_ok().then_some(list);
    }

    fn repeat_update(&mut self) {
        let Some(list) = self.list.clone() else {
            return;
        };
        self.channel.settle();
        let before: Vec<SubchannelId> = self.channel.subchannels.keys().copied().collect();
        let accepted = self.channel.update(&list);
        let seed = self.seed;
        assert!(
            accepted.is_ok(),
            "seed {seed}: a list that was accepted is accepted again"
        );
        assert!(
            self.channel.subchannels.keys().copied().eq(before),
            "seed {seed}: a repeated list creates and removes no subchannel"
        );
    }

    fn late_event(&mut self) {
        let removed = &self.channel.removed;
        let Some(&id) = removed.get(self.rng.below(removed.len())) else {
            return;
        };
        let states = [
            SubchannelState::Ready,
            refused(),
            SubchannelState::Idle,
            SubchannelState::Connecting,
        ];
        let state = states[self.rng.below(states.len())].clone();
        let rule = "an event of a removed subchannel changes nothing";
        self.check_no_change(rule, |policy, control| {
            policy.handle_subchannel(id, state, control);
        });
    }

    fn early_timeout(&mut self) {
        let due = self.channel.policy.poll_timeout();
        if due.is_some_and(|due| due <= self.channel.now) {
            return;
        }
        let rule = "a timeout that comes early changes nothing";
        self.check_no_change(rule, |policy, control| policy.handle_timeout(control));
    }

    /// Settles the policy, then hands over an event that must change nothing.
    fn check_no_change(
        &mut self,
        rule: &str,
        event: impl FnOnce(&mut Box<dyn Policy>, &mut Control<'_>),
    ) {
        self.channel.settle();
        let before = self.summary();
        self.channel.event(event);
        assert_eq!(before, self.summary(), "seed {}: {rule}", self.seed);
    }

    /// Returns what an event that changes nothing leaves as it is.
    fn summary(&self) -> (usize, usize, usize, Vec<(SubchannelId, SubchannelState)>) {
        let subchannels = self.channel.subchannels.iter();
        (
            self.channel.published.len(),
            self.channel.reresolution_count(),
            self.channel.watches.len(),
            subchannels
                .map(|(id, found)| (*id, found.state.clone()))
                .collect(),
        )
    }

    /// Moves a random subchannel to a state that can follow its state.
    fn random_move(&mut self) {
        let ids: Vec<SubchannelId> = self.channel.subchannels.keys().copied().collect();
        let Some(&id) = ids.get(self.rng.below(ids.len())) else {
            return;
        };
        let next = match (&self.channel.subchannels[&id].state, self.rng.below(4)) {
            (SubchannelState::Idle, _) => return,
            (SubchannelState::Connecting, 0) => SubchannelState::Ready,
            (SubchannelState::Connecting, 1) => refused(),
            (SubchannelState::Connecting, 2) => SubchannelState::Idle,
            (SubchannelState::Connecting, _) => SubchannelState::Connecting,
            (SubchannelState::Ready | SubchannelState::TransientFailure(_), _) => {
                SubchannelState::Idle
            }
        };
        self.channel.set_id(id, next);
    }

    fn check_rest(&mut self) {
        let before = self.summary();
        self.channel.settle();
        assert_eq!(
            before,
            self.summary(),
            "seed {}: a policy comes to rest when nothing has changed",
            self.seed
        );
    }

    /// Checks that the choice of the picker goes with the state.
    fn check_pick(&self) {
        let seed = self.seed;
        let picker = self.channel.picker();
        match (self.channel.state(), pick(&*picker)) {
            (ConnectivityState::Ready, Pick::Subchannel(id)) => {
                let subchannel = self.channel.subchannels.get(&id);
                assert_eq!(
                    subchannel.map(|found| &found.state),
                    Some(&SubchannelState::Ready),
                    "seed {seed}: a picker chooses a subchannel that is ready"
                );
                if let Some(tracker) = picker.tracker() {
                    let status = Status::new(Code::Ok, "");
                    tracker.attempt_ended(id, &AttemptOutcome::new(&status).with_sent(true));
                }
            }
            (ConnectivityState::Connecting, Pick::Queue)
            | (ConnectivityState::Idle, Pick::ExitIdle | Pick::Queue) => {}
            (ConnectivityState::TransientFailure, Pick::Fail(status) | Pick::Drop(status)) => {
                assert!(
                    !status.message().is_empty(),
                    "seed {seed}: an error has a text"
                );
            }
            (state, pick) => {
                panic!("seed {seed}: the choice of a picker goes with {state}, found {pick:?}")
            }
        }
    }
}

/// Checks that a policy with children forwards every event that it must.
///
/// `parent` creates the policy, and gets the factory of its children: recording children with the
/// name [`CHILD_NAME`](super::CHILD_NAME), whose configuration has no field. `config` is the
/// configuration of the parent's updates. The rules:
///
/// - An update, an error of the resolver and a reset of back-off reach each child.
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

    let accepted = check.channel.update(&format!("{A} {B}"));
    accepted.expect("a parent accepts a list that its children accept");
    let count = check.children(|child| child.updates);
    assert!(!count.is_empty(), "a parent creates a child");
    assert!(
        count.iter().all(|&updates| updates > 0),
        "an update reaches each child"
    );
    check.settled("an update");

    check.deadlines();
    check.states();
    check.attempts();
    check.watches();

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
        for (watch, (id, _)) in watches {
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

    /// Checks what a list without the first endpoint has left.
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
