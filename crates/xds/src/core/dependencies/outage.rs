//! What an outage of the control plane holds back.

use std::sync::Arc;

use crate::core::config::{ResolvedCluster, XdsConfig};
use crate::core::names::{AuthorityName, ResourceName};
use crate::core::resource_error::{ResourceError, ResourceErrorKind};
use crate::core::resource_type::ResourceType;
use crate::core::resources::ClusterKind;

/// Decides whether a resource that is not known, because its control plane cannot be reached, holds a
/// new configuration back as a resource does that is on its way.
///
/// It does where the configuration in force works without it, and comes from that control plane alone:
/// then nothing newer can come for what is in force either, and calls are better off with it than with a
/// cluster of which nothing is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage<'a> {
    pub(super) listener_name: &'a str,
    /// The configuration in force.
    pub(super) in_force: Option<&'a XdsConfig>,
}

impl Outage<'_> {
    /// Returns whether a configuration that needs this resource has to wait.
    pub(super) fn holds_back(&self, kind: ResourceType, name: &str, error: &ResourceError) -> bool {
        let is_outage = matches!(error.kind, ResourceErrorKind::Unreachable(_));
        is_outage
            && self.in_force.is_some_and(|config| {
                !uses(config, kind, name)
                    && authority(ResourceType::Listener, self.listener_name).is_some_and(|of| {
                        authority(kind, name).as_ref() == Some(&of) && comes_from(config, &of)
                    })
            })
    }
}

/// Returns whether a configuration has this resource, or its error.
fn uses(config: &XdsConfig, kind: ResourceType, name: &str) -> bool {
    match kind {
        ResourceType::Listener => true,
        ResourceType::RouteConfiguration => *config.route_config.name == *name,
        ResourceType::Cluster => config.clusters.contains_key(name),
        ResourceType::Endpoints => {
            let mut resolved = config.clusters.values().flatten();
            resolved.any(|resolved| service_of(resolved).is_some_and(|service| **service == *name))
        }
    }
}

/// Returns whether all clusters of a configuration, and their endpoints, are of this authority.
fn comes_from(config: &XdsConfig, of: &AuthorityName) -> bool {
    let is_of = |kind, name: &str| authority(kind, name).as_ref() == Some(of);
    config.clusters.iter().all(|(name, entry)| {
        let is_known = match entry {
            Ok(resolved) => match &**resolved {
                ResolvedCluster::Aggregate { .. } => true,
                // The addresses of a host name change whatever the control plane does.
                ResolvedCluster::Leaf { .. } => service_of(resolved)
                    .is_some_and(|service| is_of(ResourceType::Endpoints, service)),
            },
            Err(_) => true,
        };
        is_known && is_of(ResourceType::Cluster, name)
    })
}

/// Returns the name of the endpoints of a cluster; `None` if it has none of its own.
fn service_of(resolved: &ResolvedCluster) -> Option<&Arc<str>> {
    let ResolvedCluster::Leaf { cluster, .. } = resolved else {
        return None;
    };
    match &cluster.kind {
        ClusterKind::Eds { service_name } => Some(service_name),
        ClusterKind::LogicalDns { .. } | ClusterKind::Aggregate { .. } => None,
    }
}

fn authority(kind: ResourceType, name: &str) -> Option<AuthorityName> {
    let name = ResourceName::parse(kind, name).ok()?;
    Some(name.authority().clone())
}
