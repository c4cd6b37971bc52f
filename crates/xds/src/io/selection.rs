//! What a resolver returns for a configuration, and for an error in its place.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use trunkline_endpoint::Attributes;
use trunkline_resolver::Resolution;
use trunkline_service_config::{CallConfig, CallInfo, ConfigSelector};
use trunkline_status::Status;

use crate::core::dependencies::RoutingFailure;
use crate::core::{XdsConfig, XdsConfigKey};
use crate::policies::{LoadStores, LoadStoresKey};

/// Where the service config of a resolution comes from, for people.
const PLACE: &str = "the resources of the control plane";

/// Fails each call, or lets it wait if it is wait-for-ready and the failure is for now.
struct FailAll {
    status: Status,
    is_transient: bool,
}

impl ConfigSelector for FailAll {
    fn select<'a>(&'a self, _: &CallInfo<'_>) -> Result<CallConfig<'a>, Status> {
        Err(self.status.clone())
    }

    fn fails_for_now(&self) -> bool {
        self.is_transient
    }
}

impl fmt::Debug for FailAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailAll")
            .field("status", &self.status)
            .field("is_transient", &self.is_transient)
            .finish()
    }
}

/// Returns a resolution with which all calls fail.
pub(super) fn failed(failure: &RoutingFailure) -> Resolution {
    let selector = FailAll {
        status: Status::unavailable(failure.text.to_string()),
        is_transient: failure.is_transient,
    };
    with_config(&service_config(&BTreeSet::new())).with_config_selector(Arc::new(selector))
}

/// Returns the resolution of a configuration. `service_config` is that of its clusters, and their calls are
/// counted in `loads`.
pub(super) fn routed(
    config: &Arc<XdsConfig>,
    selector: Arc<dyn ConfigSelector>,
    service_config: &Arc<str>,
    loads: &LoadStores,
) -> Resolution {
    let attributes = Attributes::new()
        .with::<XdsConfigKey>(Arc::clone(config))
        .with::<LoadStoresKey>(loads.clone());
    with_config(service_config)
        .with_attributes(attributes)
        .with_config_selector(selector)
}

fn with_config(service_config: &Arc<str>) -> Resolution {
    Resolution::new([])
        .with_service_config(Arc::clone(service_config))
        .with_service_config_place(PLACE)
}

/// Returns the service config with a policy for each of these clusters.
///
/// Source: [gRFC A31](https://github.com/grpc/proposal/blob/master/A31-xds-timeout-support-and-config-selector.md).
pub(super) fn service_config(clusters: &BTreeSet<Arc<str>>) -> Arc<str> {
    let child = |name: &Arc<str>| {
        let cds = json!({ "cds_experimental": { "cluster": &**name } });
        (format!("cluster:{name}"), json!({ "childPolicy": [cds] }))
    };
    let children: Map<String, Value> = clusters.iter().map(child).collect();
    let policy = json!({ "xds_cluster_manager_experimental": { "children": children } });
    json!({ "loadBalancingConfig": [policy] })
        .to_string()
        .into()
}
