//! The connections of a channel.

use std::collections::BTreeMap;
use std::sync::Arc;

use trunkline_channel::{ConnectionId, ConnectionLostReason};
use trunkline_connector::SecurityLevel;
use trunkline_runtime::Lock;

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
    /// How each open connection is protected.
    open: Lock<BTreeMap<ConnectionId, SecurityLevel>>,
}

impl ConnectionMetrics {
    pub(crate) fn new(series: Arc<EventSeries>) -> Self {
        Self {
            series,
            open: Lock::default(),
        }
    }

    pub(crate) fn connected(&self, connection: ConnectionId, security: SecurityLevel) {
        self.series
            .get(&instruments::CONNECTION_ATTEMPTS_SUCCEEDED, &[])
            .record(1u64);
        self.open.lock().insert(connection, security);
        self.add_open(security, 1);
    }

    pub(crate) fn connect_failed(&self) {
        self.series
            .get(&instruments::CONNECTION_ATTEMPTS_FAILED, &[])
            .record(1u64);
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
        let Some(security) = self.open.lock().remove(&connection) else {
            return;
        };
        self.series
            .get(
                &instruments::DISCONNECTIONS,
                &[(LabelKey::DISCONNECT_ERROR, error)],
            )
            .record(1u64);
        self.add_open(security, -1);
    }

    fn add_open(&self, security: SecurityLevel, connections: i64) {
        let level = [(LabelKey::SECURITY_LEVEL, security_level(security))];
        self.series
            .get(&instruments::OPEN_CONNECTIONS, &level)
            .record(connections);
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
