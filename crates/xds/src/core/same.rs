//! Comparing configurations. What two of them share is not looked at.

use std::sync::Arc;

use crate::core::config::{ClusterEntry, LeafEndpoints, ResolvedCluster, XdsConfig};

fn same<T: PartialEq>(one: &Arc<T>, other: &Arc<T>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

/// Returns whether two entries have the same content.
pub(crate) fn same_entry(one: &ClusterEntry, other: &ClusterEntry) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => same_cluster(one, other),
        (Err(one), Err(other)) => one == other,
        _ => false,
    }
}

/// Returns whether two clusters have the same content.
pub(crate) fn same_cluster(one: &Arc<ResolvedCluster>, other: &Arc<ResolvedCluster>) -> bool {
    if Arc::ptr_eq(one, other) {
        return true;
    }
    match (&**one, &**other) {
        (
            ResolvedCluster::Leaf {
                cluster,
                endpoints,
                note,
            },
            ResolvedCluster::Leaf {
                cluster: other_cluster,
                endpoints: other_endpoints,
                note: other_note,
            },
        ) => {
            note == other_note
                && same(cluster, other_cluster)
                && same_endpoints(endpoints, other_endpoints)
        }
        (
            ResolvedCluster::Aggregate { cluster, leaves },
            ResolvedCluster::Aggregate {
                cluster: other_cluster,
                leaves: other_leaves,
            },
        ) => leaves == other_leaves && same(cluster, other_cluster),
        _ => false,
    }
}

fn same_endpoints(one: &LeafEndpoints, other: &LeafEndpoints) -> bool {
    match (one, other) {
        (LeafEndpoints::Eds(one), LeafEndpoints::Eds(other)) => same(one, other),
        _ => one == other,
    }
}

/// Returns whether two configurations have the same content.
pub(crate) fn same_config(one: &XdsConfig, other: &XdsConfig) -> bool {
    same(&one.listener, &other.listener)
        && same(&one.route_config, &other.route_config)
        && same(&one.virtual_host, &other.virtual_host)
        && one.clusters.len() == other.clusters.len()
        && one.clusters.iter().zip(&other.clusters).all(
            |((name, entry), (other_name, other_entry))| {
                name == other_name && same_entry(entry, other_entry)
            },
        )
}
