//! What has changed since the resources were put together.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::output::HostName;
use crate::core::resources::{Cluster, ClusterKind};

/// What has changed. As long as only the content of leaves changes, nothing else is looked at.
#[derive(Debug)]
pub(super) enum Changed {
    /// Other endpoints, other addresses of a name, or another note. What the target needs is the same.
    Leaves(Parts),
    /// Anything.
    Anything,
}

/// Parts of leaves. Each had a value or an error before.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) clusters: BTreeSet<Arc<str>>,
    pub(super) endpoints: BTreeSet<Arc<str>>,
    pub(super) names: BTreeSet<HostName>,
}

impl Default for Changed {
    /// Returns that nothing has changed.
    fn default() -> Self {
        Self::Leaves(Parts::default())
    }
}

impl Changed {
    /// Returns whether nothing has changed.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Leaves(parts) => {
                parts.clusters.is_empty() && parts.endpoints.is_empty() && parts.names.is_empty()
            }
            Self::Anything => false,
        }
    }

    /// Adds a part of leaves to one of the sets of parts.
    pub(super) fn add(&mut self, insert: impl FnOnce(&mut Parts) -> bool) {
        if let Self::Leaves(parts) = self {
            insert(parts);
        }
    }
}

impl Parts {
    /// Returns whether a cluster has one of the parts.
    pub(super) fn are_of(&self, cluster: &Cluster) -> bool {
        self.clusters.contains(&cluster.name)
            || match &cluster.kind {
                ClusterKind::Eds { service_name } => self.endpoints.contains(service_name),
                ClusterKind::LogicalDns { host, port } => {
                    self.names.contains(&HostName::new(host, *port))
                }
                ClusterKind::Aggregate { .. } => false,
            }
    }
}
