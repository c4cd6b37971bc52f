//! The connections of a channel.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_channel::{ConnectionId, ConnectionLostReason};
use trunkline_connector::SecurityLevel;
use trunkline_endpoint::{Address, BackendLabels};
use trunkline_runtime::Lock;

use crate::backend_labels;
use crate::disconnects::{SUBCHANNEL_SHUTDOWN, disconnect_error};
use crate::event_series::EventSeries;
use crate::instruments;
use crate::label::LabelKey;

/// Counts the connections of a channel.
///
/// Source: [gRFC A94](https://github.com/grpc/proposal/blob/master/A94-subchannel-otel-metrics.md).
#[derive(Debug)]
pub(crate) struct ConnectionMetrics {
    series: Arc<EventSeries>,
    open: Lock<BTreeMap<ConnectionId, OpenConnection>>,
}

/// A connection that is counted as open.
#[derive(Debug)]
struct OpenConnection {
    security: SecurityLevel,
    labels: BackendLabels,
}

impl ConnectionMetrics {
    pub(crate) fn new(series: Arc<EventSeries>) -> Self {
        Self {
            series,
            open: Lock::default(),
        }
    }

    pub(crate) fn connected(
        &self,
        connection: ConnectionId,
        address: &Address,
        security: SecurityLevel,
    ) {
        let labels = BackendLabels::of(address.attributes());
        let succeeded = &instruments::CONNECTION_ATTEMPTS_SUCCEEDED;
        let attempts = self.series.get(succeeded, &backend_labels::values(&labels));
        attempts.record(1u64);
        let open = OpenConnection { security, labels };
        self.add_open(&open, 1);
        self.open.lock().insert(connection, open);
    }

    pub(crate) fn connect_failed(&self, address: &Address) {
        let labels = BackendLabels::of(address.attributes());
        let failed = &instruments::CONNECTION_ATTEMPTS_FAILED;
        let attempts = self.series.get(failed, &backend_labels::values(&labels));
        attempts.record(1u64);
    }

    pub(crate) fn lost(&self, connection: ConnectionId, reason: ConnectionLostReason) {
        self.disconnected(connection, disconnect_error(reason));
    }

    /// Handles the removal of the subchannel of these connections.
    pub(crate) fn removed(&self, connections: &[ConnectionId]) {
        for connection in connections {
            self.disconnected(*connection, SUBCHANNEL_SHUTDOWN);
        }
    }

    /// Counts the end of a connection, once.
    fn disconnected(&self, connection: ConnectionId, error: &str) {
        let Some(ended) = self.open.lock().remove(&connection) else {
            return;
        };
        let [locality, service] = backend_labels::values(&ended.labels);
        let values = [locality, service, (LabelKey::DISCONNECT_ERROR, error)];
        let disconnections = self.series.get(&instruments::DISCONNECTIONS, &values);
        disconnections.record(1u64);
        self.add_open(&ended, -1);
    }

    fn add_open(&self, connection: &OpenConnection, connections: i64) {
        let level = security_level(connection.security);
        let [locality, service] = backend_labels::values(&connection.labels);
        let values = [locality, service, (LabelKey::SECURITY_LEVEL, level)];
        let open = self.series.get(&instruments::OPEN_CONNECTIONS, &values);
        open.record(connections);
    }
}

/// The channel has ended: so have the connections whose end was not reported.
impl Drop for ConnectionMetrics {
    fn drop(&mut self) {
        let open: Vec<ConnectionId> = self.open.lock().keys().copied().collect();
        self.removed(&open);
    }
}

/// Returns the value of `grpc.security_level`.
fn security_level(security: SecurityLevel) -> &'static str {
    match security {
        SecurityLevel::None => "none",
        SecurityLevel::IntegrityOnly => "integrity_only",
        SecurityLevel::PrivacyAndIntegrity => "privacy_and_integrity",
    }
}
