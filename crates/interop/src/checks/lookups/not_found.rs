//! Names and records that are not there.

use std::fmt::Debug;

use trunkline_dns::{Families, LookupError, LookupErrorKind};

use super::asked_server::AskedServer;
use crate::wrong::Wrong;

/// How the lookup of a name that does not exist fails, and the words for it.
const NO_NAME: (LookupErrorKind, &str) = (LookupErrorKind::NotFound, "NXDOMAIN");

/// The same, of a name that has other records.
const NO_DATA: (LookupErrorKind, &str) = (LookupErrorKind::NoData, "no such records");

/// In the zone, at the end of a chain, and below the data of the server's own configuration, where
/// no SOA record says so.
pub(super) fn no_name(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    // Of `lost` no AAAA records are asked for: dnsmasq, which knows it as an alias from the answer to
    // A, turns the NXDOMAIN into "no such records" where that comes second.
    let names = [
        ("no-such", Families::Both),
        ("lost", Families::Ipv4),
        ("no-such.local", Families::Both),
    ];
    for (name, families) in names {
        let lookup = asked.addresses(name, families)?;
        not_there(asked, name, lookup, NO_NAME)?;
    }
    let service = "_sip._tcp.no-such";
    not_there(asked, service, asked.services(service)?, NO_NAME)?;
    let names = names.map(|(name, _)| name).join(", ");
    Ok(format!("{names}, {service}: {}", NO_NAME.1))
}

pub(super) fn no_data(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let names = ["text", "_sip._tcp.host.local"];
    for name in names {
        let lookup = asked.addresses(name, Families::Both)?;
        not_there(asked, name, lookup, NO_DATA)?;
    }
    let host = "host.local";
    not_there(asked, host, asked.services(host)?, NO_DATA)?;
    Ok(format!("{}, {host}: {}", names.join(", "), NO_DATA.1))
}

/// Wrong unless the lookup fails as it must, and tells the name, the server and what that said.
fn not_there<T: Debug>(
    asked: &AskedServer<'_>,
    name: &str,
    lookup: Result<T, LookupError>,
    (kind, words): (LookupErrorKind, &str),
) -> Result<(), Wrong> {
    let Err(error) = lookup else {
        return Err(format!("{name}: found {lookup:?}").into());
    };
    let text = error.to_string();
    let parts = [&asked.in_zone(name), &asked.server.to_string(), words];
    if error.kind() != kind || parts.iter().any(|part| !text.contains(part)) {
        let right = parts.join(", ");
        return Err(format!("{name}: {kind:?} with {right} is right, not: {text}").into());
    }
    Ok(())
}
