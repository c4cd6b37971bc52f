//! What a configuration needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::known::Known;
use super::output::{Awaited, HostName};
use crate::core::resource_type::ResourceType;
use crate::core::resources::{Cluster, ClusterKind};

/// The deepest nesting of aggregate clusters.
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
    /// What has neither value nor error.
    pub(super) awaited: Vec<Awaited>,
}

impl Reach {
    /// Adds `roots` and what they need. Each cluster is looked at once, so that the work is bounded by the
    /// size of the resources, however they name each other.
    pub(super) fn add<'a>(&mut self, roots: impl IntoIterator<Item = &'a Arc<str>>, known: &Known) {
        let mut level: Vec<Arc<str>> = roots.into_iter().cloned().collect();
        for depth in 0..=DEEPEST {
            let mut below = Vec::new();
            for name in level {
                match self.clusters.get_mut(&name) {
                    Some(least) if *least <= depth => continue,
                    Some(least) => *least = depth,
                    None => {
                        self.add_parts(&name, known);
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
    fn add_parts(&mut self, name: &Arc<str>, known: &Known) {
        match known.clusters.current(name) {
            None => {
                let cluster = Awaited::Resource(ResourceType::Cluster, Arc::clone(name));
                self.awaited.push(cluster);
            }
            Some(Err(_)) => {}
            Some(Ok(cluster)) => self.add_backends(cluster, known),
        }
    }

    fn add_backends(&mut self, cluster: &Cluster, known: &Known) {
        match &cluster.kind {
            ClusterKind::Eds { service_name } => {
                let is_new = self.endpoints.insert(Arc::clone(service_name));
                if is_new && known.endpoints.current(service_name).is_none() {
                    let name = Arc::clone(service_name);
                    let endpoints = Awaited::Resource(ResourceType::Endpoints, name);
                    self.awaited.push(endpoints);
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
