//! The clusters of a configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changed::Parts;
use super::error_text::{About, ErrorText};
use super::known::Known;
use super::leaves::Leaves;
use super::output::HostName;
use super::reach::DEEPEST;
use super::watched::{Resolved, Watched};
use crate::core::config::{ClusterEntry, LeafEndpoints, ResolvedCluster, XdsConfig};
use crate::core::resource_type::ResourceType;
use crate::core::resources::{Cluster, ClusterKind};
use crate::core::same::same_entry;

/// Makes the clusters of a configuration. What equals its counterpart in the configuration in force is
/// shared with that.
pub(super) struct Entries<'a> {
    pub(super) known: &'a Known,
    pub(super) text: &'a ErrorText,
    /// What may be out of date of the listener and its routes.
    pub(super) of_routes: Vec<String>,
    /// The configuration in force.
    pub(super) old: Option<&'a XdsConfig>,
}

impl Entries<'_> {
    /// Adds a cluster that calls can have, and the leaves below it. One that has not all that it needs
    /// keeps what is in force: only a cluster that no route names can be so.
    pub(super) fn add(&self, name: &Arc<str>, entries: &mut BTreeMap<Arc<str>, ClusterEntry>) {
        let mut open = vec![Arc::clone(name)];
        while let Some(name) = open.pop() {
            if entries.contains_key(&name) || self.add_current(&name, entries).is_some() {
                continue;
            }
            let Some(entry) = self.in_force(&name) else {
                continue;
            };
            if let Ok(resolved) = entry
                && let ResolvedCluster::Aggregate { leaves, .. } = &**resolved
            {
                open.extend(leaves.iter().cloned());
            }
            entries.insert(name, entry.clone());
        }
    }

    /// Returns the clusters of the configuration in force, with the parts that have changed.
    pub(super) fn with_changed(&self, parts: &Parts) -> BTreeMap<Arc<str>, ClusterEntry> {
        let mut entries = self.old.map(|old| old.clusters.clone()).unwrap_or_default();
        for (name, entry) in &mut entries {
            if let Some(cluster) = self.known.cluster(name)
                && parts.are_of(cluster)
                && let Some(new) = self.leaf(name, cluster)
            {
                *entry = new;
            }
        }
        entries
    }

    /// Adds a cluster as it is now, with its leaves. `None` if something of it is awaited.
    fn add_current(
        &self,
        name: &Arc<str>,
        entries: &mut BTreeMap<Arc<str>, ClusterEntry>,
    ) -> Option<()> {
        let entry = match self.known.clusters.current(name)? {
            Err(error) => Err(self.text.resource(ResourceType::Cluster, name, error)),
            Ok(cluster) => match cluster.kind {
                ClusterKind::Aggregate { .. } => self.aggregate(name, cluster, entries)?,
                _ => self.leaf(name, cluster)?,
            },
        };
        entries.insert(Arc::clone(name), self.shared(name, entry));
        Some(())
    }

    fn aggregate(
        &self,
        name: &Arc<str>,
        cluster: &Arc<Cluster>,
        entries: &mut BTreeMap<Arc<str>, ClusterEntry>,
    ) -> Option<ClusterEntry> {
        let leaves = Leaves::below(name, self.known);
        if leaves.are_too_deep {
            return Some(Err(self.text.text(format_args!(
                "aggregate cluster {name:?} is nested deeper than {DEEPEST}"
            ))));
        }
        if leaves.are_awaited {
            return None;
        }
        if leaves.usable.is_empty() {
            return Some(Err(self.text.no_leaf(name, &leaves.skipped)));
        }
        let below = leaves.usable.iter().map(|name| {
            let entry = self.leaf(name, self.known.cluster(name)?)?;
            Some((Arc::clone(name), entry))
        });
        let below: Vec<(Arc<str>, ClusterEntry)> = below.collect::<Option<_>>()?;
        entries.extend(below);
        Some(Ok(Arc::new(ResolvedCluster::Aggregate {
            cluster: Arc::clone(cluster),
            leaves: leaves.usable.into(),
        })))
    }

    /// Returns a cluster with backends of its own; `None` while it has neither backends nor an error.
    fn leaf(&self, name: &Arc<str>, cluster: &Arc<Cluster>) -> Option<ClusterEntry> {
        let mut ambient = self.of_routes.clone();
        if let Some(watched) = self.known.clusters.get(name) {
            ambient.extend(ambient_text(ResourceType::Cluster, name, watched));
        }
        let endpoints = match &cluster.kind {
            ClusterKind::Eds { service_name } => {
                let watched = self.known.endpoints.get(service_name)?;
                let kind = ResourceType::Endpoints;
                ambient.extend(ambient_text(kind, service_name, watched));
                match watched.current.as_ref()? {
                    Ok(endpoints) => LeafEndpoints::Eds(Arc::clone(endpoints)),
                    Err(error) => {
                        let about = About(kind, service_name, error);
                        LeafEndpoints::Missing(about.to_string().into())
                    }
                }
            }
            ClusterKind::LogicalDns { host, port } => {
                let host = HostName::new(host, *port);
                let resolved = self.known.names.get(&host)?;
                host_endpoints(&host, resolved, &mut ambient)?
            }
            ClusterKind::Aggregate { .. } => return None,
        };
        let entry = Ok(Arc::new(ResolvedCluster::Leaf {
            cluster: Arc::clone(cluster),
            endpoints,
            note: self.text.note(&ambient),
        }));
        Some(self.shared(name, entry))
    }

    /// Returns the entry of the configuration in force in place of an equal new one.
    fn shared(&self, name: &str, entry: ClusterEntry) -> ClusterEntry {
        match self.in_force(name) {
            Some(old) if same_entry(old, &entry) => old.clone(),
            _ => entry,
        }
    }

    fn in_force(&self, name: &str) -> Option<&ClusterEntry> {
        self.old?.clusters.get(name)
    }
}

/// Returns the addresses of a name, with why they may be out of date; `None` before the first answer.
fn host_endpoints(
    host: &HostName,
    resolved: &Resolved,
    ambient: &mut Vec<String>,
) -> Option<LeafEndpoints> {
    let error = resolved.error.as_ref();
    let error = error.map(|error| format!("{host}: {error}"));
    match (&resolved.endpoint, error) {
        (Some(endpoint), error) => {
            ambient.extend(error);
            Some(LeafEndpoints::LogicalDns(Some(Arc::clone(endpoint))))
        }
        (None, Some(error)) => Some(LeafEndpoints::Missing(error.into())),
        (None, None) => None,
    }
}

/// Returns why a resource may be out of date.
pub(super) fn ambient_text<T>(
    kind: ResourceType,
    name: &str,
    watched: &Watched<T>,
) -> Option<String> {
    let error = watched.ambient.as_ref()?;
    Some(About(kind, name, error).to_string())
}
