//! The load reports of one channel.

use std::fmt;
use std::sync::Arc;

use trunkline_runtime::Lock;
use trunkline_xds_proto::envoy::config::core::v3::Node;

use super::link::LinkOptions;
use super::load_task::LoadTask;
use super::server_loads::ServerLoads;
use crate::core::ServerConfig;
use crate::policies::LoadStore;

/// The load reports of one channel. Each server that asked for reports of a cluster has a task, which
/// sends a last report when no such cluster is left, and when the channel ends.
///
/// A task stays while there is nothing to report, and while the channel is idle: what was reported to the
/// server is known to it alone. Calls that are in progress in a last report end without a report, unless
/// reports to the server are resumed.
#[derive(Clone)]
pub(super) struct Loads {
    shared: Arc<Shared>,
}

struct Shared {
    store: LoadStore,
    servers: Lock<Vec<(Arc<ServerConfig>, Arc<ServerLoads>)>>,
}

impl Loads {
    /// Returns the reports of a channel: none yet.
    pub(super) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                store: LoadStore::new(),
                servers: Lock::default(),
            }),
        }
    }

    /// Returns where the channel's policies count.
    pub(super) fn store(&self) -> &LoadStore {
        &self.shared.store
    }

    /// Reports the calls of a cluster to the server that asked for it, from now on. The first time, this
    /// starts the reports to the server.
    pub(super) fn report(
        &self,
        cluster: &Arc<str>,
        server: &Arc<ServerConfig>,
        node: impl FnOnce() -> Node,
        options: &LinkOptions,
    ) {
        let mut servers = self.shared.servers.lock();
        for (_, loads) in servers.iter().filter(|(other, _)| other != server) {
            loads.remove(cluster);
        }
        if let Some((_, loads)) = servers.iter().find(|(other, _)| other == server) {
            loads.add(cluster, options.runtime.now());
            return;
        }
        let loads = Arc::new(ServerLoads::new(self.shared.store.clone()));
        loads.add(cluster, options.runtime.now());
        LoadTask::spawn(server, node(), Arc::clone(&loads), options);
        servers.push((Arc::clone(server), loads));
    }

    /// Reports to these servers, and to no other.
    pub(super) fn keep(&self, wanted: &[Arc<ServerConfig>]) {
        for (server, loads) in self.shared.servers.lock().iter() {
            loads.set_wanted(wanted.contains(server));
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for (_, loads) in self.servers.lock().iter() {
            loads.stop();
        }
    }
}

impl fmt::Debug for Loads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers = self.shared.servers.lock().len();
        f.debug_struct("Loads")
            .field("servers", &servers)
            .finish_non_exhaustive()
    }
}
