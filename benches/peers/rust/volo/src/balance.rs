//! round_robin for volo.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use volo::context::Endpoint;
use volo::discovery::{Change, Discover};
use volo::loadbalance::LoadBalance;
use volo::loadbalance::error::LoadBalanceError;
use volo::net::Address;

/// Chooses backends in turn. Clones share the turn.
#[derive(Clone)]
pub(crate) struct RoundRobin {
    backends: Arc<[SocketAddr]>,
    next: Arc<AtomicUsize>,
}

impl RoundRobin {
    pub(crate) fn new(backends: Vec<SocketAddr>) -> Self {
        Self {
            backends: backends.into(),
            next: Arc::default(),
        }
    }
}

impl<D: Discover> LoadBalance<D> for RoundRobin {
    type InstanceIter = std::option::IntoIter<Address>;

    async fn get_picker<'future>(
        &'future self,
        _endpoint: &'future Endpoint,
        _discover: &'future D,
    ) -> Result<Self::InstanceIter, LoadBalanceError> {
        let at = self.next.fetch_add(1, Relaxed) % self.backends.len();
        Ok(Some(Address::Ip(self.backends[at])).into_iter())
    }

    fn rebalance(&self, _changes: Change<D::Key>) {}
}
