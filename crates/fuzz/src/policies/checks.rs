//! The rules.

use trunkline_lb::{ConnectivityState, Control, GracefulSwitch, Pick, Policy, SubchannelState};

use super::calls::pick;
use super::list::List;
use super::run::Run;

/// The most addresses of a list.
const MOST_LISTED: usize = 6;

impl Run {
    /// Settles the policy, then hands over an event that must change nothing.
    pub(super) fn without_effect(
        &mut self,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>),
    ) {
        self.channel.has_more = false;
        self.settle();
        let before = self.facts();
        self.channel.event(event);
        assert_eq!(before, self.facts(), "an event changes what it must not");
    }

    /// A second settle changes nothing.
    pub(super) fn check_rest(&mut self) {
        self.settle();
        let before = self.facts();
        self.channel.settle();
        assert_eq!(before, self.facts(), "it does not come to rest");
    }

    pub(super) fn check_pick(&self, user: u8) {
        let picker = self.channel.picker();
        let picked = pick(&*picker, user % 16);
        self.check_picked(&picked, user);
        let Some(turns) = self.choice.turns else {
            return;
        };
        let (list, checks_health) = (self.list.as_ref(), self.service.is_some());
        if user < 0xc0 || !self.model.is_certain(list) {
            return;
        }
        let mut waiting = self
            .model
            .available(&self.channel, self.choice, checks_health);
        for _ in 0..turns * waiting.len() {
            if let Pick::Subchannel(id) = pick(&*picker, 0) {
                waiting.remove(&id);
            }
        }
        assert!(waiting.is_empty(), "available, and gets no call");
    }

    /// Checks that a pick matches the state.
    pub(super) fn check_picked(&self, picked: &Pick, user: u8) {
        match (self.channel.state(), picked) {
            (ConnectivityState::Ready, Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id)) => {
                let found = self.channel.subchannels.get(id);
                assert_eq!(
                    found.map(|found| &found.state),
                    Some(&SubchannelState::Ready),
                    "picked, and not ready"
                );
            }
            // A call that belongs to a backend of ring_hash waits for it, or makes it connect.
            (ConnectivityState::Ready, Pick::Queue | Pick::ExitIdle) if self.may_hash() => {}
            (ConnectivityState::Connecting, Pick::Queue) => {}
            (ConnectivityState::Connecting, Pick::ExitIdle) if self.may_hash() => {}
            (ConnectivityState::Idle, Pick::ExitIdle | Pick::Queue) => {}
            (ConnectivityState::TransientFailure, Pick::Fail(status)) => {
                assert!(!status.message().is_empty(), "a failure without a text");
            }
            (ConnectivityState::TransientFailure, Pick::Queue | Pick::ExitIdle)
                if self.may_hash() => {}
            (state, picked) => panic!("{state}, and {picked:?} for the user {user}"),
        }
    }

    /// Returns true if the policy may be ring_hash, or have one below.
    fn may_hash(&self) -> bool {
        let names = ["ring_hash_experimental", "priority_experimental"];
        self.policies > 1 || names.contains(&&*self.choice.name)
    }

    /// Checks that nothing grows without bound.
    pub(super) fn check_bounds(&mut self) {
        let listed = self.list.as_ref().map_or(MOST_LISTED, List::len);
        let subchannels = self.channel.subchannels.len();
        // While a policy is pending, each of both has its own, and so have children of both.
        let most = if self.policies == 1 {
            listed
        } else {
            4 * MOST_LISTED
        };
        assert!(
            subchannels <= most,
            "{subchannels} subchannels for {listed} addresses"
        );
        assert!(
            self.channel.watches.len() <= 2 * subchannels,
            "more than two watches a subchannel"
        );
        self.requests += self.channel.reresolutions();
        assert!(
            self.requests <= self.ends,
            "{} re-resolutions, and {} events that can end a pass",
            self.requests,
            self.ends
        );
    }

    /// Checks that something is certain to come while the policy has a list and is not ready.
    pub(super) fn check_waits(&self) {
        let is_at_rest = matches!(
            self.channel.state(),
            ConnectivityState::Ready | ConnectivityState::Idle
        );
        if self.list.is_none() || is_at_rest {
            return;
        }
        let mut states = self.channel.subchannels.values().map(|found| &found.state);
        let waits = self.channel.policy.poll_timeout().is_some()
            || !self.channel.watches.is_empty()
            || !self.model.ejected.is_empty()
            || states.any(|state| {
                matches!(
                    state,
                    SubchannelState::Connecting | SubchannelState::TransientFailure(_)
                )
            });
        assert!(waits, "stuck: {:?}", self.channel.policy);
    }
}
