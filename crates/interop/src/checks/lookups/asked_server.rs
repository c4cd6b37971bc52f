//! One DNS server, and lookups through it.

use std::fmt::Debug;
use std::net::SocketAddr;

use trunkline_dns::io::Client;
use trunkline_dns::{ClientConfig, Families, IpAnswer, LookupError, RecordAnswer, Srv};

use crate::clients::NamedRuntime;
use crate::wrong::Wrong;

/// The result of a lookup; the outer error means that the lookup did not end.
pub(super) type Found<T> = Result<Result<T, LookupError>, Wrong>;

/// One DNS server, and the runtime of the client that queries it.
pub(super) struct AskedServer<'a> {
    pub(super) name: &'a str,
    pub(super) server: SocketAddr,
    /// The name of the zone.
    pub(super) zone: &'a str,
    pub(super) on: &'a NamedRuntime,
}

impl AskedServer<'_> {
    /// Returns the absolute form of a name in the zone.
    pub(super) fn in_zone(&self, name: &str) -> String {
        format!("{name}.{}.", self.zone)
    }

    /// Returns a client that queries only this server.
    pub(super) fn client(&self) -> Client {
        self.client_with(self.config())
    }

    /// Returns the configuration of a client that queries only this server.
    pub(super) fn config(&self) -> ClientConfig {
        ClientConfig::with_servers(vec![self.server])
    }

    /// Returns a client with this configuration.
    pub(super) fn client_with(&self, config: ClientConfig) -> Client {
        Client::new(self.on.runtime.clone(), config)
    }

    /// Looks up the addresses of a name in the zone.
    pub(super) fn addresses(&self, name: &str, families: Families) -> Found<IpAnswer> {
        let lookup = self.client().lookup_ip(&self.in_zone(name), families);
        Ok(self.on.wait(lookup)?)
    }

    /// Looks up the SRV records of a name in the zone.
    pub(super) fn services(&self, name: &str) -> Found<RecordAnswer<Srv>> {
        let lookup = self.client().lookup_srv(&self.in_zone(name));
        Ok(self.on.wait(lookup)?)
    }
}

/// Returns an error unless `found` is equal to `right`.
pub(super) fn same<T, U>(found: &T, right: &U) -> Result<(), Wrong>
where
    T: PartialEq<U> + Debug,
    U: Debug,
{
    if found == right {
        Ok(())
    } else {
        Err(format!("found {found:?}, expected {right:?}").into())
    }
}
