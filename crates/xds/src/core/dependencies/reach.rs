//! What the clusters of a configuration need.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::output::HostName;
use super::watched::{Resolved, Watched};
use crate::core::resource_type::ResourceType;
use crate::core::resources::{Cluster, ClusterEndpoints, ClusterKind};

/// The deepest nesting of aggregate clusters.
///
/// Source: [gRFC A37](https://github.com/grpc/proposal/blob/master/A37-xds-aggregate-and-logical-dns-clusters.md).
pub(super) const DEEPEST: usize = 16;

/// What is known of clusters and of what they name.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) clusters: BTreeMap<Arc<str>, Watched<Cluster>>,
    pub(super) endpoints: BTreeMap<Arc<str>, Watched<ClusterEndpoints>>,
    pub(super) names: BTreeMap<HostName, Resolved>,
}

impl Known {
    /// Returns the value of a cluster, if it has one.
    pub(super) fn cluster(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.clusters.get(name)?.current.as_ref()?.as_ref().ok()
    }
}

/// What some clusters need: the clusters themselves, those below them, their endpoints and names.
#[derive(Debug, Default)]
pub(super) struct Reach {
    pub(super) clusters: BTreeSet<Arc<str>>,
    pub(super) endpoints: BTreeSet<Arc<str>>,
    pub(super) names: BTreeSet<HostName>,
    /// What has neither value nor error.
    pub(super) missing: Vec<(ResourceType, Arc<str>)>,
}

impl Reach {
    /// Adds `root` and what it needs. Each cluster is looked at once, so that the work is bounded by the
    /// size of the resources, however they name each other.
    pub(super) fn add(&mut self, root: &Arc<str>, known: &Known) {
        let mut level = vec![Arc::clone(root)];
        for _ in 0..=DEEPEST {
            let mut below = Vec::new();
            for name in level {
                if self.clusters.insert(Arc::clone(&name)) {
                    self.add_one(&name, known, &mut below);
                }
            }
            level = below;
        }
    }

    /// Adds what one cluster needs, and to `below` the clusters that it names.
    fn add_one(&mut self, name: &Arc<str>, known: &Known, below: &mut Vec<Arc<str>>) {
        let watched = known.clusters.get(name);
        match watched.and_then(|watched| watched.current.as_ref()) {
            None => self.missing.push((ResourceType::Cluster, Arc::clone(name))),
            Some(Err(_)) => {}
            Some(Ok(cluster)) => match &cluster.kind {
                ClusterKind::Eds { service_name } => {
                    let there = known.endpoints.get(service_name);
                    let is_new = self.endpoints.insert(Arc::clone(service_name));
                    if is_new && there.is_none_or(|watched| watched.current.is_none()) {
                        let missing = (ResourceType::Endpoints, Arc::clone(service_name));
                        self.missing.push(missing);
                    }
                }
                ClusterKind::LogicalDns { host, port } => {
                    let name_of_host = HostName {
                        host: Arc::clone(host),
                        port: *port,
                    };
                    let there = known.names.get(&name_of_host);
                    if there.is_none_or(|resolved| !resolved.is_known()) {
                        // The cluster waits for its name.
                        self.missing.push((ResourceType::Cluster, Arc::clone(name)));
                    }
                    self.names.insert(name_of_host);
                }
                ClusterKind::Aggregate { clusters } => below.extend(clusters.iter().cloned()),
            },
        }
    }
}

/// The clusters with backends below an aggregate.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    /// Those that can be used, in order of priority.
    pub(super) usable: Vec<Arc<str>>,
    /// The others, each with the reason.
    pub(super) skipped: Vec<(Arc<str>, String)>,
    /// Whether aggregates are nested deeper than [`DEEPEST`].
    pub(super) is_too_deep: bool,
    seen: BTreeSet<Arc<str>>,
}

impl Leaves {
    /// Returns the leaves below an aggregate, depth first. A cluster counts where it is named first, so a
    /// circle adds nothing.
    pub(super) fn below(aggregate: &Arc<str>, known: &Known) -> Self {
        let mut leaves = Self::default();
        leaves.visit(aggregate, known, 0);
        leaves
    }

    /// Visits a cluster that is `depth` aggregates below the first. The depth is at most 17, so recursion
    /// is bounded.
    fn visit(&mut self, name: &Arc<str>, known: &Known, depth: usize) {
        if !self.seen.insert(Arc::clone(name)) {
            return;
        }
        let watched = known.clusters.get(name);
        match watched.and_then(|watched| watched.current.as_ref()) {
            Some(Ok(cluster)) => match &cluster.kind {
                ClusterKind::Aggregate { .. } if depth == DEEPEST => self.is_too_deep = true,
                ClusterKind::Aggregate { clusters } => {
                    for cluster in clusters.iter() {
                        self.visit(cluster, known, depth + 1);
                    }
                }
                _ => self.usable.push(Arc::clone(name)),
            },
            Some(Err(error)) => self.skipped.push((Arc::clone(name), error.to_string())),
            None => self
                .skipped
                .push((Arc::clone(name), "is awaited".to_owned())),
        }
    }
}
