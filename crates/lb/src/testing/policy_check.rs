//! The check of the rules that every policy keeps.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use trunkline_backoff::Rng;
use trunkline_service_config::PolicyConfig;
use trunkline_status::{Code, Status};

use super::fake_channel::{FakeChannel, pick, refused};
use crate::attempt::AttemptOutcome;
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::picker::Pick;
use crate::policy::{OldList, Policy};
use crate::registry::PolicyOptions;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::WatchId;

/// How many random runs [`check_policy`] makes.
const SEEDS: u64 = 64;
/// How many events a run has.
const EVENTS: usize = 200;

/// Checks that a policy keeps the rules that hold for every policy, in random runs.
///
/// `policy` creates the policy, `config` is the configuration of its updates. The runs are the same
/// each time. The rules:
///
/// - It publishes on the first update, and the choice of its picker matches the state: a ready
///   subchannel when it is `READY`, `Queue` when `CONNECTING`, `ExitIdle` or `Queue` when `IDLE`, a
///   failure with a text when `TRANSIENT_FAILURE`, or `Queue` while a subchannel is connecting or its
///   health is checked.
/// - It comes to rest: a second [`settle`](Policy::settle) requests and publishes nothing.
/// - An event of a subchannel that was removed changes nothing, and neither does a
///   [`handle_timeout`](Policy::handle_timeout) that comes early.
/// - After `handle_timeout`, it wants another deadline, or none.
/// - A repeated list creates and removes no subchannel.
/// - It connects, removes and watches only subchannels that exist.
/// - Its description of itself ([`Policy::inspect`]) has the state that it published last, and all
///   subchannels.
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
    /// What the policy did, to compare two runs.
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
        self.check_node();
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
            9 => self.channel.advance_millis(self.rng.below(400) as u64),
            10 => self.reach_deadline(),
            11 => self.random_watch_event(),
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
        let health_checks = [None, Some(""), Some("orders")];
        let health_check = health_checks[self.rng.below(health_checks.len())];
        self.channel.set_health_check(health_check);
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

    /// Advances the time to the policy's next deadline, however far it is.
    fn reach_deadline(&mut self) {
        if let Some(due) = self.channel.policy.poll_timeout() {
            let wait = due.saturating_duration_since(self.channel.now);
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            self.channel.advance_millis(millis.saturating_add(1));
        }
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

    /// Returns the facts that an event without effect must leave unchanged.
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

    /// Hands over a message of a random watch, which is empty or reports `SERVING`, or its end.
    fn random_watch_event(&mut self) {
        let watches: Vec<WatchId> = self.channel.watches.keys().copied().collect();
        let Some(&watch) = watches.get(self.rng.below(watches.len())) else {
            return;
        };
        if self.rng.below(4) == 0 {
            let status = Status::unavailable("the server ended it");
            self.channel.end_watch(watch, status);
        } else {
            let messages = ["", "\x08\x01"];
            let message = messages[self.rng.below(messages.len())];
            self.channel.watch_message(watch, message);
        }
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

    /// Checks that the policy describes what it does.
    fn check_node(&self) {
        let seed = self.seed;
        let node = self.channel.policy.inspect(self.channel.now);
        assert_eq!(
            node.state,
            self.channel.state(),
            "seed {seed}: a policy describes itself in the state that it published"
        );
        let described: BTreeSet<SubchannelId> = node.subchannels().collect();
        assert!(
            described.iter().eq(self.channel.subchannels.keys()),
            "seed {seed}: a policy describes all of its subchannels, and no others: {described:?}"
        );
    }

    /// Checks that the choice of the picker matches the state.
    fn check_pick(&self) {
        let seed = self.seed;
        let picker = self.channel.picker();
        match (self.channel.state(), pick(&*picker)) {
            (ConnectivityState::Ready, Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id)) => {
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
            (ConnectivityState::TransientFailure, Pick::Queue) => {
                // ring_hash has calls wait for the backend that it tries next.
                let mut states = self.channel.subchannels.values().map(|found| &found.state);
                let is_connecting = states.any(|state| *state == SubchannelState::Connecting);
                assert!(
                    is_connecting || !self.channel.watches.is_empty(),
                    "seed {seed}: a failing policy has calls wait only for a connection attempt or \
                     a health check"
                );
            }
            (state, pick) => {
                panic!("seed {seed}: the choice of a picker matches {state}, found {pick:?}")
            }
        }
    }
}
