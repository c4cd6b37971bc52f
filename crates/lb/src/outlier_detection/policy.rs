//! How `outlier_detection_experimental` handles events.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_endpoint::BackendLabels;
use trunkline_status::Status;

use super::config::OutlierDetectionConfig;
use super::endpoints::Endpoints;
use super::picker::CountingPicker;
use super::sweep::Sweep;
use crate::child::Child;
use crate::connectivity::ConnectivityState;
use crate::control::{Control, Published};
use crate::ejection::Ejection;
use crate::graceful_switch::GracefulSwitch;
use crate::inspection::PolicyNode;
use crate::labels::{labelled_endpoint, labels_of_update};
use crate::picker::Picker;
use crate::policy::{OldList, Policy, Update};
use crate::registry::PolicyOptions;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

/// Ejects endpoints whose calls fail more often than those of others, and leaves the choice among the
/// rest to a child policy.
///
/// It counts how the calls of each endpoint end. At the end of each interval it ejects the outliers:
/// they get no calls for a while, and keep their connections. Each further ejection of an endpoint
/// lasts longer. An endpoint that is ejected already is not ejected again.
///
/// The set of its addresses, in any order, identifies an endpoint: with another address it is another
/// one, about which nothing is known. An ejection reaches each subchannel of the endpoint, also one
/// that is created later ([`Policy::handle_ejection`]). It has an effect where the child has a
/// [`PickFirst`](crate::PickFirst) for each endpoint, as round_robin does. A pick_first that is the
/// child itself ignores it: there is no other backend for its calls.
///
/// A call fails if its status is not `OK`. In difference to gRFC A50, a call that the client ended
/// itself counts neither way, because it shows nothing of its backend: the application dropped it, or
/// another attempt of a hedged call was faster. Neither does an attempt that was not sent. A call whose
/// deadline passed has failed.
///
/// The end of a call costs one atomic addition, in memory that threads do not share. With a
/// configuration that has no method the policy counts nothing, and its picker is the child's.
///
/// Source: [gRFC A50](https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md),
/// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md)
/// (endpoints with several addresses).
#[derive(Debug)]
pub struct OutlierDetection {
    child: Child<GracefulSwitch>,
    endpoints: Endpoints,
    /// The configuration in force; `None` before the first update.
    config: Option<Arc<OutlierDetectionConfig>>,
    /// When the current interval began; `None` while calls are not counted.
    interval_start: Option<Instant>,
    /// The labels of endpoints that have none of their own, for reports.
    labels: BackendLabels,
    /// Decides which part of the outliers is ejected.
    rng: Rng,
    /// What the child published last.
    published: Option<Published>,
    /// Whether what this policy published last is out of date.
    is_stale: bool,
}

impl OutlierDetection {
    /// Creates a policy that waits for its first list. Its child is one of
    /// [`PolicyOptions::policies`].
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        let mut child_options = options.clone();
        child_options.seed = rng.next_seed();
        Self {
            child: Child::new(GracefulSwitch::new(&child_options)),
            endpoints: Endpoints::default(),
            config: None,
            interval_start: None,
            labels: BackendLabels::default(),
            rng,
            published: None,
            is_stale: false,
        }
    }

    /// Returns the end of the current interval.
    fn interval_end(&self) -> Option<Instant> {
        let interval = self.config.as_ref()?.effective_interval();
        self.interval_start?.checked_add(interval)
    }

    /// Hands an event to the child, then the ejections that the child does not know yet.
    fn forward<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
    ) -> R {
        let result = self.run_child(control, event);
        self.forward_ejections(control);
        result
    }

    /// Hands the ejections to the child that it does not know yet.
    fn forward_ejections(&mut self, control: &mut Control<'_>) {
        for (id, ejected) in self.endpoints.take_changes() {
            self.run_child(control, |child, control| {
                child.handle_ejection(id, ejected, control);
            });
        }
    }

    /// Hands an event to the child, and records what it does.
    fn run_child<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
    ) -> R {
        let mark = control.mark();
        let (result, published) = self.child.handle(control, event);
        self.endpoints.record(control.requested_since(mark));
        if published.is_some() {
            self.published = published;
            self.is_stale = true;
        }
        result
    }

    /// Puts a configuration in force.
    fn configure(&mut self, config: Arc<OutlierDetectionConfig>, control: &mut Control<'_>) {
        let counted = self.interval_start.is_some();
        if !config.counts_calls() {
            self.interval_start = None;
            self.return_all(control);
        } else if !counted {
            // What was counted before, while there was a method, is out of date.
            for endpoint in self.endpoints.iter_mut() {
                endpoint.counter.take();
            }
            self.interval_start = Some(control.now());
        }
        self.is_stale |= counted != config.counts_calls();
        self.config = Some(config);
    }

    /// Ends all ejections, and forgets the earlier ones.
    fn return_all(&mut self, control: &mut Control<'_>) {
        for endpoint in self.endpoints.iter_mut() {
            endpoint.multiplier = 0;
            if endpoint.ejected_at.take().is_some() {
                let endpoint = labelled_endpoint(endpoint.endpoint.clone(), &self.labels);
                control.report_ejection(endpoint, Ejection::Returned);
            }
        }
        self.endpoints.suspect_all();
    }

    /// Ends an interval: decides which endpoints are ejected, and which return.
    fn sweep(&mut self, control: &mut Control<'_>) {
        let Some(config) = &self.config else {
            return;
        };
        let now = control.now();
        self.interval_start = Some(now);
        let endpoints = self.endpoints.iter_mut().collect();
        let decisions = Sweep::new(config, endpoints, &mut self.rng, now).run();
        if decisions.is_empty() {
            return;
        }
        for (endpoint, ejection) in decisions {
            control.report_ejection(labelled_endpoint(endpoint, &self.labels), ejection);
        }
        self.endpoints.suspect_all();
    }

    /// Creates the picker over the child's.
    fn picker(&self, child: Arc<dyn Picker>) -> Arc<dyn Picker> {
        if self.interval_start.is_some() {
            let table = Arc::clone(self.endpoints.table());
            Arc::new(CountingPicker::new(child, table))
        } else {
            child
        }
    }
}

impl Policy for OutlierDetection {
    fn handle_update(
        &mut self,
        mut update: Update,
        control: &mut Control<'_>,
    ) -> Result<(), Status> {
        let config: &dyn Any = &*update.config;
        let Some(config) = config.downcast_ref::<OutlierDetectionConfig>() else {
            return Err(Status::internal(
                "the configuration of outlier detection is of another policy",
            ));
        };
        let config = Arc::new(config.clone());
        self.labels = labels_of_update(&update.attributes);
        self.is_stale |= self.endpoints.replace(&update.endpoints);
        self.configure(Arc::clone(&config), control);
        update.config = config.child.clone();
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
        if self.child.owns(id) {
            self.forward(control, |child, control| {
                child.handle_watch(watch, id, event, control);
            });
        }
    }

    /// Handles an ejection by a policy above. It and this policy's own count both: the subchannel is
    /// used again when neither of them ejects it.
    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.endpoints.set_ejected_above(id, ejected);
        self.forward_ejections(control);
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        if self.interval_end().is_some_and(|end| end <= control.now()) {
            self.sweep(control);
        }
        self.forward(control, |child, control| child.handle_timeout(control));
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let child = self.child.policy().poll_timeout();
        child.into_iter().chain(self.interval_end()).min()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.exit_idle(control));
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        self.forward(control, |child, control| child.settle(control));
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        if let Some(Published { state, picker }) = self.published.clone() {
            control.publish(state, self.picker(picker));
        }
    }

    fn reset_backoff(&mut self) {
        self.child.policy_mut().reset_backoff();
    }

    /// Describes the endpoints that are ejected, and the child.
    fn inspect(&self, now: Instant) -> PolicyNode {
        let child = self.child.policy().inspect(now);
        let state = self.published.as_ref().map(|published| published.state);
        let state = state.unwrap_or(ConnectivityState::Connecting);
        let ejected = match &self.config {
            Some(config) => self.endpoints.inspect_ejected(config, now),
            None => Vec::new(),
        };
        let mut node = PolicyNode::new("outlier_detection_experimental", state)
            .with_fact("counts_calls", self.interval_start.is_some())
            .with_fact("ejected_endpoints", ejected.len());
        if let Some(end) = self.interval_end() {
            let left = end.saturating_duration_since(now);
            node = node.with_fact("interval_ends_in_secs", left);
        }
        node.with_endpoints(ejected).with_child(child)
    }
}
