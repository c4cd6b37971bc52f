//! What the state of a policy has to be.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_endpoint::Address;
use trunkline_lb::testing::{FakeChannel, endpoints};
use trunkline_lb::{
    ConnectivityState, Ejection, GracefulSwitch, SubchannelId, SubchannelState, WatchId,
};
use trunkline_status::Code;

use super::choices::{Choice, Rule};
use super::list::{List, Number, number};

/// The channel of a run. The switch is the policy at the top, as it is in a channel.
pub(super) type Channel = FakeChannel<GracefulSwitch>;

/// The facts from which the state of a policy follows.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// The subchannels that a policy above has ejected.
    pub(super) ejected: BTreeSet<SubchannelId>,
    /// The addresses of each endpoint that outlier detection has ejected.
    outliers: BTreeSet<BTreeSet<Number>>,
    /// What the last message of each health check was: whether the backend is healthy.
    answers: BTreeMap<WatchId, bool>,
    /// The subchannels whose backends have no health service.
    unchecked: BTreeSet<SubchannelId>,
    /// The addresses of the list that are the only ones of their endpoint, and are in no other.
    alone: BTreeSet<Number>,
    /// The addresses that are the only ones of an endpoint, and were in another one too while it was
    /// listed: which of the two has failed is not known.
    unsure: BTreeSet<Number>,
    /// The addresses that have failed since they were available or listed.
    failing: BTreeSet<Number>,
    /// Whether the state follows from the list and the subchannels alone: no list was dropped, and no
    /// other policy has taken over.
    is_simple: bool,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            is_simple: true,
            ..Self::default()
        }
    }

    /// Records that the resolver dropped the list, or that another policy was chosen.
    pub(super) fn handle_break(&mut self) {
        self.is_simple = false;
        self.outliers.clear();
    }

    /// Records another list. `is_service_new` is whether health is checked in another way.
    pub(super) fn handle_list(&mut self, list: &List, is_service_new: bool) {
        if is_service_new {
            self.unchecked.clear();
        }
        let (single, alone) = (list.single(), list.alone());
        self.unsure.extend(single.difference(&alone));
        self.unsure.retain(|address| single.contains(address));
        let before = std::mem::replace(&mut self.alone, alone);
        self.failing
            .retain(|address| before.contains(address) && self.alone.contains(address));
        let listed = list.sets();
        // An endpoint that is not listed any more is forgotten without a report.
        self.outliers.retain(|outlier| listed.contains(outlier));
    }

    /// Records that a connection attempt ended without a connection.
    pub(super) fn handle_failure(&mut self, address: &Address) {
        self.failing.insert(number(address));
    }

    /// Records a message of a watch.
    pub(super) fn handle_message(&mut self, watch: WatchId, is_healthy: bool) {
        self.answers.insert(watch, is_healthy);
    }

    /// Records the end of a watch.
    pub(super) fn handle_end(&mut self, channel: &Channel, watch: WatchId, code: Code) {
        if code == Code::Unimplemented && is_health_check(channel, watch) {
            self.unchecked.insert(channel.watches[&watch].0);
        }
    }

    /// Updates the facts after one event, before the policy settles.
    pub(super) fn observe(&mut self, channel: &mut Channel, checks_health: bool) {
        for (addresses, ejection) in channel.ejections() {
            let outlier = endpoints(&addresses).into_iter().next();
            let outlier = outlier.map(|one| one.addresses().iter().map(number).collect());
            match ejection {
                Ejection::Ejected { .. } => self.outliers.extend(outlier),
                Ejection::Returned => self.outliers.retain(|one| Some(one) != outlier.as_ref()),
                _ => {}
            }
        }
        let state = |id: &SubchannelId| channel.subchannels.get(id).map(|found| &found.state);
        self.ejected.retain(|id| state(id).is_some());
        self.unchecked
            .retain(|id| state(id) == Some(&SubchannelState::Ready));
        self.answers
            .retain(|watch, _| channel.watches.contains_key(watch));
        for (id, subchannel) in &channel.subchannels {
            let is_failing = match subchannel.state {
                SubchannelState::Ready => match self.health(channel, *id, checks_health) {
                    _ if self.ejected.contains(id) => Some(true),
                    Health::Good => Some(false),
                    Health::Bad => Some(true),
                    Health::Unknown => None,
                },
                SubchannelState::TransientFailure(_) => Some(true),
                _ => None,
            };
            let address = number(&subchannel.address);
            match is_failing {
                Some(true) => drop(self.failing.insert(address)),
                Some(false) => drop(self.failing.remove(&address)),
                None => {}
            }
        }
    }

    fn health(&self, channel: &Channel, id: SubchannelId, checks_health: bool) -> Health {
        if !checks_health || self.unchecked.contains(&id) {
            return Health::Good;
        }
        let watches = channel.watches_of(id);
        let mut checks = watches
            .iter()
            .filter(|watch| is_health_check(channel, **watch));
        match checks.next().map(|watch| self.answers.get(watch)) {
            Some(Some(true)) => Health::Good,
            Some(None) => Health::Unknown,
            // It reports that it is not healthy, or it is asked again after a back-off.
            Some(Some(false)) | None => Health::Bad,
        }
    }

    /// Returns true if the backend at the other end of this subchannel can get calls.
    fn is_available(
        &self,
        channel: &Channel,
        choice: &Choice,
        id: SubchannelId,
        checks_health: bool,
    ) -> bool {
        let Some(subchannel) = channel.subchannels.get(&id) else {
            return false;
        };
        if subchannel.state != SubchannelState::Ready {
            return false;
        }
        // At the top, pick_first uses whatever is connected.
        if &*choice.name == "pick_first" {
            return true;
        }
        let address = number(&subchannel.address);
        let is_good = matches!(self.health(channel, id, checks_health), Health::Good);
        is_good && !self.ejected.contains(&id) && !self.is_outlier(&address)
    }

    /// Returns true if outlier detection has ejected an endpoint with this address.
    fn is_outlier(&self, address: &Number) -> bool {
        self.outliers
            .iter()
            .any(|outlier| outlier.contains(address))
    }

    /// Returns the subchannels whose backends can get calls.
    pub(super) fn available(
        &self,
        channel: &Channel,
        choice: &Choice,
        checks_health: bool,
    ) -> BTreeSet<SubchannelId> {
        let ids = channel.subchannels.keys().copied();
        ids.filter(|id| self.is_available(channel, choice, *id, checks_health))
            .collect()
    }

    /// Returns true if [`check`](Self::check) and [`available`](Self::available) can be relied on.
    pub(super) fn is_certain(&self, list: Option<&List>) -> bool {
        // An address of two endpoints would make it uncertain which of them is ejected.
        self.is_simple
            && self.unsure.is_empty()
            && list.is_none_or(|list| list.len() == list.addresses().len())
    }

    /// Checks the state that the policy has published.
    pub(super) fn check(
        &self,
        channel: &Channel,
        choice: &Choice,
        list: Option<&List>,
        checks_health: bool,
    ) {
        if !self.is_certain(list) {
            return;
        }
        let state = channel.state();
        let is_available = !self.available(channel, choice, checks_health).is_empty();
        let is_flat = list.is_none_or(List::is_flat);
        match choice.rule {
            Rule::Aggregated if is_flat => {
                let listed = list.map(List::addresses).unwrap_or_default();
                let expected = if is_available {
                    ConnectivityState::Ready
                } else if listed.is_subset(&self.failing) {
                    ConnectivityState::TransientFailure
                } else {
                    ConnectivityState::Connecting
                };
                assert_eq!(state, expected, "the state of all endpoints: {self:?}");
            }
            Rule::Aggregated | Rule::Ready => {
                let is_ready = state == ConnectivityState::Ready;
                assert_eq!(is_ready, is_available, "READY and available: {self:?}");
            }
            Rule::NotFailing => assert!(
                !is_available || state != ConnectivityState::TransientFailure,
                "failing, and a backend is available: {self:?}"
            ),
        }
    }
}

/// The health of a connected backend.
enum Health {
    Good,
    Bad,
    /// It has not answered.
    Unknown,
}

/// Returns true if a watch asks for the health of a backend.
pub(super) fn is_health_check(channel: &Channel, watch: WatchId) -> bool {
    let watch = channel.watches.get(&watch);
    watch.is_some_and(|(_, call)| call.path.path().starts_with("/grpc.health.v1."))
}
