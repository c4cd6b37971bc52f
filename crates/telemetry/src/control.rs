//! The metrics of what happens to a channel outside of its calls.

use std::sync::Arc;
use std::time::Duration;

use trunkline_channel::{ChannelEvent, ConnectFailure};
use trunkline_connector::ConnectionInfo;
use trunkline_endpoint::{Address, BackendLabels, Endpoint};
use trunkline_lb::{ConnectivityState, Ejection, WeightsUpdate};
use trunkline_resolver::{LookupOutcome, ResolveErrorKind, ResolverEvent};
use trunkline_runtime::Lock;

use crate::backend_labels;
use crate::connections::ConnectionMetrics;
use crate::event_series::EventSeries;
use crate::handshakes::{SUCCESS, failed_handshake, resumption};
use crate::instruments;
use crate::label::LabelKey;

/// Records the events of a channel.
#[derive(Debug)]
pub(crate) struct ControlMetrics {
    series: Arc<EventSeries>,
    connections: ConnectionMetrics,
    /// The state that the channel is counted in; `None` once it is closed.
    state: Lock<Option<ConnectivityState>>,
}

impl ControlMetrics {
    pub(crate) fn new(series: Arc<EventSeries>) -> Self {
        let metrics = Self {
            connections: ConnectionMetrics::new(Arc::clone(&series)),
            series,
            state: Lock::default(),
        };
        metrics.set_state(Some(ConnectivityState::Idle));
        metrics
    }

    pub(crate) fn observe(&self, event: &ChannelEvent) {
        match event {
            ChannelEvent::State(state) => self.set_state(Some(*state)),
            ChannelEvent::Connected {
                connection,
                address,
                info,
                ..
            } => {
                self.handshake_succeeded(address, info);
                let security = info.security;
                self.connections.connected(*connection, address, security);
            }
            ChannelEvent::ConnectFailed { failure, .. } => {
                self.handshake_failed(failure);
                self.connections.connect_failed(failure.address());
            }
            ChannelEvent::Lost {
                connection, why, ..
            } => self.connections.lost(*connection, why.reason()),
            ChannelEvent::SubchannelRemoved { connections, .. } => {
                self.connections.removed(connections);
            }
            ChannelEvent::Ejection { endpoint, ejection } => self.ejection(endpoint, ejection),
            ChannelEvent::Weights(update) => self.weights(update),
            ChannelEvent::Resolver(event) => self.resolver(event),
            _ => {}
        }
    }

    /// Counts the channel in another state. A closed channel is in none.
    fn set_state(&self, new: Option<ConnectivityState>) {
        let new = new.filter(|state| *state != ConnectivityState::Shutdown);
        let old = std::mem::replace(&mut *self.state.lock(), new);
        let add = |state: Option<ConnectivityState>, channels: i64| {
            if let Some(state) = state {
                let labels = [(LabelKey::STATE, &*state.to_string())];
                let counted = self.series.get(&instruments::CHANNELS, &labels);
                counted.record(channels);
            }
        };
        add(old, -1);
        add(new, 1);
    }

    fn handshake_succeeded(&self, address: &Address, info: &ConnectionInfo) {
        if let Some(tls) = &info.tls {
            let resumed = resumption(tls.resumed);
            self.handshake(address, SUCCESS, resumed, info.tls_handshake);
        }
    }

    fn handshake_failed(&self, failure: &ConnectFailure) {
        // TLS succeeded, and HTTP/2 did not.
        let (address, took) = (failure.address(), failure.tls_handshake());
        if let Some(resumed) = failure.resumed_tls() {
            self.handshake(address, SUCCESS, resumption(resumed), took);
        }
        if let Some(result) = failed_handshake(failure) {
            self.handshake(address, result, resumption(false), took);
        }
    }

    /// Records a TLS handshake, and the time that it took, if that is known.
    fn handshake(&self, address: &Address, result: &str, resumed: &str, took: Option<Duration>) {
        let labels = BackendLabels::of(address.attributes());
        let [locality, service] = backend_labels::values(&labels);
        let result = (LabelKey::TLS_RESULT, result);
        let resumed = (LabelKey::TLS_RESUMED, resumed);
        let values = [result, resumed, locality, service];
        let handshakes = self.series.get(&instruments::TLS_HANDSHAKES, &values);
        handshakes.record(1u64);
        if let Some(took) = took {
            let duration = &instruments::TLS_HANDSHAKE_DURATION;
            let duration = self.series.get(duration, &values);
            duration.record(took.as_secs_f64());
        }
    }

    fn ejection(&self, endpoint: &Endpoint, ejection: &Ejection) {
        let labels = BackendLabels::of(endpoint.attributes());
        let [_, service] = backend_labels::values(&labels);
        let ejections = match ejection {
            Ejection::Ejected { method, .. } => {
                let values = [(LabelKey::DETECTION_METHOD, &*method.to_string()), service];
                self.series.get(&instruments::EJECTIONS_ENFORCED, &values)
            }
            Ejection::NotEjected { method, reason } => {
                let values = [
                    (LabelKey::DETECTION_METHOD, &*method.to_string()),
                    (LabelKey::UNENFORCED_REASON, &*reason.to_string()),
                    service,
                ];
                self.series.get(&instruments::EJECTIONS_UNENFORCED, &values)
            }
            _ => return,
        };
        ejections.record(1u64);
    }

    fn weights(&self, update: &WeightsUpdate) {
        let values = backend_labels::values(&update.labels);
        let count = |instrument, number: usize| {
            if number > 0 {
                self.series.get(instrument, &values).record(number as u64);
            }
        };
        count(&instruments::RR_FALLBACK, usize::from(update.is_fallback));
        let not_yet_usable = &instruments::ENDPOINT_WEIGHT_NOT_YET_USABLE;
        count(not_yet_usable, update.not_yet_usable);
        count(&instruments::ENDPOINT_WEIGHT_STALE, update.stale);
        let weights = self.series.get(&instruments::ENDPOINT_WEIGHTS, &values);
        for weight in &*update.weights {
            weights.record(*weight);
        }
    }

    fn resolver(&self, event: &ResolverEvent) {
        let ResolverEvent::LookupEnded {
            elapsed, outcome, ..
        } = event
        else {
            return;
        };
        let labels = [(LabelKey::LOOKUP_OUTCOME, outcome_text(*outcome))];
        let lookups = self.series.get(&instruments::LOOKUPS, &labels);
        lookups.record(1u64);
        let duration = self.series.get(&instruments::LOOKUP_DURATION, &labels);
        duration.record(elapsed.as_secs_f64());
    }
}

/// The channel has ended.
impl Drop for ControlMetrics {
    fn drop(&mut self) {
        self.set_state(None);
    }
}

/// Returns the value of `trunkline.resolver.outcome`.
fn outcome_text(outcome: LookupOutcome) -> &'static str {
    match outcome {
        LookupOutcome::Complete => "complete",
        LookupOutcome::Partial => "partial",
        LookupOutcome::Cancelled => "cancelled",
        LookupOutcome::Failed(ResolveErrorKind::NotFound) => "not_found",
        LookupOutcome::Failed(ResolveErrorKind::NoData) => "no_data",
        LookupOutcome::Failed(ResolveErrorKind::Unavailable) => "unavailable",
        LookupOutcome::Failed(ResolveErrorKind::Deadline) => "deadline",
        LookupOutcome::Failed(ResolveErrorKind::InvalidName) => "invalid_name",
        _ => "failed",
    }
}
