//! A channel without I/O.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use trunkline_endpoint::{Address, BackendLabels, Endpoint};
use trunkline_service_config::PolicyConfig;
use trunkline_status::{Code, Status};

use crate::attempt::AttemptOutcome;
use crate::connectivity::ConnectivityState;
use crate::control::{Action, Actions, Control, Published};
use crate::ejection::Ejection;
use crate::health::Health;
use crate::orca::LoadReport;
use crate::pick_first::PickFirstConfig;
use crate::picker::{Pick, PickRequest, Picker};
use crate::policy::{OldList, Policy, Update};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::subchannel_ids::SubchannelIds;
use crate::watch::{Watch, WatchEvent, WatchId};
use crate::weights::WeightsUpdate;

/// A policy inside a channel without I/O, in virtual time.
///
/// It executes the actions of the policy on subchannels that only change when the test moves them.
/// Addresses are texts such as `10.0.0.1:443`; see [`endpoints`] for lists.
///
/// The methods panic when the policy violates its contract (it connects a subchannel that does not
/// exist, for instance), and when the test names something that does not exist.
#[derive(Debug)]
pub struct FakeChannel<P> {
    /// The policy.
    pub policy: P,
    /// The current time.
    pub now: Instant,
    /// Whether the next events belong to one batch. While it is true, the policy does not settle
    /// after each event; call [`settle`](Self::settle) after the last one. False by default.
    pub has_more: bool,
    /// The subchannels that the policy has created and not removed.
    pub subchannels: BTreeMap<SubchannelId, FakeSubchannel>,
    /// The subchannels that the policy has removed, in order.
    pub removed: Vec<SubchannelId>,
    /// The watches that run, with their subchannels.
    pub watches: BTreeMap<WatchId, (SubchannelId, Watch)>,
    /// What the policy has published, oldest first; of each batch, the last only.
    pub published: Vec<Published>,
    actions: Actions,
    /// The ids of the subchannels that other policies have connected.
    elsewhere: SubchannelIds,
    /// The subchannels that share a connection of another policy, and of which the policy is not notified yet.
    joined: VecDeque<SubchannelId>,
    /// The addresses that were dialled since `dialled` was called last, in order.
    dialled: Vec<String>,
    /// How often re-resolution was requested since `reresolutions` was called last.
    reresolutions: usize,
    /// The states that were published since `states` was called last, in order.
    states: Vec<ConnectivityState>,
    /// What was reported of the health of backends since `health` was called last, in order.
    health: Vec<Health>,
    /// The subchannels whose backends were reported to send no out-of-band load reports, since
    /// `without_loads` was called last, in order.
    without_loads: Vec<SubchannelId>,
    /// What was reported of ejections since `ejections` was called last, in order.
    ejections: Vec<(String, Ejection)>,
    /// The labels of the endpoints of all `ejections` since they were taken last.
    ejection_labels: Vec<BackendLabels>,
    /// The reports of weights since they were taken last.
    weights: Vec<WeightsUpdate>,
    /// The service whose health the next updates ask for.
    health_check: Option<Arc<str>>,
    config: Arc<dyn PolicyConfig>,
}

/// One subchannel of a [`FakeChannel`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FakeSubchannel {
    /// Its address.
    pub address: Address,
    /// Its state.
    pub state: SubchannelState,
    /// The most connections that the policy lets it open; `None` for the channel's own number.
    pub max_connections: Option<NonZeroU32>,
}

/// Parses an address, `a.b.c.d:port` or `[v6]:port`.
///
/// # Panics
///
/// When the text is no socket address.
#[must_use]
pub fn address(text: &str) -> Address {
    let address: SocketAddr = text.parse().expect("a socket address");
    Address::from(address)
}

/// Parses a list of endpoints, separated by blanks; the addresses of an endpoint are separated by
/// `|`. For example, `10.0.0.1:443|[2001:db8::1]:443 10.0.0.2:443` has two endpoints.
///
/// # Panics
///
/// When a part is no socket address.
#[must_use]
pub fn endpoints(text: &str) -> Vec<Endpoint> {
    text.split_whitespace()
        .map(|endpoint| Endpoint::new(endpoint.split('|').map(address)))
        .collect()
}

/// Returns the state of a subchannel whose connection attempt was refused.
#[must_use]
pub fn refused() -> SubchannelState {
    SubchannelState::TransientFailure(Status::unavailable("connection refused"))
}

/// Picks once, for a call of `/test.Service/Method` without metadata.
#[must_use]
pub fn pick(picker: &dyn Picker) -> Pick {
    picker.pick(&PickRequest::new("/test.Service/Method", &HeaderMap::new()))
}

impl<P: Policy> FakeChannel<P> {
    /// Creates a channel around a policy that has handled no event. The configuration of its
    /// updates is that of pick_first.
    #[must_use]
    pub fn new(policy: P) -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
        let now = Instant::now();
        Self {
            policy,
            now,
            has_more: false,
            subchannels: BTreeMap::new(),
            removed: Vec::new(),
            watches: BTreeMap::new(),
            published: Vec::new(),
            actions: Actions::new(),
            elsewhere: SubchannelIds::new(),
            joined: VecDeque::new(),
            dialled: Vec::new(),
            reresolutions: 0,
            states: Vec::new(),
            health: Vec::new(),
            without_loads: Vec::new(),
            ejections: Vec::new(),
            ejection_labels: Vec::new(),
            weights: Vec::new(),
            health_check: None,
            config: Arc::new(PickFirstConfig::default()),
        }
    }

    /// Sets the configuration of all updates.
    #[must_use]
    pub fn with_config(mut self, config: impl PolicyConfig) -> Self {
        self.config = Arc::new(config);
        self
    }

    /// Sets the configuration of the next updates.
    pub fn set_config(&mut self, config: Arc<dyn PolicyConfig>) {
        self.config = config;
    }

    /// Sets the service whose health the next updates ask for; empty for the server as a whole, `None`
    /// for no health checks.
    pub fn set_health_check(&mut self, service: Option<&str>) {
        self.health_check = service.map(Arc::from);
    }

    /// Hands an event to the policy, and settles it unless [`has_more`](Self::has_more) is true.
    pub fn event<R>(&mut self, event: impl FnOnce(&mut P, &mut Control<'_>) -> R) -> R {
        let result = self.run(event);
        if !self.has_more {
            self.settle();
        }
        result
    }

    /// Settles the policy, and takes what it published.
    pub fn settle(&mut self) {
        self.run(|policy, control| policy.settle(control));
        if let Some(published) = self.actions.take_published() {
            self.states.push(published.state);
            self.published.push(published);
        }
    }

    /// Runs the policy, and executes the actions that it requests.
    fn run<R>(&mut self, event: impl FnOnce(&mut P, &mut Control<'_>) -> R) -> R {
        let result = event(&mut self.policy, &mut self.actions.control(self.now));
        self.execute_all();
        while let Some(id) = self.joined.pop_front() {
            if self.subchannels.contains_key(&id) {
                let control = &mut self.actions.control(self.now);
                self.policy
                    .handle_subchannel(id, SubchannelState::Ready, control);
                self.execute_all();
            }
        }
        result
    }

    fn execute_all(&mut self) {
        for action in self.actions.take() {
            self.execute(action);
        }
    }

    fn execute(&mut self, action: Action) {
        match action {
            Action::Create { id, address } => {
                let is_ready = self.actions.pool().is_ready(&address);
                let state = if is_ready {
                    self.joined.push_back(id);
                    SubchannelState::Ready
                } else {
                    SubchannelState::Idle
                };
                let created = FakeSubchannel {
                    address,
                    state,
                    max_connections: None,
                };
                let old = self.subchannels.insert(id, created);
                assert!(old.is_none(), "{id:?} was created twice");
                assert!(!self.removed.contains(&id), "{id:?} was removed before");
            }
            Action::Connect(id) => {
                let subchannel = self.subchannels.get_mut(&id);
                let subchannel = subchannel.expect("a policy connects only existing subchannels");
                if subchannel.state == SubchannelState::Idle {
                    subchannel.state = SubchannelState::Connecting;
                    self.dialled.push(subchannel.address.to_string());
                }
            }
            Action::Remove(id) => {
                let old = self.subchannels.remove(&id);
                old.expect("a policy removes only existing subchannels");
                self.removed.push(id);
                self.watches.retain(|_, (watched, _)| *watched != id);
            }
            Action::LimitConnections { id, most } => {
                if let Some(subchannel) = self.subchannels.get_mut(&id) {
                    subchannel.max_connections = most;
                }
            }
            Action::RequestReresolution => self.reresolutions += 1,
            Action::Watch { watch, id, call } => {
                let subchannel = self.subchannels.get(&id);
                let subchannel = subchannel.expect("a policy watches only existing subchannels");
                assert_eq!(
                    subchannel.state,
                    SubchannelState::Ready,
                    "a policy watches only ready subchannels"
                );
                self.watches.insert(watch, (id, call));
            }
            Action::Unwatch(watch) => drop(self.watches.remove(&watch)),
            Action::ReportHealth { health, id, .. } => {
                assert!(
                    self.subchannels.contains_key(&id),
                    "a policy reports the health only of existing subchannels"
                );
                self.health.push(health);
            }
            Action::ReportLoadsUnsupported { id, .. } => {
                assert!(
                    self.subchannels.contains_key(&id),
                    "a policy reports only on existing subchannels"
                );
                self.without_loads.push(id);
            }
            Action::ReportEjection { endpoint, ejection } => {
                let labels = BackendLabels::of(endpoint.attributes());
                self.ejection_labels.push(labels);
                let addresses = endpoint.addresses().iter().map(Address::to_string);
                let addresses: Vec<String> = addresses.collect();
                self.ejections.push((addresses.join("|"), ejection));
            }
            Action::ReportWeights(update) => self.weights.push(update),
        }
    }

    /// Hands over an update with this list; see [`endpoints`] for its format.
    ///
    /// # Errors
    ///
    /// The errors of the policy.
    pub fn update(&mut self, list: &str) -> Result<(), Status> {
        self.update_endpoints(endpoints(list))
    }

    /// Hands over an update with these endpoints.
    ///
    /// # Errors
    ///
    /// The errors of the policy.
    pub fn update_endpoints(&mut self, endpoints: Vec<Endpoint>) -> Result<(), Status> {
        self.update_with_note(endpoints, "")
    }

    /// Hands over an update with these endpoints and a resolver's note.
    ///
    /// # Errors
    ///
    /// The errors of the policy.
    pub fn update_with_note(
        &mut self,
        endpoints: Vec<Endpoint>,
        resolution_note: &str,
    ) -> Result<(), Status> {
        let mut update = Update::new(endpoints, self.config.clone());
        update.resolution_note = resolution_note.into();
        update.health_check = self.health_check.clone();
        self.event(|policy, control| policy.handle_update(update, control))
    }

    /// Hands over a failed name resolution: `UNAVAILABLE` with this text.
    pub fn resolver_error(&mut self, text: &'static str, old: OldList) {
        let error = Status::unavailable(text);
        self.event(|policy, control| policy.handle_resolver_error(error, old, control));
    }

    /// Makes the policy leave idleness.
    pub fn exit_idle(&mut self) {
        self.event(|policy, control| policy.exit_idle(control));
    }

    /// Returns the subchannel of an address.
    #[must_use]
    pub fn id(&self, address: &str) -> SubchannelId {
        let mut ids = self
            .subchannels
            .iter()
            .filter(|(_, subchannel)| subchannel.address.to_string() == address)
            .map(|(id, _)| *id);
        let id = ids.next();
        assert!(ids.next().is_none(), "{address} has two subchannels");
        id.unwrap_or_else(|| panic!("{address} has no subchannel"))
    }

    /// Moves a subchannel to a state, and hands the event over. If it leaves `Ready`, its watches
    /// end with `UNAVAILABLE` after that.
    pub fn set_id(&mut self, id: SubchannelId, state: SubchannelState) {
        let subchannel = self.subchannels.get_mut(&id);
        let subchannel = subchannel.expect("the subchannel exists");
        let old = std::mem::replace(&mut subchannel.state, state.clone());
        let lost: Vec<WatchId> = if old == SubchannelState::Ready && state != old {
            self.watches_of(id)
        } else {
            Vec::new()
        };
        self.event(|policy, control| policy.handle_subchannel(id, state, control));
        for watch in lost {
            // The policy may have ended the watch itself.
            if self.watches.contains_key(&watch) {
                self.end_watch(watch, Status::unavailable("the connection was lost"));
            }
        }
    }

    /// Moves the subchannel of an address to a state, as [`set_id`](Self::set_id) does.
    pub fn set(&mut self, address: &str, state: SubchannelState) {
        self.set_id(self.id(address), state);
    }

    /// Connects another policy of the channel to an address: a subchannel that the policy creates for it from now
    /// on is ready at once, without being dialled. Those that it has stay as they are.
    pub fn connect_elsewhere(&mut self, to: &str) {
        let (id, address) = (self.elsewhere.issue(), address(to));
        let pool = self.actions.pool_mut();
        pool.insert(id, &address);
        pool.set_ready(id, &address, true);
    }

    /// Connects the subchannel of an address.
    pub fn ready(&mut self, address: &str) {
        self.set(address, SubchannelState::Ready);
    }

    /// Fails the connection attempt of an address.
    pub fn fail(&mut self, address: &str) {
        self.set(address, refused());
    }

    /// Makes the subchannel of an address idle: its connection is lost, or its back-off has ended.
    pub fn idle(&mut self, address: &str) {
        self.set(address, SubchannelState::Idle);
    }

    /// Returns the watches that run over a subchannel.
    #[must_use]
    pub fn watches_of(&self, id: SubchannelId) -> Vec<WatchId> {
        let watches = self.watches.iter();
        let of_id = watches.filter(|(_, (watched, _))| *watched == id);
        of_id.map(|(watch, _)| *watch).collect()
    }

    /// Hands over a response message of a watch.
    pub fn watch_message(&mut self, watch: WatchId, message: impl Into<Bytes>) {
        let (id, _) = self.watches[&watch];
        let event = WatchEvent::Message(message.into());
        self.event(|policy, control| policy.handle_watch(watch, id, event, control));
    }

    /// Ends a watch with this status, and hands the event over.
    pub fn end_watch(&mut self, watch: WatchId, status: Status) {
        let (id, _) = self.watches.remove(&watch).expect("the watch runs");
        let event = WatchEvent::Ended(status);
        self.event(|policy, control| policy.handle_watch(watch, id, event, control));
    }

    /// Ejects the backend of a subchannel, or takes it back, as a policy above does.
    pub fn eject(&mut self, id: SubchannelId, ejected: bool) {
        self.event(|policy, control| policy.handle_ejection(id, ejected, control));
    }

    /// Advances the time, and wakes the policy whenever it wants.
    pub fn advance_millis(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.policy.poll_timeout()
            && due <= end
        {
            self.now = self.now.max(due);
            self.event(|policy, control| policy.handle_timeout(control));
            assert_ne!(
                self.policy.poll_timeout(),
                Some(due),
                "a policy that was woken wants another deadline, or none"
            );
        }
        self.now = end;
    }

    /// Removes and returns the addresses that were dialled since the last call, in order, separated
    /// by blanks.
    pub fn dialled(&mut self) -> String {
        std::mem::take(&mut self.dialled).join(" ")
    }

    /// Removes and returns the states that were published since the last call, in order.
    pub fn states(&mut self) -> Vec<ConnectivityState> {
        std::mem::take(&mut self.states)
    }

    /// Removes and returns what was reported of the health of backends since the last call, in order.
    pub fn health(&mut self) -> Vec<Health> {
        std::mem::take(&mut self.health)
    }

    /// Removes and returns the subchannels whose backends were reported to send no out-of-band load
    /// reports since the last call, in order.
    pub fn without_loads(&mut self) -> Vec<SubchannelId> {
        std::mem::take(&mut self.without_loads)
    }

    /// Ends an attempt that used the subchannel of an address, now: hands `outcome` to the tracker of
    /// the picker that was published last, if it has one.
    pub fn end_attempt(&self, address: &str, outcome: AttemptOutcome<'_>) {
        if let Some(tracker) = self.picker().tracker() {
            tracker.attempt_ended(self.id(address), &outcome.with_ended_at(self.now));
        }
    }

    /// Ends an attempt that used the subchannel of an address, now: `OK`, with this load report in
    /// its trailers.
    pub fn report_load(&self, address: &str, report: &LoadReport) {
        let mut trailers = HeaderMap::new();
        report.add_to(&mut trailers);
        let status = Status::new(Code::Ok, "");
        let outcome = AttemptOutcome::new(&status)
            .with_trailers(&trailers)
            .with_headers(true)
            .with_sent(true);
        self.end_attempt(address, outcome);
    }

    /// Removes and returns the decisions of outlier detection that were reported since the last call,
    /// in order, each with the addresses of its endpoint, separated by `|`.
    pub fn ejections(&mut self) -> Vec<(String, Ejection)> {
        std::mem::take(&mut self.ejections)
    }

    /// Removes and returns the labels for metrics of the endpoints of those decisions, in the same order.
    pub fn ejection_labels(&mut self) -> Vec<BackendLabels> {
        std::mem::take(&mut self.ejection_labels)
    }

    /// Removes and returns the updates of weights that were reported since the last call, in order.
    pub fn weights(&mut self) -> Vec<WeightsUpdate> {
        std::mem::take(&mut self.weights)
    }

    /// Resets and returns the number of requests for re-resolution since the last call.
    pub fn reresolutions(&mut self) -> usize {
        std::mem::take(&mut self.reresolutions)
    }

    /// Returns the number of requests for re-resolution, without resetting it.
    pub(super) fn reresolution_count(&self) -> usize {
        self.reresolutions
    }

    /// Returns the state that was published last.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        self.last_published().state
    }

    /// Returns the picker that was published last.
    #[must_use]
    pub fn picker(&self) -> Arc<dyn Picker> {
        self.last_published().picker.clone()
    }

    fn last_published(&self) -> &Published {
        let published = self.published.last();
        published.expect("the policy has published something")
    }

    /// Picks once, with the picker that was published last.
    #[must_use]
    pub fn pick(&self) -> Pick {
        pick(&*self.picker())
    }

    /// Returns the address that one call goes to.
    #[must_use]
    pub fn picked(&self) -> String {
        match self.pick() {
            Pick::Subchannel(id) => self.subchannels[&id].address.to_string(),
            other => panic!("expected a subchannel, found {other:?}"),
        }
    }

    /// Returns the text of the error that calls fail with, while the state is `TRANSIENT_FAILURE`.
    #[must_use]
    pub fn error(&self) -> String {
        assert_eq!(self.state(), ConnectivityState::TransientFailure);
        match self.pick() {
            Pick::Fail(status) => status.message().to_owned(),
            other => panic!("expected a failure, found {other:?}"),
        }
    }

    /// Returns the addresses that have a subchannel, sorted, separated by blanks.
    #[must_use]
    pub fn addresses(&self) -> String {
        let mut addresses: Vec<String> = self
            .subchannels
            .values()
            .map(|subchannel| subchannel.address.to_string())
            .collect();
        addresses.sort();
        addresses.join(" ")
    }
}
