//! What a configuration needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::known::Known;
use super::outage::Outage;
use super::output::{Awaited, HostName};
use crate::core::resource_error::ResourceError;
use crate::core::resource_type::ResourceType;
use crate::core::resources::{Cluster, ClusterKind};

/// The most clusters that are below each other, the leaf included.
///
/// Source: [gRFC A37](https://github.com/grpc/proposal/blob/master/A37-xds-aggregate-and-logical-dns-clusters.md).
pub(super) const DEEPEST: usize = 16;

/// What a configuration needs.
#[derive(Debug, Default)]
pub(super) struct Reach {
    pub(super) route_config: Option<Arc<str>>,
    /// The clusters, those below aggregates included. Each with the number of aggregates above it, the
    /// least if there are several ways to it.
    pub(super) clusters: BTreeMap<Arc<str>, usize>,
    pub(super) endpoints: BTreeSet<Arc<str>>,
    pub(super) names: BTreeSet<HostName>,
    /// What has neither value nor error, or is held back by an outage.
    pub(super) awaited: Vec<Awaited>,
}

impl Reach {
    /// Adds `roots` and what they need. Each cluster is looked at once, so that the work is bounded by the
    /// size of the resources, however they name each other.
    pub(super) fn add<'a>(
        &mut self,
        roots: impl IntoIterator<Item = &'a Arc<str>>,
        known: &Known,
        outage: &Outage<'_>,
    ) {
        let mut level: Vec<Arc<str>> = roots.into_iter().cloned().collect();
        for depth in 0..DEEPEST {
            let mut below = Vec::new();
            for name in level {
                match self.clusters.get_mut(&name) {
                    Some(least) if *least <= depth => continue,
                    Some(least) => *least = depth,
                    None => {
                        self.add_parts(&name, known, outage);
                        self.clusters.insert(Arc::clone(&name), depth);
                    }
                }
                if let Some(cluster) = known.cluster(&name)
                    && let ClusterKind::Aggregate { clusters } = &cluster.kind
                {
                    below.extend(clusters.iter().cloned());
                }
            }
            level = below;
        }
    }

    /// Adds what one cluster needs, without the clusters below it.
    fn add_parts(&mut self, name: &Arc<str>, known: &Known, outage: &Outage<'_>) {
        let current = known.clusters.current(name);
        self.add_awaited(ResourceType::Cluster, name, current, outage);
        if let Some(Ok(cluster)) = current {
            self.add_backends(cluster, known, outage);
        }
    }

    /// Adds a resource to what is awaited, if it is.
    pub(super) fn add_awaited<T>(
        &mut self,
        kind: ResourceType,
        name: &Arc<str>,
        current: Option<&Result<Arc<T>, ResourceError>>,
        outage: &Outage<'_>,
    ) {
        let is_awaited = match current {
            None => true,
            Some(Ok(_)) => false,
            Some(Err(error)) => outage.holds_back(kind, name, error),
        };
        if is_awaited {
            self.awaited.push(Awaited::Resource(kind, Arc::clone(name)));
        }
    }

    fn add_backends(&mut self, cluster: &Cluster, known: &Known, outage: &Outage<'_>) {
        match &cluster.kind {
            ClusterKind::Eds { service_name } => {
                if self.endpoints.insert(Arc::clone(service_name)) {
                    let current = known.endpoints.current(service_name);
                    self.add_awaited(ResourceType::Endpoints, service_name, current, outage);
                }
            }
            ClusterKind::LogicalDns { host, port } => {
                let name = HostName::new(host, *port);
                let is_known = known.names.get(&name).is_some_and(|name| name.is_known());
                let is_new = self.names.insert(name.clone());
                if is_new && !is_known {
                    self.awaited.push(Awaited::HostName(name));
                }
            }
            ClusterKind::Aggregate { .. } => {}
        }
    }
}
