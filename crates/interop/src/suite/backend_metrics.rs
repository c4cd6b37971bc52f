//! The policy `test_backend_metrics_load_balancer`, which the cases on load reports need. It sends all calls
//! to one backend, and hands the load reports on to the case.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use trunkline::lb::{
    AttemptOutcome, AttemptTracker, Child, Control, LoadReport, OldList, OutOfBandReports, Pick,
    PickFirst, PickRequest, Picker, Policy, PolicyFactory, PolicyNode, PolicyOptions, Published,
    SubchannelId, SubchannelState, Update, WatchEvent, WatchId,
};
use trunkline::serde_json::Value;
use trunkline::service_config::{ConfigError, PolicyConfig, PolicyParsers};
use trunkline::{ChannelBuilder, Status};

const NAME: &str = "test_backend_metrics_load_balancer";

/// How often backends are asked to report out of band.
const INTERVAL: Duration = Duration::from_secs(1);

/// The load reports of one channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Reports(Arc<Mutex<Newest>>);

#[derive(Debug, Default)]
struct Newest {
    /// The report that belongs to the call that ended last.
    of_call: Option<LoadReport>,
    /// The newest out-of-band report of each backend.
    out_of_band: BTreeMap<SubchannelId, LoadReport>,
}

impl Reports {
    /// Makes a channel use the policy, and report here.
    pub(super) fn of(&self, builder: ChannelBuilder) -> ChannelBuilder {
        builder
            .policy(Factory(self.clone()))
            .default_service_config(format!(r#"{{"loadBalancingConfig":[{{"{NAME}":{{}}}}]}}"#))
    }

    /// Returns the report that belongs to the call that ended last: its own, or else the newest one that
    /// came out of band.
    pub(super) fn of_last_call(&self) -> Option<LoadReport> {
        self.newest().of_call.clone()
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates the policies of one channel.
#[derive(Debug)]
struct Factory(Reports);

impl PolicyFactory for Factory {
    fn name(&self) -> &str {
        NAME
    }

    fn parse_config(
        &self,
        _: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        Ok(Arc::new(()))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(BackendMetrics {
            child: Child::new(PickFirst::new(options)),
            out_of_band: OutOfBandReports::new(INTERVAL, options.seed),
            reports: self.0.clone(),
        })
    }
}

#[derive(Debug)]
struct BackendMetrics {
    child: Child<PickFirst>,
    out_of_band: OutOfBandReports,
    reports: Reports,
}

impl BackendMetrics {
    /// Hands an event to the child, and publishes what the child publishes.
    fn forward<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut PickFirst, &mut Control<'_>) -> R,
    ) -> R {
        let (result, published) = self.child.handle(control, event);
        if let Some(Published { state, picker }) = published {
            let reports = self.reports.clone();
            control.publish(state, Arc::new(Tracked { picker, reports }));
        }
        result
    }
}

impl Policy for BackendMetrics {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        self.forward(control, |child, control| {
            child.handle_update(update, control)
        })
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.forward(control, |child, control| {
            child.handle_resolver_error(error, old, control);
        });
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        if self.child.owns(id) {
            self.out_of_band.handle_subchannel(id, &state, control);
            self.forward(control, |child, control| {
                child.handle_subchannel(id, state, control);
            });
        }
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        if !self.out_of_band.owns(watch, id) {
            self.forward(control, |child, control| {
                child.handle_watch(watch, id, event, control);
            });
        } else if let Some(report) = self.out_of_band.handle_watch(watch, id, event, control) {
            self.reports.newest().out_of_band.insert(id, report);
        }
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.forward(control, |child, control| {
            child.handle_ejection(id, ejected, control);
        });
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.out_of_band.handle_timeout(control);
        self.forward(control, |child, control| child.handle_timeout(control));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let child = self.child.policy().poll_timeout();
        let both = child.into_iter().chain(self.out_of_band.poll_timeout());
        both.min()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.exit_idle(control));
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.settle(control));
        self.out_of_band.settle(control);
    }

    fn reset_backoff(&mut self) {
        self.child.policy_mut().reset_backoff();
        self.out_of_band.reset_backoff();
    }

    fn inspect(&self, now: Instant) -> PolicyNode {
        let child = self.child.policy().inspect(now);
        PolicyNode::new(NAME, child.state).with_child(child)
    }
}

/// The picker of the child, and what is to be done at the end of its calls.
#[derive(Debug)]
struct Tracked {
    picker: Arc<dyn Picker>,
    reports: Reports,
}

impl Picker for Tracked {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        self.picker.pick(request)
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        Some(self)
    }
}

impl AttemptTracker for Tracked {
    fn attempt_ended(&self, id: SubchannelId, outcome: &AttemptOutcome<'_>) {
        // A server may send an empty report.
        let own = outcome.load_report();
        let own = own.filter(|report| **report != LoadReport::default());
        let mut newest = self.reports.newest();
        let of_call = own.or_else(|| newest.out_of_band.get(&id)).cloned();
        newest.of_call = of_call;
    }
}
