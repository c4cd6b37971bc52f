//! How `weighted_round_robin` handles events.

use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_endpoint::BackendLabels;
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

use super::backend_weight::ReportClock;
use super::config::WeightedRoundRobinConfig;
use super::connected::ConnectedBackends;
use super::picker::{ReadyBackends, WeightedPicker};
use super::ready::{Ready, ReadyBackend};
use super::schedule::Schedule;
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::inspection::PolicyNode;
use crate::labels::labels_of_update;
use crate::orca_streams::OutOfBandReports;
use crate::pick_first::{PickFirst, PickFirstConfig};
use crate::picker::{Pick, Picker};
use crate::policy::{OldList, Policy, Update};
use crate::registry::PolicyOptions;
use crate::sharding::EndpointSharding;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

/// Keeps a connection to every endpoint, and sends calls to the ready endpoints in proportion to what
/// their backends report that they can do.
///
/// The [weight](WeightedRoundRobinConfig::weight) of an endpoint comes from the load reports of its
/// backend: in the trailers of calls, or out of band. It counts once the backend has reported for
/// the blackout period, and until it has not reported for the expiration period. An endpoint without
/// a weight gets the mean of the others. With fewer than two weights, calls go in turn, as in
/// [`RoundRobin`](crate::RoundRobin). A connection that is made again begins without a weight, because
/// the backend may have started again.
///
/// The shares follow the weights once in each update period, and when another endpoint is ready or one
/// is not any more. With 1024 ready endpoints or more, such an endpoint does not make the weights of all
/// others be read before the period ends, and it counts as the mean until then. The order of the calls is as even as
/// their weights permit. A weight of more than 64 times the mean counts as 64 times the mean. Each
/// thread goes round on its own, so that threads share no counter. The only thing that they share is
/// the weight of a backend, which the end of each call with a report writes.
///
/// Connections, states and errors are those of [`RoundRobin`](crate::RoundRobin): one
/// [`PickFirst`] for each endpoint.
///
/// Source:
/// [gRFC A58](https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md),
/// [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md),
/// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
#[derive(Debug)]
pub struct WeightedRoundRobin {
    endpoints: EndpointSharding<PickFirst>,
    /// The weight of each backend that is connected.
    connected: ConnectedBackends,
    /// How many subchannels of the tree of policies had been removed when `connected` was cleaned.
    removals: u64,
    /// The reports out of band, if they are on.
    reports: Option<OutOfBandReports>,
    /// The ready endpoints.
    ready: Ready,
    /// The picker of the ready endpoints, while there are any.
    current: Option<Arc<WeightedPicker>>,
    /// When the next schedule is made; `None` while fewer than two endpoints are ready.
    next_schedule: Option<Instant>,
    /// Whether the next schedule is due.
    is_due: bool,
    config: Arc<WeightedRoundRobinConfig>,
    /// The labels of reports.
    labels: BackendLabels,
    /// Whether the picker that was published last has another configuration.
    is_config_new: bool,
    /// The time of reports; `None` before the first event.
    clock: Option<Arc<ReportClock>>,
    /// The options of the children, whose seed differs from child to child.
    options: PolicyOptions,
    /// The configuration of the children.
    child_config: Arc<dyn PolicyConfig>,
    /// Chooses where each picker begins.
    rng: Rng,
}

impl WeightedRoundRobin {
    /// Creates a policy that waits for its first list.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        Self {
            endpoints: EndpointSharding::new(rng.next_seed()),
            connected: ConnectedBackends::default(),
            removals: 0,
            reports: None,
            ready: Ready::default(),
            current: None,
            next_schedule: None,
            is_due: false,
            config: Arc::default(),
            labels: BackendLabels::default(),
            is_config_new: false,
            clock: None,
            options: options.clone(),
            child_config: Arc::new(PickFirstConfig::default().with_health_checks(true)),
            rng,
        }
    }

    fn clock(&mut self, now: Instant) -> Arc<ReportClock> {
        let clock = self
            .clock
            .get_or_insert_with(|| Arc::new(ReportClock::new(now)));
        Arc::clone(clock)
    }

    /// Starts, changes or ends the reports out of band, as the configuration asks for.
    fn refresh_reports(&mut self, control: &mut Control<'_>) {
        let period = self.config.oob_reporting_period;
        match &mut self.reports {
            Some(reports) if self.config.enable_oob_load_report => {
                reports.set_interval(period, control);
            }
            None if self.config.enable_oob_load_report => {
                let mut reports = OutOfBandReports::new(period, self.rng.next_seed());
                for id in self.connected.ids() {
                    reports.start(id, control);
                }
                self.reports = Some(reports);
            }
            reports => {
                if let Some(reports) = reports.take() {
                    reports.stop(control);
                }
            }
        }
    }

    /// Forgets the backends whose subchannel was removed.
    fn forget_removed(&mut self, control: &Control<'_>) {
        if std::mem::replace(&mut self.removals, control.removals()) != self.removals {
            self.connected.retain(|id| control.exists(id));
        }
    }

    /// Returns when the next schedule is due; `None` if that is later than a clock can show.
    fn schedule_due(&self, control: &Control<'_>) -> Option<Instant> {
        let period = self.config.weight_update_period;
        control.now().checked_add(period)
    }

    /// Makes the picker of the endpoints that are ready now. `reads` is whether it must read the
    /// weights of all.
    fn make_picker(&mut self, reads: bool, control: &mut Control<'_>) -> Arc<WeightedPicker> {
        let kept = if reads {
            None
        } else {
            self.ready.keep(&self.endpoints)
        };
        let schedule = match kept {
            // The next update of the weights does not wait any longer.
            Some(schedule) => schedule,
            None => {
                let many = self.endpoints.count(ConnectivityState::Ready) > 1;
                self.next_schedule = self.schedule_due(control).filter(|_| many);
                self.read_weights(control)
            }
        };
        let ids = self.ready.ids(&self.endpoints);
        let ready = Arc::new(ReadyBackends::new(ids, &mut self.rng));
        self.picker(ready, schedule, control.now())
    }

    /// Returns the picker with the schedule that the weights ask for now, if that is another one.
    fn make_schedule(&mut self, control: &mut Control<'_>) -> Option<Arc<WeightedPicker>> {
        let current = Arc::clone(self.current.as_ref()?);
        let schedule = self.read_weights(control);
        (schedule != current.schedule)
            .then(|| self.picker(Arc::clone(&current.ready), schedule, control.now()))
    }

    fn picker(
        &mut self,
        ready: Arc<ReadyBackends>,
        schedule: Schedule,
        now: Instant,
    ) -> Arc<WeightedPicker> {
        Arc::new(WeightedPicker {
            ready,
            schedule,
            connected: self.connected.clone(),
            config: Arc::clone(&self.config),
            clock: self.clock(now),
        })
    }

    /// Updates the schedule: returns the one that the weights ask for now. Reports it if reports are
    /// wanted.
    fn read_weights(&mut self, control: &mut Control<'_>) -> Schedule {
        let now = control.now();
        let now = self.clock(now).nanos(now);
        let is_ready = self.endpoints.count(ConnectivityState::Ready) > 0;
        if self.options.reports_weights && is_ready {
            let mut update = self.ready.report(&self.endpoints, now, &self.config);
            update.labels = self.labels.clone();
            control.report_weights(update);
        }
        self.ready.read(&self.endpoints, now, &self.config)
    }

    /// Publishes a new state of all endpoints together. `reads` is whether the weights of all are
    /// read.
    fn publish(&mut self, state: ConnectivityState, reads: bool, control: &mut Control<'_>) {
        let before = self.current.take();
        let picker: Arc<dyn Picker> = match state {
            ConnectivityState::Ready => {
                let picker = self.make_picker(reads || before.is_none(), control);
                self.current = Some(Arc::clone(&picker));
                picker
            }
            ConnectivityState::TransientFailure => self.endpoints.last_failure().clone(),
            _ => Arc::new(Pick::Queue),
        };
        if self.current.is_none() {
            self.next_schedule = None;
        }
        control.publish(state, picker);
    }
}

impl Policy for WeightedRoundRobin {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config = WeightedRoundRobinConfig::of(&update);
        if config != *self.config {
            self.config = Arc::new(config);
            self.is_config_new = true;
        }
        self.labels = labels_of_update(&update.attributes);
        let options = &mut self.options;
        let result = self
            .endpoints
            .handle_update(&update, &self.child_config, control, |seed| {
                options.seed = seed;
                PickFirst::new(options)
            });
        self.forget_removed(control);
        self.refresh_reports(control);
        result
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.endpoints.handle_resolver_error(&error, old, control);
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        if !self.endpoints.owns(id) {
            return;
        }
        if state == SubchannelState::Ready {
            self.connected.add(id);
        } else {
            self.connected.remove(id);
        }
        if let Some(reports) = &mut self.reports {
            reports.handle_subchannel(id, &state, control);
        }
        self.endpoints.handle_subchannel(id, state, control);
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        let clock = self.clock(control.now());
        let Some(reports) = self.reports.as_mut().filter(|own| own.owns(watch, id)) else {
            return self.endpoints.handle_watch(watch, id, event, control);
        };
        if let Some(report) = reports.handle_watch(watch, id, event, control)
            && let Some(weight) = self.config.weight(&report)
            && let Some(backend) = self.connected.get(id)
        {
            backend.record(weight, clock.nanos(control.now()));
        }
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.endpoints.handle_ejection(id, ejected, control);
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        if self.next_schedule.is_some_and(|due| due <= control.now()) {
            self.is_due = true;
            self.next_schedule = self.schedule_due(control);
        }
        if let Some(reports) = &mut self.reports {
            reports.handle_timeout(control);
        }
        self.endpoints.handle_timeout(control);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let reports = self.reports.as_ref();
        let reports = reports.and_then(OutOfBandReports::poll_timeout);
        let deadlines = [self.next_schedule, reports, self.endpoints.poll_timeout()];
        deadlines.into_iter().flatten().min()
    }

    /// Does nothing: no endpoint stays idle.
    fn exit_idle(&mut self, _: &mut Control<'_>) {}

    fn settle(&mut self, control: &mut Control<'_>) {
        let change = self.endpoints.settle(control);
        self.forget_removed(control);
        if let Some(reports) = &mut self.reports {
            reports.settle(control);
        }
        self.clock(control.now()).advance(control.now());
        let connected = &self.connected;
        self.ready
            .list
            .update(self.endpoints.settled(), |child, earlier| {
                let id = child.policy().selected()?;
                let weight = connected.get(id)?;
                let earlier = earlier.filter(|backend| backend.is(id, weight));
                Some(earlier.unwrap_or_else(|| ReadyBackend::new(id, weight)))
            });
        let is_due = std::mem::take(&mut self.is_due);
        let is_config_new = std::mem::take(&mut self.is_config_new);
        let change = change.or_else(|| is_config_new.then(|| self.endpoints.state()));
        if let Some(state) = change {
            self.publish(state, is_due || is_config_new, control);
        } else if is_due && let Some(picker) = self.make_schedule(control) {
            self.current = Some(Arc::clone(&picker));
            control.publish(ConnectivityState::Ready, picker);
        }
    }

    fn reset_backoff(&mut self) {
        self.endpoints.reset_backoff();
        if let Some(reports) = &mut self.reports {
            reports.reset_backoff();
        }
    }

    /// Describes the weight of each endpoint that has one now.
    fn inspect(&self, now: Instant) -> PolicyNode {
        let now = self.clock.as_ref().map(|clock| clock.nanos(now));
        self.endpoints
            .inspect("weighted_round_robin", |slot, child, node| {
                let node = child.policy().describe(node);
                let weight = self.ready.list.get(slot).zip(now).and_then(|(ready, now)| {
                    let state = ready.weight.state(now, &self.config);
                    state.ok()
                });
                match weight {
                    Some(weight) => node.with_fact("weight", weight),
                    None => node,
                }
            })
    }
}
