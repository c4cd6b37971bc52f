//! The end of a run.

use std::collections::BTreeMap;

use trunkline_lb::testing::refused;
use trunkline_lb::{ConnectivityState, Pick, SubchannelId, SubchannelState};

use super::calls::pick;
use super::list::List;
use super::run::Run;

impl Run {
    /// Ends all calls, loses all connections, and fails all attempts: each address is tried again.
    pub(super) fn run_out(&mut self) {
        self.channel.has_more = false;
        self.calls.end_all();
        let list = self.list.take().unwrap_or_else(List::pair);
        self.update(list.clone());
        for id in self.ids() {
            if self.is_in(id, |state| *state == SubchannelState::Ready) {
                self.channel.set_id(id, SubchannelState::Idle);
            }
        }
        self.channel.exit_idle();
        self.channel.dialled();
        self.channel.reresolutions();
        let addresses = list.addresses();
        let mut tries: BTreeMap<String, usize> = BTreeMap::new();
        let (mut failures, mut has_tried_all) = (0, false);
        for user in (0..16).cycle().take(4 * list.len()) {
            self.channel.advance_millis(250);
            if let Pick::ExitIdle = pick(&*self.channel.picker(), user) {
                self.channel.exit_idle();
            }
            for id in self.ids() {
                if self.is_in(id, |state| *state == SubchannelState::Connecting) {
                    failures += 1;
                    self.channel.set_id(id, refused());
                } else if self.is_in(id, |state| {
                    matches!(state, SubchannelState::TransientFailure(_))
                }) {
                    self.channel.set_id(id, SubchannelState::Idle);
                }
            }
            for address in self.channel.dialled().split_whitespace() {
                *tries.entry(address.to_owned()).or_default() += 1;
            }
            has_tried_all = addresses.len() == tries.values().filter(|count| **count >= 2).count();
            if has_tried_all && self.channel.state() == ConnectivityState::TransientFailure {
                break;
            }
        }
        let state = self.channel.state();
        assert_eq!(state, ConnectivityState::TransientFailure, "all fail");
        assert!(
            has_tried_all || !self.choice.tries_all,
            "given up: {tries:?}"
        );
        let requests = self.channel.reresolutions();
        let a_pass = match &*self.choice.name {
            "pick_first" => addresses.len(),
            _ => 1,
        };
        assert!(
            requests <= failures / a_pass + 2,
            "{requests} re-resolutions, {failures} failures"
        );
    }

    fn ids(&self) -> Vec<SubchannelId> {
        self.channel.subchannels.keys().copied().collect()
    }

    fn is_in(&self, id: SubchannelId, is: impl FnOnce(&SubchannelState) -> bool) -> bool {
        let found = self.channel.subchannels.get(&id);
        found.is_some_and(|found| is(&found.state))
    }
}
