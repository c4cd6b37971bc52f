//! The load reports of one client.

use std::fmt;
use std::sync::Arc;

use trunkline_runtime::Lock;
use trunkline_xds_proto::envoy::config::core::v3::Node;

use super::link::LinkOptions;
use super::load_task::LoadTask;
use super::server_loads::{ReportHold, ServerLoads};
use crate::core::{Bootstrap, ServerConfig};
use crate::policies::LoadStores;

/// The load reports of one client. Each server that asked for reports of a cluster has a task, which its
/// channels share. It sends a last report when no channel has such a cluster any more, and when the client
/// ends.
///
/// A task stays while there is nothing to report: what was reported to the server is known to it alone. Calls
/// that are in progress in a last report end without a report, unless reports to the server are resumed.
pub(super) struct Loads {
    stores: LoadStores,
    /// The servers that were reported to: no more than the bootstrap has.
    servers: Lock<Vec<(Arc<ServerConfig>, Arc<ServerLoads>)>>,
}

impl Loads {
    /// Returns the reports of a client with this bootstrap: none yet.
    pub(super) fn new(bootstrap: &Bootstrap) -> Self {
        Self {
            stores: LoadStores::new(bootstrap.all_servers().cloned()),
            servers: Lock::default(),
        }
    }

    /// Returns where the policies of the client's channels count.
    pub(super) fn stores(&self) -> &LoadStores {
        &self.stores
    }

    /// Reports to a server while the hold is kept. The first one starts the reports. `None` if the bootstrap
    /// does not have the server.
    pub(super) fn report(
        &self,
        server: &Arc<ServerConfig>,
        node: impl FnOnce() -> Node,
        options: &LinkOptions,
    ) -> Option<ReportHold> {
        let store = self.stores.of(server)?.clone();
        let mut servers = self.servers.lock();
        if let Some((_, loads)) = servers.iter().find(|(other, _)| other == server) {
            return Some(ReportHold::new(loads));
        }
        let loads = Arc::new(ServerLoads::new(store));
        let hold = ReportHold::new(&loads);
        LoadTask::spawn(server, node(), Arc::clone(&loads), options);
        servers.push((Arc::clone(server), loads));
        Some(hold)
    }
}

impl Drop for Loads {
    fn drop(&mut self) {
        for (_, loads) in self.servers.lock().iter() {
            loads.stop();
        }
    }
}

impl fmt::Debug for Loads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.servers.lock().len();
        f.debug_struct("Loads")
            .field("servers", &servers)
            .finish_non_exhaustive()
    }
}
