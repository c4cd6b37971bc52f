//! Decoding and validating resources.

// From the ground up: a module uses only those above it.

mod context;
mod shared;
mod split;

mod filters;
mod matchers;

mod hash_policy;
mod retry;

mod action;

mod route;

mod route_configuration;

mod listener;

mod policies;
mod security;

mod cluster;
mod endpoints;

use std::sync::Arc;

use prost::Message;
use trunkline_xds_proto::envoy::config::listener::v3::Listener;

pub use self::context::DecodeContext;
use self::context::Validation;
use super::cluster::Cluster;
use super::endpoints::ClusterEndpoints;
use super::fault::{Faults, Place};
use super::resource::Resource;
use crate::core::resource_type::ResourceType;

/// Returns the name of the resource that is encoded in `bytes`, and reads nothing else of it.
///
/// # Errors
///
/// Why there is no name, for people: the bytes are no message, or the name is empty.
pub fn resource_name(kind: ResourceType, bytes: &[u8]) -> Result<String, String> {
    /// The first field of all types of resources.
    #[derive(Clone, PartialEq, Message)]
    struct Named {
        #[prost(string, tag = "1")]
        name: String,
    }

    let named = Named::decode(bytes).map_err(|error| malformed(kind, &error))?;
    if named.name.is_empty() {
        return Err(format!("the {kind} has no name"));
    }
    Ok(named.name)
}

/// Decodes and validates the resource that is encoded in `bytes`.
///
/// # Errors
///
/// All faults that were found.
pub fn decode(
    kind: ResourceType,
    bytes: &[u8],
    context: &DecodeContext<'_>,
) -> Result<Resource, Faults> {
    let mut validation = Validation::new(context);
    let root = Place::Root;
    let resource = match kind {
        ResourceType::Listener => {
            let message = Listener::decode(bytes).map_err(|error| undecodable(kind, &error))?;
            let listener = listener::decode(message, &root, &mut validation);
            Resource::Listener(Arc::new(listener))
        }
        ResourceType::RouteConfiguration => {
            let routes = route_configuration::decode(bytes, &root, &mut validation);
            let Some(routes) = routes else {
                return Err(validation.faults);
            };
            Resource::RouteConfiguration(Arc::new(routes))
        }
        ResourceType::Cluster => {
            let (policies, providers) = (context.policies, context.certificate_providers);
            let cluster = Cluster::decode(bytes, context.server, policies, providers)?;
            Resource::Cluster(Arc::new(cluster))
        }
        ResourceType::Endpoints => {
            let earlier = match context.earlier {
                Some(Resource::Endpoints(earlier)) => Some(&**earlier),
                _ => None,
            };
            Resource::Endpoints(Arc::new(ClusterEndpoints::decode(bytes, earlier)?))
        }
    };
    validation.faults.or(resource)
}

fn undecodable(kind: ResourceType, error: &prost::DecodeError) -> Faults {
    let mut faults = Faults::new();
    faults.add(&Place::Root, malformed(kind, error));
    faults
}

fn malformed(kind: ResourceType, error: &prost::DecodeError) -> String {
    format!("not a message of type {}: {error}", kind.message_name())
}
