//! The picker of `xds_cluster_manager_experimental`.

use std::sync::Arc;

use trunkline_lb::{AttemptTracker, ChildTrackers, Pick, PickRequest, Picker};
use trunkline_status::Status;

use crate::core::ClusterOfCall;

/// Leaves the choice to the picker of the call's cluster.
#[derive(Debug)]
pub(super) struct ClusterPicker {
    /// Sorted by name.
    clusters: Box<[(Arc<str>, ClusterChoice)]>,
    /// The error of a call whose cluster is none of `clusters`.
    unknown: Status,
    trackers: Option<ChildTrackers>,
}

/// What happens to the calls of one cluster.
#[derive(Clone, Debug)]
pub(super) enum ClusterChoice {
    /// Its child chooses.
    Child(Arc<dyn Picker>),
    /// The cluster was removed: they fail.
    Removed(Status),
}

impl ClusterPicker {
    /// Creates a picker over clusters, sorted by name.
    pub(super) fn new(
        clusters: Box<[(Arc<str>, ClusterChoice)]>,
        trackers: Option<ChildTrackers>,
    ) -> Self {
        let text = "the channel has no policy for the cluster that the route of the call chose";
        Self {
            clusters,
            unknown: Status::internal(text),
            trackers,
        }
    }
}

impl Picker for ClusterPicker {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        let find = |cluster: &str| {
            let compare = |(name, _): &(Arc<str>, ClusterChoice)| (**name).cmp(cluster);
            let at = self.clusters.binary_search_by(compare).ok()?;
            Some(&self.clusters[at].1)
        };
        let hold = request.attributes.get::<ClusterOfCall>();
        match hold.and_then(|hold| find(hold.cluster())) {
            Some(ClusterChoice::Child(picker)) => picker.pick(request),
            Some(ClusterChoice::Removed(error)) => Pick::Drop(error.clone()),
            None => Pick::Drop(self.unknown.clone()),
        }
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        self.trackers.as_ref().map(|trackers| trackers as _)
    }
}
