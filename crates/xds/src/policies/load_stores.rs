//! The counts for load reports, by server.

use std::sync::Arc;

use trunkline_endpoint::AttributeKey;

use super::load_store::LoadStore;
use crate::core::ServerConfig;

/// The calls of one client of control planes, counted for load reports: a [`LoadStore`] for each server that
/// can ask for reports. Clones share the counts.
///
/// The channels of the client count there together. The resolver of a channel puts it into the attributes of
/// each resolution, under [`LoadStoresKey`]; without it, nothing is counted for reports.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use trunkline_xds::core::ServerConfig;
/// use trunkline_xds::policies::LoadStores;
///
/// let server = Arc::new(ServerConfig::insecure("dns:///plane.example:18000"));
/// let loads = LoadStores::new([Arc::clone(&server)]);
/// assert!(loads.of(&server).is_some_and(|store| store.totals().is_empty()));
/// ```
#[derive(Clone, Debug)]
pub struct LoadStores {
    servers: Arc<[(Arc<ServerConfig>, LoadStore)]>,
}

impl LoadStores {
    /// Creates stores without counts, for these servers: those of a bootstrap.
    #[must_use]
    pub fn new(servers: impl IntoIterator<Item = Arc<ServerConfig>>) -> Self {
        let servers = servers.into_iter();
        Self {
            servers: servers.map(|server| (server, LoadStore::new())).collect(),
        }
    }

    /// Returns what is counted for this server; `None` for another one than those of [`new`](Self::new).
    #[must_use]
    pub fn of(&self, server: &Arc<ServerConfig>) -> Option<&LoadStore> {
        let mut servers = self.servers.iter();
        let (_, store) = servers.find(|(other, _)| other == server)?;
        Some(store)
    }
}

/// Two are equal if they share their counts.
impl PartialEq for LoadStores {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.servers, &other.servers)
    }
}

/// The attribute key of the counts, in the attributes of a resolution.
#[derive(Debug)]
pub enum LoadStoresKey {}

impl AttributeKey for LoadStoresKey {
    type Value = LoadStores;
    const NAME: &'static str = "xds load stores";
    const IDENTIFIES_CONNECTION: bool = false;
}
