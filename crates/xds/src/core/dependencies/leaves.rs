//! The clusters with backends below an aggregate.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::known::Known;
use super::reach::DEEPEST;
use crate::core::resources::ClusterKind;

/// The clusters with backends below an aggregate.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    /// Those that can be used, in order of priority.
    pub(super) usable: Vec<Arc<str>>,
    /// Those that have an error, each with it.
    pub(super) skipped: Vec<(Arc<str>, String)>,
    /// Whether one of them is awaited.
    pub(super) are_awaited: bool,
    /// Whether more than [`DEEPEST`] clusters are below each other.
    pub(super) are_too_deep: bool,
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

    /// Visits a cluster that has `depth` aggregates above it. The depth is at most [`DEEPEST`], so recursion
    /// is bounded.
    fn visit(&mut self, name: &Arc<str>, known: &Known, depth: usize) {
        if !self.seen.insert(Arc::clone(name)) {
            return;
        }
        if depth == DEEPEST {
            self.are_too_deep = true;
            return;
        }
        match known.clusters.current(name) {
            Some(Ok(cluster)) => match &cluster.kind {
                ClusterKind::Aggregate { clusters } => {
                    for cluster in clusters.iter() {
                        self.visit(cluster, known, depth + 1);
                    }
                }
                _ => self.usable.push(Arc::clone(name)),
            },
            Some(Err(error)) => self.skipped.push((Arc::clone(name), error.to_string())),
            None => self.are_awaited = true,
        }
    }
}
