//! What real DNS servers answer, record by record.
//!
//! One of them serves the zone; unbound looks names up there, and dnsmasq passes questions on. The
//! records are those of `xtask/src/interop/zone.rs`.

mod config;
mod found;
mod not_found;

use std::fmt::Debug;
use std::net::SocketAddr;

use trunkline_dns::io::Client;
use trunkline_dns::{ClientConfig, Families, IpAnswer, LookupError, RecordAnswer, Srv};

use super::Stage;
use crate::Wrong;
use crate::clients::Named;

/// What is checked, and what tells it of one server on one runtime: it gives what was seen.
type Check = (&'static str, fn(&Asked<'_>) -> Result<String, Wrong>);

const CHECKS: [Check; 13] = [
    ("A and AAAA", found::both_families),
    ("AAAA alone", found::one_family),
    ("SRV", found::services),
    ("TXT", found::texts),
    ("CNAME chain", found::chain),
    ("200 addresses", found::over_tcp),
    ("TTL", found::ttl),
    ("names below `local`", found::local),
    ("no such name", not_found::no_name),
    ("no such records", not_found::no_data),
    ("search list", config::search_list),
    ("dead servers before it", config::dead_servers),
    ("options", config::options),
];

/// Each server, on each runtime.
pub(crate) fn check(stage: &mut Stage<'_>) -> Result<(), Wrong> {
    for (name, server) in &stage.environment.nameservers {
        for (what, check) in CHECKS {
            let mut seen = String::new();
            for on in stage.runtimes {
                let asked = Asked {
                    name,
                    server: *server,
                    zone: stage.environment.zone(),
                    on,
                };
                seen = check(&asked)
                    .map_err(|wrong| format!("{what} of {name} on {}: {wrong}", on.name))?;
            }
            println!("{name}: {what}: {seen}");
        }
    }
    Ok(())
}

/// What a lookup found; wrong where it did not end.
type Found<T> = Result<Result<T, LookupError>, Wrong>;

/// One server, asked by a client on one runtime.
struct Asked<'a> {
    name: &'a str,
    server: SocketAddr,
    zone: &'a str,
    on: &'a Named,
}

impl Asked<'_> {
    /// A name of the zone, absolute.
    fn in_zone(&self, name: &str) -> String {
        format!("{name}.{}.", self.zone)
    }

    /// A client of this server alone.
    fn client(&self) -> Client {
        self.client_with(self.config())
    }

    fn config(&self) -> ClientConfig {
        ClientConfig::with_servers(vec![self.server])
    }

    fn client_with(&self, config: ClientConfig) -> Client {
        Client::new(self.on.runtime.clone(), config)
    }

    /// The addresses of a name of the zone.
    fn addresses(&self, name: &str, families: Families) -> Found<IpAnswer> {
        let lookup = self.client().lookup_ip(&self.in_zone(name), families);
        Ok(self.on.wait(lookup)?)
    }

    /// The SRV records of a name of the zone.
    fn services(&self, name: &str) -> Found<RecordAnswer<Srv>> {
        let lookup = self.client().lookup_srv(&self.in_zone(name));
        Ok(self.on.wait(lookup)?)
    }
}

/// Wrong unless what was found is what is right.
fn same<T, U>(found: &T, right: &U) -> Result<(), Wrong>
where
    T: PartialEq<U> + Debug,
    U: Debug,
{
    match found == right {
        true => Ok(()),
        false => Err(format!("found {found:?}, and {right:?} is right").into()),
    }
}
