//! Values that several tests need.

use std::sync::Arc;

use trunkline_service_config::PolicyChoice;
use trunkline_xds::core::resources::{Cluster, ClusterKind, LoadReporting};

use crate::decoding::server;

/// Returns what a cluster has whose message sets nothing else.
pub(crate) fn cluster(name: &str, kind: ClusterKind, lb_policy: PolicyChoice) -> Cluster {
    Cluster {
        name: name.into(),
        kind,
        lb_policy,
        max_requests: 1024,
        max_connections_per_host: None,
        outlier_detection: None,
        load_reporting: None,
        tls: None,
        http11_proxy: false,
        service_name_label: "unknown".into(),
        service_namespace_label: "unknown".into(),
    }
}

/// Returns reports to the server of the tests.
pub(crate) fn load_reporting() -> LoadReporting {
    LoadReporting::new(Arc::new(server()))
}
