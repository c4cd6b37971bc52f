//! Where policies get the labels of metrics from.

use std::sync::Arc;

use trunkline_endpoint::{Address, AttributeKey, Attributes, BackendLabels, Endpoint};

/// The attribute key of the name of a child of `weighted_target`: set on the updates of that child.
/// For children of xDS it is the name of the locality, so policies below take it for the
/// [`Locality`](trunkline_endpoint::Locality) of their endpoints.
///
/// Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md).
#[derive(Debug)]
pub enum WeightedTargetName {}

impl AttributeKey for WeightedTargetName {
    type Value = Arc<str>;
    const NAME: &'static str = "weighted target name";
    const IDENTIFIES_CONNECTION: bool = false;
}

/// Returns the labels of a policy that got these attributes with its update.
pub(crate) fn labels_of_update(attributes: &Attributes) -> BackendLabels {
    let mut labels = BackendLabels::of(attributes);
    if let Some(name) = attributes.get::<WeightedTargetName>() {
        labels.locality = Some(Arc::clone(name));
    }
    labels
}

/// Returns an endpoint with the labels for metrics that are known of it: its own, else those of the policy.
pub(crate) fn labelled_endpoint(endpoint: Endpoint, of_policy: &BackendLabels) -> Endpoint {
    if of_policy.is_empty() {
        return endpoint;
    }
    let labels = BackendLabels::of(endpoint.attributes()).or(of_policy.clone());
    let attributes = labels.add_to(endpoint.attributes());
    endpoint.with_attributes(attributes)
}

/// Returns the addresses of an endpoint, each with the labels for metrics that are known of it: its
/// own, else those of its endpoint, else those of the policy.
///
/// An address for which none are known stays as it is.
pub(crate) fn labelled_addresses(
    endpoint: &Endpoint,
    of_policy: &BackendLabels,
) -> impl Iterator<Item = Address> {
    let of_endpoint = BackendLabels::of(endpoint.attributes()).or(of_policy.clone());
    endpoint.addresses().iter().map(move |address| {
        if of_endpoint.is_empty() {
            return address.clone();
        }
        let labels = BackendLabels::of(address.attributes()).or(of_endpoint.clone());
        let attributes = labels.add_to(address.attributes());
        address.clone().with_attributes(attributes)
    })
}
