//! The decisions of a channel, without sockets, tasks, locks and clocks.
//!
//! From the ground up: `failure` and `subchannel` (one subchannel), `holds` (what policies have of it), `retry` and `hedging` (how
//! often one call is sent), `deadlines` (of the calls that wait), `connections` and `snapshot` (what calls see), `subchannels` (the table with its indices), `event` (what observers see),
//! `config` (the service config in force), `idleness` (when no call uses the channel), `batch` (the actions of policies),
//! `resolver_wait` (how long the resolver is waited for), [`Core`],
//! which joins them with the policy, and its parts: `attempts`, on connecting; `resolution`, on what the resolver returns; `sharing`, on a subchannel
//! of several policies; `scaling`, on more than one connection of a subchannel; and `inspect`, on what it shows of itself.

pub(crate) mod address_fate;
pub(crate) mod connections;
pub(crate) mod failure;

// The attempts of one call.
pub(crate) mod codes;
pub(crate) mod deadlines;
pub(crate) mod hedging;
pub(crate) mod pushback;
pub(crate) mod retry;

mod answer;
mod batch;
pub(crate) mod holds;
pub(crate) mod snapshot;
pub(crate) mod subchannel;
mod subchannels;
mod watches;

pub(crate) mod event;
pub(crate) mod event_text;

mod attempts;
pub(crate) mod config;
pub(crate) mod idleness;
pub(crate) mod inspect;
mod resolution;
mod resolver_wait;
mod scaling;
mod sharing;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_backoff::{BackoffPolicy, Rng};
use trunkline_endpoint::Address;
use trunkline_lb::{
    Action, Actions, ConnectivityState, Control, GracefulSwitch, Health, Pick, Policy,
    PolicyOptions, PolicyRegistry, Published, SubchannelId, SubchannelState, Watch, WatchEvent,
    WatchId,
};
use trunkline_resolver::ResolveError;
use trunkline_service_config::{ConfigSelector, ServiceConfig};
use trunkline_status::Status;

use self::answer::Answer;
use self::batch::Rest;
use self::config::{ConfigInForce, DefaultPolicy, HealthChecks};
use self::connections::{ConnectionId, ReadyConnection};
use self::event::ChannelEvent;
use self::holds::HoldId;
use self::idleness::{CallCounts, Idleness};
use self::resolver_wait::ResolverWait;
use self::snapshot::Snapshot;
use self::subchannel::{Growth, Stage, Subchannel};
use self::subchannels::{NextStage, Subchannels};
use self::watches::Watches;

/// The most pending attempts that a snapshot names.
const PENDING_SHOWN: usize = 4;

/// The decisions of a channel, driven by what happens to it.
///
/// * Getters: [`poll_timeout`](Self::poll_timeout), the time of the next `handle_timeout`.
/// * `handle_*` methods report what happened; [`exit_idle`](Self::exit_idle),
///   [`enter_idle`](Self::enter_idle) and [`reset_backoff`](Self::reset_backoff) are requests of
///   the application.
/// * After a batch of events call [`settle`](Self::settle), then drain
///   [`poll_output`](Self::poll_output) (draining between events is allowed), then publish what
///   [`take_snapshot`](Self::take_snapshot) returns.
///
/// `now` never goes backwards. A new core is idle. `C` is a connection, which is only stored and
/// handed out.
#[derive(Debug)]
pub(crate) struct Core<C> {
    backoff: BackoffPolicy,
    /// The keepalive time of new connections. Servers that get too many PINGs raise it.
    keepalive_time: Duration,
    rng: Rng,
    policy_options: PolicyOptions,
    config: ConfigInForce,
    /// The most connections that a subchannel opens, by the config in force.
    max_connections: usize,
    /// The id of the last attempt's connection.
    last_connection: ConnectionId,
    /// The id of the last attempt's connection before the connector changed last.
    last_before_change: ConnectionId,
    /// The selector of the last resolution. `None` if that had none: the service config in force
    /// then selects.
    selector: Option<Arc<dyn ConfigSelector>>,
    actions: Actions,
    policy: GracefulSwitch,
    /// The name of the policy; `None` while the channel has no list.
    policy_name: Option<Arc<str>>,
    /// True when the policy has handled an event since it last settled.
    is_unsettled: bool,
    /// True while the channel is idle: it has no resolver until the next call, or until the
    /// application makes it connect.
    is_idle: bool,
    /// Decides when the channel enters idleness by itself.
    idleness: Idleness,
    /// True once the policy has received a list.
    has_list: bool,
    resolver_error: Option<ResolveError>,
    resolver_wait: ResolverWait,
    /// The last list of the resolver; `None` while the channel is idle.
    answer: Option<Answer>,
    /// The last error about a resolution, with its time; a later list does not clear it.
    last_resolver_error: Option<(ResolveError, Instant)>,
    /// When the channel changed its state last; `None` before the first change.
    state_since: Option<Instant>,
    subchannels: Subchannels<C>,
    /// The subchannels of which the end of a batch of actions decides whether they, or their attempts, end: none
    /// of their holds is left, or none follows them. Empty but while actions are carried out.
    undecided: Vec<SubchannelId>,
    watches: Watches,
    published: Published,
    outputs: VecDeque<Output<C>>,
    /// True when the published snapshot is out of date.
    is_stale: bool,
}

/// A request of the core to its shell.
#[derive(Debug)]
pub(crate) enum Output<C> {
    /// Start a connection attempt, and end it at the deadline.
    Connect {
        id: SubchannelId,
        /// The id of the connection that the attempt makes.
        connection: ConnectionId,
        address: Address,
        deadline: Instant,
        /// The keepalive time of the connection.
        keepalive_time: Duration,
    },
    /// Cancel the attempt that runs for this subchannel.
    Cancel(SubchannelId),
    /// Once the snapshot is published, wake the calls that wait for a free stream on this subchannel,
    /// look whether any still waits, and call [`handle_line`](Core::handle_line).
    LookAtLine(SubchannelId),
    /// Once the snapshot is published, wake all calls that wait for a free stream on this subchannel: a
    /// policy has removed it, and another one has not.
    WakeLine(SubchannelId),
    /// Once the snapshot is published, wake all calls that wait for a free stream on this subchannel:
    /// it was removed.
    DropLine(SubchannelId),
    /// Start a watch over a connection.
    Watch {
        watch: WatchId,
        ready: Arc<ReadyConnection<C>>,
        call: Watch,
    },
    /// Cancel a watch.
    Unwatch(WatchId),
    /// Build the resolver.
    StartResolver,
    /// Drop the resolver.
    StopResolver,
    /// Ask the resolver for a new list.
    ResolveNow,
    /// Look at the calls, and call [`handle_calls`](Core::handle_calls).
    LookAtCalls,
    /// Report an event to the observer.
    Observe(ChannelEvent),
}

/// The options of a new core.
#[derive(Debug)]
pub(crate) struct CoreOptions {
    pub(crate) policies: PolicyRegistry,
    pub(crate) policy_options: PolicyOptions,
    pub(crate) default_config: Arc<ServiceConfig>,
    /// The policy that is used where the service config names none.
    pub(crate) default_policy: DefaultPolicy,
    pub(crate) backoff: BackoffPolicy,
    pub(crate) disable_service_config: bool,
    pub(crate) health_checks: HealthChecks,
    pub(crate) disable_retries: bool,
    /// The time without calls after which the channel enters idleness; `None` for never.
    pub(crate) idle_timeout: Option<Duration>,
    /// The keepalive time of connections; `Duration::MAX` while keepalive is off.
    pub(crate) keepalive_time: Duration,
    /// The limit of the connections of a subchannel, whatever the service config asks for.
    pub(crate) connections_limit: u32,
}

impl<C> Core<C> {
    pub(crate) fn new(options: CoreOptions, seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let mut policy_options = options.policy_options;
        policy_options.seed = rng.next_seed();
        policy_options.policies = options.policies.clone();
        Self {
            backoff: options.backoff,
            keepalive_time: options.keepalive_time,
            rng,
            policy: GracefulSwitch::new(&policy_options),
            policy_options,
            config: ConfigInForce::new(
                options.policies,
                options.default_config,
                options.default_policy,
                options.disable_service_config,
                options.health_checks,
                options.disable_retries,
                options.connections_limit,
            ),
            max_connections: 1,
            last_connection: ConnectionId::START,
            last_before_change: ConnectionId::START,
            selector: None,
            actions: Actions::new(),
            policy_name: None,
            is_unsettled: false,
            is_idle: true,
            idleness: Idleness::new(options.idle_timeout),
            has_list: false,
            resolver_error: None,
            resolver_wait: ResolverWait::default(),
            answer: None,
            last_resolver_error: None,
            state_since: None,
            subchannels: Subchannels::new(),
            undecided: Vec::new(),
            watches: Watches::default(),
            published: Published {
                state: ConnectivityState::Idle,
                picker: Arc::new(Pick::ExitIdle),
            },
            outputs: VecDeque::new(),
            is_stale: true,
        }
    }

    /// Handles an event of a watch.
    pub(crate) fn handle_watch(&mut self, watch: WatchId, event: WatchEvent, now: Instant) {
        let Some(hold) = self.watches.hold(watch) else {
            return;
        };
        if matches!(event, WatchEvent::Ended(_)) {
            self.watches.remove(watch);
        }
        self.notify_policy(now, |policy, control| {
            policy.handle_watch(watch, hold, event, control);
        });
        self.carry_out_actions(now);
    }

    /// Handles the time that [`poll_timeout`](Self::poll_timeout) returned.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.subchannels.first_due(now) {
            self.end_wait(id, now);
        }
        if self.idleness.handle_timeout(now) {
            self.outputs.push_back(Output::LookAtCalls);
        }
        self.report_resolver_wait(now);
        if self.policy.poll_timeout().is_some_and(|at| at <= now) {
            self.notify_policy(now, |policy, control| policy.handle_timeout(control));
        }
        self.carry_out_actions(now);
    }

    /// Handles the number of calls so far: the channel enters idleness if none used it for the idle
    /// timeout.
    pub(crate) fn handle_calls(&mut self, calls: CallCounts, now: Instant) {
        if !self.is_idle && self.idleness.handle_calls(calls, now) {
            self.enter_idle(now);
        }
    }

    /// Ends all back-offs at once: the application knows that the network is back.
    pub(crate) fn reset_backoff(&mut self, now: Instant) {
        self.notify_policy(now, |policy, _| policy.reset_backoff());
        for id in self.subchannels.waiting() {
            if let Some(subchannel) = self.subchannels.get_mut(id) {
                subchannel.backoff.reset();
            }
            self.end_wait(id, now);
        }
        self.carry_out_actions(now);
    }

    /// Handles a change of what connections are made with, such as certificates: ends the back-offs of the
    /// attempts that may have failed for that. Attempts that run and fail for that are repeated at once.
    pub(crate) fn handle_connector_changed(&mut self, now: Instant) {
        self.last_before_change = self.last_connection;
        for id in self.subchannels.waiting() {
            let Some(subchannel) = self.subchannels.get_mut(id) else {
                continue;
            };
            let last = subchannel.last_failure.as_ref();
            let may_end = last.is_some_and(|last| last.failure.may_end_with_connector());
            if may_end && subchannel.stage().is_back_off() {
                subchannel.backoff.reset();
                self.end_wait(id, now);
            }
        }
        self.carry_out_actions(now);
    }

    /// Ends the wait of a subchannel.
    fn end_wait(&mut self, id: SubchannelId, now: Instant) {
        match self.subchannels.get(id).map(Subchannel::stage) {
            Some(Stage::HeldBack { .. }) => self.start_attempt(id, now),
            Some(Stage::Ready { .. }) => {
                let growth = Growth::Resting;
                self.transition(id, NextStage::Other(Stage::Ready { growth }), now);
                self.outputs.push_back(Output::LookAtLine(id));
            }
            Some(Stage::BackingOff { .. }) => {
                self.transition(id, NextStage::Other(Stage::Idle), now);
                // The policy's requests are carried out before the next wait ends: the policy may
                // remove that subchannel, and must then not be notified of it.
                self.carry_out_actions(now);
            }
            _ => {}
        }
    }

    /// Leaves idleness: starts the resolver, or lets an idle policy connect.
    pub(crate) fn exit_idle(&mut self, now: Instant) {
        self.idleness.handle_use(now);
        if std::mem::take(&mut self.is_idle) {
            self.observe(ChannelEvent::IdleLeft);
            self.outputs.push_back(Output::StartResolver);
            self.resolver_wait.handle_start(now);
            let published = Published {
                state: ConnectivityState::Connecting,
                picker: Arc::new(Pick::Queue),
            };
            self.publish(published, now);
            return;
        }
        self.notify_policy(now, |policy, control| policy.exit_idle(control));
        self.carry_out_actions(now);
    }

    /// Enters idleness: drops the resolver, the policy and all connections. Calls in progress
    /// continue. The next call makes the channel leave idleness.
    pub(crate) fn enter_idle(&mut self, now: Instant) {
        if std::mem::replace(&mut self.is_idle, true) {
            return;
        }
        self.idleness.handle_idle();
        self.observe(ChannelEvent::IdleEntered);
        self.drop_policy(now);
        self.config.reset();
        self.apply_max_connections();
        self.selector = None;
        self.has_list = false;
        self.resolver_error = None;
        self.resolver_wait.handle_end();
        self.answer = None;
        let published = Published {
            state: ConnectivityState::Idle,
            picker: Arc::new(Pick::ExitIdle),
        };
        self.publish(published, now);
    }

    /// Closes the channel: drops the resolver, the policy and all connections. Afterwards only
    /// [`poll_output`](Self::poll_output) is called.
    pub(crate) fn shut_down(&mut self, now: Instant) {
        self.drop_policy(now);
        let published = Published {
            state: ConnectivityState::Shutdown,
            picker: Arc::new(Pick::Queue),
        };
        self.publish(published, now);
    }

    /// Drops the resolver, the policy and all subchannels.
    fn drop_policy(&mut self, now: Instant) {
        self.outputs.push_back(Output::StopResolver);
        let mut control = self.actions.control(now);
        for hold in self.subchannels.holds().ids() {
            control.remove_subchannel(hold);
        }
        self.policy_options.seed = self.rng.next_seed();
        self.policy = GracefulSwitch::new(&self.policy_options);
        self.policy_name = None;
        self.is_unsettled = false;
        self.carry_out_actions(now);
        // Discards the picker that the old policy published last, if it is not taken yet.
        drop(self.actions.take_published());
    }

    /// Ends a batch of events: the policy publishes the result of all of them together.
    pub(crate) fn settle(&mut self, now: Instant) {
        // Repeated when carrying out the policy's requests causes new events for the policy.
        while std::mem::take(&mut self.is_unsettled) {
            self.policy.settle(&mut self.actions.control(now));
            self.carry_out_actions(now);
        }
        if let Some(published) = self.actions.take_published() {
            self.publish(published, now);
        }
    }

    fn publish(&mut self, published: Published, now: Instant) {
        if published.state != self.published.state {
            self.state_since = Some(now);
            self.observe(ChannelEvent::State(published.state));
        }
        self.published = published;
        self.is_stale = true;
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let wait = self.subchannels.next_wait();
        let deadlines = [
            wait,
            self.policy.poll_timeout(),
            self.idleness.poll_timeout(),
            self.resolver_wait.poll_timeout(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Returns the next request.
    pub(crate) fn poll_output(&mut self) -> Option<Output<C>> {
        self.outputs.pop_front()
    }

    /// Returns the snapshot for calls to use from now on; `None` when the last one is still
    /// current.
    pub(crate) fn take_snapshot(&mut self) -> Option<Snapshot<C>> {
        let changes = self.subchannels.take_changes();
        // Calls that wait see the pending attempts. While the channel is READY no call waits, so a
        // change of an attempt makes no snapshot.
        let shows_pending = self.published.state != ConnectivityState::Ready;
        let is_stale = std::mem::take(&mut self.is_stale);
        let shown_changed = changes.connections || changes.pending && shows_pending;
        if !is_stale && !shown_changed {
            return None;
        }
        let pending = if shows_pending {
            self.subchannels.pending(PENDING_SHOWN)
        } else {
            Vec::new()
        };
        let config = || Arc::clone(self.config.current()) as Arc<dyn ConfigSelector>;
        Some(Snapshot {
            state: self.published.state,
            picker: Arc::clone(&self.published.picker),
            connections: self.subchannels.connections().clone(),
            max_connections: self.max_connections,
            selector: self.selector.clone().unwrap_or_else(config),
            throttling: self.config.current().retry_throttling(),
            is_resolved: self.has_list,
            resolver_error: self.resolver_error.clone(),
            resolver_waits: self.resolver_wait.what().cloned(),
            pending,
        })
    }

    /// Carries out the policy's requests, and those that follow from them, until there are none.
    fn carry_out_actions(&mut self, now: Instant) {
        loop {
            let actions = self.actions.take();
            if actions.is_empty() {
                return;
            }
            let mut rest = Rest::new(&actions);
            while let Some(action) = rest.next() {
                self.carry_out(action.clone(), &mut rest, now);
            }
            self.end_batch(now);
        }
    }

    fn carry_out(&mut self, action: Action, rest: &mut Rest<'_>, now: Instant) {
        match action {
            Action::Create { id, address } => self.create(id, address, now),
            Action::Connect(id) => self.connect(id, now),
            Action::Remove(id) => self.release(id, rest),
            Action::LimitConnections { id, most } => self.limit_connections(id, most),
            Action::RequestReresolution => self.outputs.push_back(Output::ResolveNow),
            Action::Watch { watch, id, call } => self.start_watch(watch, id, call, now),
            Action::Unwatch(watch) => {
                if self.watches.remove(watch) {
                    self.outputs.push_back(Output::Unwatch(watch));
                }
            }
            Action::ReportHealth {
                id,
                service,
                health,
            } => self.report_health(id, service, health),
            Action::ReportLoadsUnsupported { id, status } => {
                self.report_loads_unsupported(id, status);
            }
            Action::ReportEjection { endpoint, ejection } => {
                self.observe(ChannelEvent::Ejection { endpoint, ejection });
            }
            Action::ReportWeights(update) => self.observe(ChannelEvent::Weights(update)),
        }
    }

    fn report_health(&mut self, hold: HoldId, service: Arc<str>, health: Health) {
        if let Some((id, address)) = self.held(hold) {
            self.observe(ChannelEvent::Health {
                id,
                address,
                service,
                health,
            });
        }
    }

    fn report_loads_unsupported(&mut self, hold: HoldId, status: Status) {
        if let Some((id, address)) = self.held(hold) {
            self.observe(ChannelEvent::LoadReportsUnsupported {
                id,
                address,
                status,
            });
        }
    }

    /// Returns the subchannel of a hold, with its address.
    fn held(&self, hold: HoldId) -> Option<(SubchannelId, Address)> {
        let subchannel = self.subchannels.get(self.subchannels.held(hold)?)?;
        Some((subchannel.id, subchannel.address.clone()))
    }

    fn start_watch(&mut self, watch: WatchId, hold: HoldId, call: Watch, now: Instant) {
        if let Some(ready) = self.subchannels.connections().get(hold) {
            let ready = Arc::clone(ready.oldest());
            let connection = ready.connection_id;
            self.watches.insert(watch, hold, connection, call.clone());
            self.outputs.push_back(Output::Watch { watch, ready, call });
        } else if self.subchannels.held(hold).is_some() {
            self.end_watch(watch, hold, "the subchannel has no connection", now);
        }
    }

    /// Reports to the policy that a watch ended because its subchannel has no connection.
    fn end_watch(&mut self, watch: WatchId, hold: HoldId, why: &'static str, now: Instant) {
        let event = WatchEvent::Ended(Status::unavailable(why));
        self.notify_policy(now, |policy, control| {
            policy.handle_watch(watch, hold, event, control);
        });
    }

    /// Changes the stage of a subchannel, and reports the new state to the policies that see it and
    /// the observer if that changed too.
    fn transition(&mut self, id: SubchannelId, next: NextStage<C>, now: Instant) {
        let Some(old) = self.subchannels.transition(id, next, now) else {
            return;
        };
        let Some(subchannel) = self.subchannels.get(id) else {
            return;
        };
        let state = subchannel.stage().state();
        if state == old.state() {
            return;
        }
        let was_ready = matches!(old, Stage::Ready { .. });
        let is_ready = state == SubchannelState::Ready;
        if is_ready != was_ready {
            let pool = self.actions.pool_mut();
            pool.set_ready(id, &subchannel.address, is_ready);
        }
        let address = subchannel.address.clone();
        self.observe(ChannelEvent::Subchannel {
            id,
            address,
            state: state.clone(),
        });
        for hold in &self.subchannels.handle_change(id, &state) {
            if was_ready {
                for watch in self.watches.remove_all(*hold) {
                    self.outputs.push_back(Output::Unwatch(watch));
                    if self.actions.control(now).exists(*hold) {
                        self.end_watch(watch, *hold, "the connection was lost", now);
                    }
                }
            }
            self.notify_hold(*hold, state.clone(), now);
        }
    }

    fn notify_policy<R>(
        &mut self,
        now: Instant,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
    ) -> R {
        self.is_unsettled = true;
        event(&mut self.policy, &mut self.actions.control(now))
    }

    fn observe(&mut self, event: ChannelEvent) {
        self.outputs.push_back(Output::Observe(event));
    }
}
