//! Clusters.

use std::num::NonZeroU32;
use std::sync::Arc;

use trunkline_lb::OutlierDetectionConfig;
use trunkline_service_config::PolicyChoice;

use super::security::UpstreamTls;
use crate::core::server::ServerConfig;

/// A cluster: a set of backends, and how calls are shared among them.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: Arc<str>,
    /// Where its backends are.
    pub kind: ClusterKind,
    /// The policy below the priorities: among localities, or among endpoints.
    pub lb_policy: PolicyChoice,
    /// The most calls in flight.
    pub max_requests: u32,
    /// The most connections to an address (gRFC A105); `None` for the channel's own number.
    pub max_connections_per_host: Option<NonZeroU32>,
    /// The detection of outliers; `None` for none. Its child is [`lb_policy`](Self::lb_policy).
    pub outlier_detection: Option<OutlierDetectionConfig>,
    /// Load reports to the server that sent the cluster; `None` for none.
    pub load_reporting: Option<LoadReporting>,
    /// Transport security; `None` for that of the channel.
    pub tls: Option<UpstreamTls>,
    /// Whether connections go through the HTTP proxy of the endpoint's metadata (gRFC A86).
    pub http11_proxy: bool,
    /// The label `csm.service_name` of metrics: `unknown` where the cluster has none.
    pub service_name_label: Arc<str>,
    /// The label `csm.service_namespace_name` of metrics: `unknown` where the cluster has none.
    pub service_namespace_label: Arc<str>,
}

/// Where the backends of a cluster are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterKind {
    /// In the endpoints with this name.
    Eds {
        /// The name.
        service_name: Arc<str>,
    },
    /// At all addresses of this host name, as one endpoint.
    LogicalDns {
        /// The host name.
        host: Arc<str>,
        /// The port.
        port: u16,
    },
    /// In other clusters, in order of priority.
    Aggregate {
        /// Their names.
        clusters: Arc<[Arc<str>]>,
    },
}

impl ClusterKind {
    /// Returns the host name of a cluster with one, with its port: `db.local:443`.
    ///
    /// Source: [gRFC A81](https://github.com/grpc/proposal/blob/master/A81-xds-authority-rewriting.md).
    #[must_use]
    pub fn host_name(&self) -> Option<Arc<str>> {
        match self {
            Self::LogicalDns { host, port } => Some(format!("{host}:{port}").into()),
            Self::Eds { .. } | Self::Aggregate { .. } => None,
        }
    }
}

/// Where the calls of a cluster are reported, and what of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadReporting {
    /// The server that sent the cluster: two servers that send the same bytes each get their own reports.
    pub server: Arc<ServerConfig>,
    /// The fields of backends' load reports that are added up, as the cluster names them (gRFC A85).
    pub endpoint_metrics: Vec<Box<str>>,
}

impl LoadReporting {
    /// Returns reports to this server, without fields of backends' load reports.
    #[must_use]
    pub fn new(server: Arc<ServerConfig>) -> Self {
        Self {
            server,
            endpoint_metrics: Vec::new(),
        }
    }
}
