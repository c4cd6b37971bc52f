//! The metrics of what happens to a channel outside of its calls.

use std::sync::Arc;

use trunkline_channel::{ChannelEvent, ConnectFailure};
use trunkline_connector::ConnectionInfo;
use trunkline_lb::{ConnectivityState, Ejection};
use trunkline_resolver::{LookupOutcome, ResolveErrorKind, ResolverEvent};
use trunkline_runtime::Lock;

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
                connection, info, ..
            } => {
                self.handshake_succeeded(info);
                self.connections.connected(*connection, info.security);
            }
            ChannelEvent::ConnectFailed { failure, .. } => {
                self.handshake_failed(failure);
                self.connections.connect_failed();
            }
            ChannelEvent::Lost {
                connection, why, ..
            } => self.connections.lost(*connection, why.reason()),
            ChannelEvent::SubchannelRemoved { connections, .. } => {
                self.connections.removed(connections);
            }
            ChannelEvent::Ejection { ejection, .. } => self.ejection(ejection),
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

    fn handshake_succeeded(&self, info: &ConnectionInfo) {
        if let Some(tls) = &info.tls {
            self.handshake(SUCCESS, resumption(tls.resumed));
        }
    }

    fn handshake_failed(&self, failure: &ConnectFailure) {
        if let Some(result) = failed_handshake(failure) {
            self.handshake(result, resumption(false));
        }
    }

    fn handshake(&self, result: &str, resumed: &str) {
        let labels = [
            (LabelKey::TLS_RESULT, result),
            (LabelKey::TLS_RESUMED, resumed),
        ];
        let handshakes = self.series.get(&instruments::TLS_HANDSHAKES, &labels);
        handshakes.record(1u64);
    }

    fn ejection(&self, ejection: &Ejection) {
        let ejections = match ejection {
            Ejection::Ejected { method, .. } => {
                let labels = [(LabelKey::DETECTION_METHOD, &*method.to_string())];
                self.series.get(&instruments::EJECTIONS_ENFORCED, &labels)
            }
            Ejection::NotEjected { method, reason } => {
                let labels = [
                    (LabelKey::DETECTION_METHOD, &*method.to_string()),
                    (LabelKey::UNENFORCED_REASON, &*reason.to_string()),
                ];
                self.series.get(&instruments::EJECTIONS_UNENFORCED, &labels)
            }
            _ => return,
        };
        ejections.record(1u64);
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
