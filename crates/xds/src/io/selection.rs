//! What a resolver returns for a configuration, and for an error in its place.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use trunkline_endpoint::Attributes;
use trunkline_resolver::Resolution;
use trunkline_service_config::{CallConfig, CallInfo, ConfigSelector};
use trunkline_status::Status;

use crate::core::{XdsConfig, XdsConfigKey};

/// Where the service config of a resolution comes from, for people.
const PLACE: &str = "the resources of the control plane";

/// Fails each call.
struct FailAll(Status);

impl ConfigSelector for FailAll {
    fn select<'a>(&'a self, _: &CallInfo<'_>) -> Result<CallConfig<'a>, Status> {
        Err(self.0.clone())
    }
}

impl fmt::Debug for FailAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FailAll").field(&self.0).finish()
    }
}

/// Returns a resolution with which all calls fail.
pub(super) fn failed(status: Status) -> Resolution {
    with_config(&service_config(&BTreeSet::new())).with_config_selector(Arc::new(FailAll(status)))
}

/// Returns the resolution of a configuration. `service_config` is that of its clusters.
pub(super) fn routed(
    config: &Arc<XdsConfig>,
    selector: Arc<dyn ConfigSelector>,
    service_config: &Arc<str>,
) -> Resolution {
    with_config(service_config)
        .with_attributes(Attributes::new().with::<XdsConfigKey>(Arc::clone(config)))
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
