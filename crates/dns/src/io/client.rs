//! The client.

use std::sync::Arc;

use trunkline_runtime::Runtime;

use super::lookup::{IpLookup, RecordLookup};
use super::shared::ClientShared;
use crate::{ClientConfig, Families, RecordType, Srv, Svcb};

/// A DNS client over a runtime.
///
/// Cheap to clone. Clones share what is known about servers, the cache, and the lookups under way:
/// two lookups of one name at the same time send one query.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<ClientShared>,
}

impl Client {
    /// Returns a client. No I/O happens before the first lookup is polled.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>, config: ClientConfig) -> Self {
        Self {
            shared: Arc::new(ClientShared::new(runtime, config)),
        }
    }

    /// Looks up the addresses of `host`: an IP literal, a name of the hosts file, or a name in the
    /// DNS, absolute (`orders.prod.`) or relative to the search list.
    ///
    /// The lookup starts when it is first polled. Dropping it cancels it.
    pub fn lookup_ip(&self, host: &str, families: Families) -> IpLookup {
        IpLookup::new(Arc::clone(&self.shared), host, families)
    }

    /// Looks up the SRV records of `name`, such as `_grpc._tcp.orders.prod.`.
    pub fn lookup_srv(&self, name: &str) -> RecordLookup<Srv> {
        RecordLookup::new(Arc::clone(&self.shared), name, RecordType::Srv)
    }

    /// Looks up the TXT records of `name`: the strings of each record, joined.
    pub fn lookup_txt(&self, name: &str) -> RecordLookup<Vec<u8>> {
        RecordLookup::new(Arc::clone(&self.shared), name, RecordType::Txt)
    }

    /// Looks up the HTTPS records of `name`.
    pub fn lookup_https(&self, name: &str) -> RecordLookup<Svcb> {
        RecordLookup::new(Arc::clone(&self.shared), name, RecordType::Https)
    }

    /// Looks up the SVCB records of `name`.
    pub fn lookup_svcb(&self, name: &str) -> RecordLookup<Svcb> {
        RecordLookup::new(Arc::clone(&self.shared), name, RecordType::Svcb)
    }
}
