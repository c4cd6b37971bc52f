//! A backend's connection, as its calls use it.

use std::sync::Arc;
use std::time::Duration;

use trunkline_runtime::PeerAddr;

use super::state::SharedBackend;
use crate::timer::sleep;
use crate::world::SharedWorld;

/// A connection that the backend accepted.
#[derive(Clone)]
pub(super) struct AcceptedConn {
    pub(super) shared: Arc<SharedWorld>,
    pub(super) state: Arc<SharedBackend>,
    /// The backend's address.
    pub(super) address: PeerAddr,
    pub(super) client: PeerAddr,
    /// The number of the connection.
    pub(super) conn: u64,
}

impl AcceptedConn {
    pub(super) async fn sleep(&self, delay: Duration) {
        sleep(&self.shared, delay).await;
    }
}
