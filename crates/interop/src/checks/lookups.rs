//! The lookups of the DNS client from real DNS servers, record by record.
//!
//! One server is authoritative for the zone; unbound resolves from it, and dnsmasq forwards to it. The
//! records are those of `xtask/src/interop/zone.rs`.

// A server and the lookups from it.
mod asked_server;

mod found;

mod config;
mod not_found;

use self::asked_server::AskedServer;
use super::stage::Stage;
use crate::wrong::Wrong;

/// The title of a check, and its function for one server on one runtime, which returns the findings as
/// text.
type Check = (&'static str, fn(&AskedServer<'_>) -> Result<String, Wrong>);

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

/// Checks each server on each runtime.
pub(crate) fn check(stage: &mut Stage<'_>) -> Result<(), Wrong> {
    for (name, server) in &stage.environment.nameservers {
        for (what, check) in CHECKS {
            let mut seen = String::new();
            for on in stage.runtimes {
                let asked = AskedServer {
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
