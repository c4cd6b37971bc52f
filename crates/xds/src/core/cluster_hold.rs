//! The cluster of a call, which stays while the call needs it.

use std::fmt;
use std::sync::Arc;

use trunkline_endpoint::AttributeKey;

/// Is notified when nothing uses a cluster any more.
pub trait ClusterReleased: Send + Sync {
    /// Handles the end of the last use of `cluster`: the selectors that chose it are gone, and so are
    /// the calls that they chose it for.
    ///
    /// Called on the thread where the last use ends; must not block.
    fn handle_release(&self, cluster: &Arc<str>);
}

/// A use of a cluster. While one exists, the cluster stays in the channel's configuration, also when
/// no route names it any more.
///
/// The uses of one selector, and of the calls that it chose the cluster for, are clones of one hold.
#[derive(Clone)]
pub struct ClusterHold {
    held: Arc<Held>,
}

struct Held {
    cluster: Arc<str>,
    released: Arc<dyn ClusterReleased>,
}

impl ClusterHold {
    /// Creates the first use of `cluster`. When the last clone is dropped, `released` is notified.
    #[must_use]
    pub fn new(cluster: Arc<str>, released: Arc<dyn ClusterReleased>) -> Self {
        Self {
            held: Arc::new(Held { cluster, released }),
        }
    }

    /// Returns the name of the cluster.
    #[must_use]
    pub fn cluster(&self) -> &Arc<str> {
        &self.held.cluster
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.released.handle_release(&self.cluster);
    }
}

/// Two holds are equal if they are clones of one.
impl PartialEq for ClusterHold {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.held, &other.held)
    }
}

impl fmt::Debug for ClusterHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClusterHold").field(self.cluster()).finish()
    }
}

/// The attribute key of the cluster of a call: what the selector chose, and what the policy
/// `xds_cluster_manager_experimental` picks by.
#[derive(Debug)]
pub enum ClusterOfCall {}

impl AttributeKey for ClusterOfCall {
    type Value = ClusterHold;
    const NAME: &'static str = "cluster";
    const IDENTIFIES_CONNECTION: bool = false;
}
