//! What a control plane gives for a target.

use std::sync::Arc;

use http::HeaderMap;
use trunkline::endpoint::AttributeKey;
use trunkline::service_config::CallInfo;
use trunkline::xds::core::{LeafEndpoints, ResolvedCluster, XdsConfig, XdsConfigKey};
use trunkline::{Attributes, Endpoint, Resolution, Weight};

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

/// The share of an endpoint in its priority, if it is ready with all others, as `resolve` prints it. The policies that use
/// the weights of endpoints share calls by it.
enum Share {}

impl AttributeKey for Share {
    type Value = f64;
    const NAME: &'static str = "weight";
    const IDENTIFIES_CONNECTION: bool = false;
}

/// Returns an endpoint with its weight as a fraction: the control plane's weights become fractions of 2^31 (gRFC A113).
fn with_share(endpoint: &Endpoint) -> Endpoint {
    let attributes = endpoint.attributes();
    let Some(weight) = attributes.get::<Weight>() else {
        return endpoint.clone();
    };
    let share = f64::from(*weight) / f64::from(1_u32 << 31);
    let share = (share * 1e3).round() / 1e3;
    let attributes = attributes.without::<Weight>().with::<Share>(share);
    endpoint.clone().with_attributes(attributes)
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
                all.extend(
                    localities.flat_map(|locality| locality.endpoints.iter().map(with_share)),
                );
            }
        }
    }
    Ok(all.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A weight is printed as a fraction of its priority, not in the fixed point of policies.
    #[test]
    fn weights_are_fractions() {
        let address: std::net::SocketAddr = "192.0.2.1:443".parse().expect("an address");
        let third = Attributes::new().with::<Weight>((1 << 31) / 3);
        let endpoint = Endpoint::new([address]).with_attributes(third);
        let printed = with_share(&endpoint).attributes().to_strings();
        assert_eq!(printed, [("weight", "0.333".to_owned())]);
    }
}
