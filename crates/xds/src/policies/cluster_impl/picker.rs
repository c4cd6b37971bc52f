//! The picker of `xds_cluster_impl_experimental`.

use std::sync::Arc;

use trunkline_lb::{
    AttemptOutcome, AttemptTracker, Pick, PickRequest, PickRng, Picker, SubchannelId,
};
use trunkline_status::{Code, Status};

use super::backends::{BackendTable, PickedBackend};
use super::drops::Drops;
use crate::core::AutoHostRewrite;
use crate::policies::counters::InFlight;
use crate::policies::load_store::{ClusterLoad, ReportedMetrics};

/// What the pickers of one configuration have in common.
#[derive(Debug)]
pub(super) struct CallRules {
    pub(super) cluster: Arc<str>,
    pub(super) drops: Drops,
    /// The most calls in flight.
    pub(super) limit: u32,
    /// The error of calls over the limit.
    pub(super) over_limit: Status,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) load: Arc<ClusterLoad>,
    pub(super) metrics: ReportedMetrics,
    pub(super) rng: Arc<PickRng>,
}

/// Drops and limits calls, counts them, and leaves the choice to the child's picker.
#[derive(Debug)]
pub(super) struct LimitedPicker {
    pub(super) child: Arc<dyn Picker>,
    /// Whether the child is ready: only then a call is drawn for drops, once for the call.
    pub(super) is_ready: bool,
    pub(super) rules: Arc<CallRules>,
    /// What is known of each subchannel; `None` if nothing of any.
    pub(super) backends: Option<Arc<BackendTable>>,
}

impl LimitedPicker {
    /// Returns what is known of a subchannel.
    fn backend(&self, id: SubchannelId) -> Option<&PickedBackend> {
        self.backends.as_ref()?.get(id)
    }

    /// Drops a call over the limit.
    fn drop_over_limit(&self) -> Pick {
        self.rules.load.add_dropped_by_limit();
        Pick::Drop(self.rules.over_limit.clone())
    }
}

impl Picker for LimitedPicker {
    /// Names the cluster also where no backend is chosen: a failed call has its label (gRFC A89).
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        let rules = &*self.rules;
        if self.is_ready
            && let Some(error) = rules.drops.draw(&rules.rng)
        {
            request.set_backend_service(&rules.cluster);
            return Pick::Drop(error);
        }
        // The place is taken before the choice: so the limit is exact.
        if !rules.in_flight.start(rules.limit) {
            request.set_backend_service(&rules.cluster);
            return self.drop_over_limit();
        }
        let pick = self.child.pick(request);
        match &pick {
            Pick::Subchannel(id) | Pick::SubchannelAndExitIdle(id) => {
                if let Some(backend) = self.backend(*id) {
                    if let Some(load) = &backend.load {
                        load.start();
                    }
                    if let Some(authority) = &backend.authority
                        && request.attributes.get::<AutoHostRewrite>().is_some()
                    {
                        request.set_authority(authority);
                    }
                }
            }
            Pick::Queue | Pick::ExitIdle | Pick::Fail(_) | Pick::Drop(_) => {
                request.set_backend_service(&rules.cluster);
                rules.in_flight.end();
            }
        }
        pick
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        Some(self)
    }
}

impl AttemptTracker for LimitedPicker {
    fn attempt_ended(&self, id: SubchannelId, outcome: &AttemptOutcome<'_>) {
        self.rules.in_flight.end();
        if let Some(load) = self.backend(id).and_then(|backend| backend.load.as_ref()) {
            load.end(outcome.status.code() == Code::Ok);
            let metrics = &self.rules.metrics;
            if !metrics.is_empty()
                && let Some(report) = outcome.load_report()
            {
                load.add_report(report, metrics);
            }
        }
        if let Some(tracker) = self.child.tracker() {
            tracker.attempt_ended(id, outcome);
        }
    }
}
