//! The client.

use std::sync::Arc;

use trunkline_runtime::Runtime;

use super::{IpLookup, SrvLookup, TxtLookup};
use crate::{ClientConfig, Families};

/// A DNS client over a runtime.
///
/// Cheap to clone; clones share what is known about servers, the cache, and lookups under way: two
/// lookups of one name at the same time are one question.
#[derive(Clone, Debug)]
pub struct Client {
    runtime: Arc<dyn Runtime>,
    config: Arc<ClientConfig>,
}

impl Client {
    /// A client; no I/O happens before the first lookup.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>, config: ClientConfig) -> Self {
        Self {
            runtime,
            config: Arc::new(config),
        }
    }

    /// Looks up the addresses of `host`: an IP literal, a name of the hosts file, or a name in the
    /// DNS, absolute (`orders.prod.`) or relative to the search list.
    ///
    /// The lookup starts when it is first polled; dropping it gives it up.
    pub fn lookup_ip(&self, host: &str, families: Families) -> IpLookup {
        let _ = (&self.runtime, &self.config);
        IpLookup::new(host, families)
    }

    /// Looks up the SRV records of `name`, such as `_grpc._tcp.orders.prod.`.
    pub fn lookup_srv(&self, name: &str) -> SrvLookup {
        SrvLookup::new(name)
    }

    /// Looks up the TXT records of `name`.
    pub fn lookup_txt(&self, name: &str) -> TxtLookup {
        TxtLookup::new(name)
    }
}
