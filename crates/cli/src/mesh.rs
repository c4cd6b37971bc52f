//! What a control plane gives for a target.

use std::sync::Arc;

use http::HeaderMap;
use trunkline::service_config::CallInfo;
use trunkline::xds::core::{LeafEndpoints, ResolvedCluster, XdsConfig, XdsConfigKey};
use trunkline::{Attributes, Endpoint, Resolution};

use crate::failure::Failure;

/// Returns the configuration of a target.
///
/// # Errors
///
/// When the bootstrap cannot be used, and when there is no configuration: the error of every call.
pub(crate) fn config(resolution: &Resolution) -> Result<Arc<XdsConfig>, Failure> {
    if let Err(error) = &resolution.endpoints {
        return Err(Failure::operation("bootstrap", error.to_string())
            .suggest(Some("give the bootstrap with --bootstrap FILE")));
    }
    if let Some(config) = resolution.attributes.get::<XdsConfigKey>() {
        return Ok(Arc::clone(config));
    }
    // Without a configuration, the selector has the error of every call.
    let (headers, attributes) = (HeaderMap::new(), Attributes::new());
    let call = CallInfo::new("/", &headers, &attributes);
    let error = resolution.config_selector.as_ref();
    let error = error.and_then(|selector| selector.select(&call).err());
    let message = error.map_or_else(
        || "the control plane gives no configuration".to_owned(),
        |status| status.message().to_owned(),
    );
    Err(Failure::operation("unavailable", message))
}

/// Returns the endpoints of all clusters, by the cluster's name, then by priority and locality.
///
/// # Errors
///
/// Those of [`config`].
pub(crate) fn endpoints(resolution: &Resolution) -> Result<Arc<[Endpoint]>, Failure> {
    let config = config(resolution)?;
    let mut all = Vec::new();
    for resolved in config.clusters.values().flatten() {
        let ResolvedCluster::Leaf { endpoints, .. } = &**resolved else {
            continue;
        };
        match endpoints {
            LeafEndpoints::Missing(_) => {}
            LeafEndpoints::LogicalDns(endpoint) => all.extend(endpoint.as_deref().cloned()),
            LeafEndpoints::Eds(endpoints) => {
                let localities = endpoints.priorities.iter().flatten();
                all.extend(localities.flat_map(|locality| locality.endpoints.iter().cloned()));
            }
        }
    }
    Ok(all.into())
}
