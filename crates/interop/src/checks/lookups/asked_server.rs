//! One DNS server, and lookups from it.

use std::fmt::Debug;
use std::net::SocketAddr;

use trunkline_dns::io::Client;
use trunkline_dns::{ClientConfig, Families, IpAnswer, LookupError, RecordAnswer, Srv};

use crate::clients::NamedRuntime;
use crate::wrong::Wrong;

/// What a lookup found; wrong where it did not end.
pub(super) type Found<T> = Result<Result<T, LookupError>, Wrong>;

/// One server, asked by a client on one runtime.
pub(super) struct AskedServer<'a> {
    pub(super) name: &'a str,
    pub(super) server: SocketAddr,
    pub(super) zone: &'a str,
    pub(super) on: &'a NamedRuntime,
}

impl AskedServer<'_> {
    /// A name of the zone, absolute.
    pub(super) fn in_zone(&self, name: &str) -> String {
        format!("{name}.{}.", self.zone)
    }

    /// A client of this server alone.
    pub(super) fn client(&self) -> Client {
        self.client_with(self.config())
    }

    pub(super) fn config(&self) -> ClientConfig {
        ClientConfig::with_servers(vec![self.server])
    }

    pub(super) fn client_with(&self, config: ClientConfig) -> Client {
        Client::new(self.on.runtime.clone(), config)
    }

    /// The addresses of a name of the zone.
    pub(super) fn addresses(&self, name: &str, families: Families) -> Found<IpAnswer> {
        let lookup = self.client().lookup_ip(&self.in_zone(name), families);
        Ok(self.on.wait(lookup)?)
    }

    /// The SRV records of a name of the zone.
    pub(super) fn services(&self, name: &str) -> Found<RecordAnswer<Srv>> {
        let lookup = self.client().lookup_srv(&self.in_zone(name));
        Ok(self.on.wait(lookup)?)
    }
}

/// Wrong unless what was found is what is right.
pub(super) fn same<T, U>(found: &T, right: &U) -> Result<(), Wrong>
where
    T: PartialEq<U> + Debug,
    U: Debug,
{
    match found == right {
        true => Ok(()),
        false => Err(format!("found {found:?}, and {right:?} is right").into()),
    }
}
