//! Reads and validates a cluster.

mod kind;
mod labels;
mod limits;
mod outliers;
mod policy;

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;
use trunkline_service_config::PolicyParsers;
use trunkline_xds_proto::envoy::config::cluster::v3::Cluster as Message;
use trunkline_xds_proto::envoy::config::core::v3::config_source::ConfigSourceSpecifier;

use crate::core::resources::cluster::{Cluster, LoadReporting};
use crate::core::resources::fault::{Faults, Place};

use super::security::{Providers, transport_socket};
use crate::core::bootstrap::CertificateProvider;
use crate::core::server::ServerConfig;

/// The most bytes of a cluster. In memory it takes many times as much.
const MOST_BYTES: usize = 1 << 20;

impl Cluster {
    /// Reads a message `Cluster`.
    ///
    /// `server` sent it. `policies` are the load-balancing policies that it can name, `providers` the
    /// certificate providers of the bootstrap.
    ///
    /// # Errors
    ///
    /// All faults of the message, with their places. One of more than 1 MiB is refused.
    ///
    /// Source: [gRFC A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md),
    /// [A37](https://github.com/grpc/proposal/blob/master/A37-xds-aggregate-and-logical-dns-clusters.md).
    pub fn decode(
        bytes: &[u8],
        server: &Arc<ServerConfig>,
        policies: &dyn PolicyParsers,
        providers: &BTreeMap<Arc<str>, CertificateProvider>,
    ) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let message = if bytes.len() > MOST_BYTES {
            Err(format!("{} bytes, the most is {MOST_BYTES}", bytes.len()))
        } else {
            Message::decode(bytes).map_err(|error| error.to_string())
        };
        let message = match message {
            Ok(message) => message,
            Err(text) => {
                faults.add(&Place::Root, text);
                return Err(faults);
            }
        };

        let kind = kind::decode(&message, &mut faults);
        let lb_policy = policy::decode(&message, policies, &mut faults);
        let limits = message.circuit_breakers.as_ref();
        let max_connections_per_host = limits::max_connections_per_host(limits, &mut faults);
        let outliers = message.outlier_detection.as_ref();
        let outlier_detection =
            outliers.and_then(|message| outliers::decode(message, lb_policy.as_ref(), &mut faults));
        if !message.transport_socket_matches.is_empty() {
            let place = Place::Root.field("transport_socket_matches");
            faults.add(&place, "unsupported");
        }
        let load_reporting = read_load_reporting(&message, server, &mut faults);
        let metadata = message.metadata.as_ref();
        let place = Place::Root.field("transport_socket");
        let transport_socket = match &message.transport_socket {
            Some(socket) => transport_socket(socket, Providers(providers), &place, &mut faults),
            None => None,
        };
        let transport_socket = transport_socket.unwrap_or_default();
        let (Some(kind), Some(lb_policy)) = (kind, lb_policy) else {
            return Err(faults);
        };
        faults.or(Self {
            kind,
            lb_policy,
            max_requests: limits::max_requests(limits),
            max_connections_per_host,
            outlier_detection,
            load_reporting,
            tls: transport_socket.tls,
            http11_proxy: transport_socket.http11_proxy,
            service_name_label: labels::label(metadata, "service_name"),
            service_namespace_label: labels::label(metadata, "service_namespace"),
            name: message.name.into(),
        })
    }
}

/// Reads where the load of the cluster is reported: only to the server that sent it.
fn read_load_reporting(
    message: &Message,
    sender: &Arc<ServerConfig>,
    faults: &mut Faults,
) -> Option<LoadReporting> {
    let server = message.lrs_server.as_ref()?;
    let Some(ConfigSourceSpecifier::Self_(_)) = server.config_source_specifier else {
        faults.add(&Place::Root.field("lrs_server"), "must be self");
        return None;
    };
    let metrics = message.lrs_report_endpoint_metrics.iter();
    Some(LoadReporting {
        server: Arc::clone(sender),
        endpoint_metrics: metrics.map(|name| name.as_str().into()).collect(),
    })
}
