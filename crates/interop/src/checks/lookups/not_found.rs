//! Lookups of names and records that do not exist.

use std::fmt::Debug;

use trunkline_dns::{Families, LookupError, LookupErrorKind};

use super::asked_server::AskedServer;
use crate::wrong::Wrong;

/// The kind of error for a name that does not exist, and words in its text.
const NO_NAME: (LookupErrorKind, &str) = (LookupErrorKind::NotFound, "NXDOMAIN");

/// The kind of error for a name that has only other records, and words in its text.
const NO_DATA: (LookupErrorKind, &str) = (LookupErrorKind::NoData, "no such records");

/// Looks up names that do not exist: in the zone, at the end of a chain, and below the records of
/// the server's own configuration, where the reply has no SOA record.
pub(super) fn no_name(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    // No AAAA records of `lost` are looked up. dnsmasq has its CNAME in the cache after the query for A,
    // and answers a second query with "no such records" instead of NXDOMAIN.
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

/// Looks up names without records of the type.
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

/// Returns an error unless the lookup failed with this kind, and its text has the name, the server and
/// these words.
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
        return Err(format!("{name}: expected {kind:?} with {right}, found: {text}").into());
    }
    Ok(())
}
