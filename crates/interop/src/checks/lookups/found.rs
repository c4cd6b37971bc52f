//! Lookups of records that exist.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use trunkline_dns::{Families, IpAnswer, ServerOutcome, Transport};

use super::asked_server::{AskedServer, same};
use crate::clock::until;
use crate::wrong::Wrong;

/// The addresses of `dual`, IPv4 first.
pub(super) const DUAL: [&str; 4] = ["127.0.0.1", "127.0.0.9", "::1", "2001:db8::9"];

/// The number of addresses of `many`.
const MANY: u8 = 200;

/// The TTL of `minute`, in seconds.
const MINUTE: f64 = 60.0;

/// Looks up a host with addresses of both families.
pub(super) fn both_families(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let answer = asked.addresses("dual", Families::Both)??;
    addresses(&answer, &DUAL)
}

/// Looks up a host with IPv6 addresses only.
pub(super) fn one_family(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let answer = asked.addresses("only-v6", Families::Both)??;
    addresses(&answer, &["2001:db8::6"])
}

/// Looks up SRV records with different priorities and weights.
pub(super) fn services(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let right = [
        (10, 20, 5061, "chain"),
        (10, 60, 5060, "dual"),
        (20, 0, 5062, "only-v6"),
    ];
    services_of(asked, "_sip._tcp.weighted", &right)
}

/// Looks up TXT records.
pub(super) fn texts(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let lookup = asked.client().lookup_txt(&asked.in_zone("text"));
    let answer = asked.on.wait(lookup)??;
    let texts = answer.records.iter();
    let found: BTreeSet<_> = texts.map(|text| String::from_utf8_lossy(text)).collect();
    same(&found, &["another".into(), "one record".into()].into())?;
    same(&answer.records.len(), &found.len())?;
    Ok(format!("{found:?}"))
}

/// Looks up a chain of five CNAME records, over names with different numbers of labels.
pub(super) fn chain(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let answer = asked.addresses("chain", Families::Both)??;
    let end = answer.canonical.as_ref().map(ToString::to_string);
    same(&end, &Some(asked.in_zone("dual")))?;
    addresses(&answer, &DUAL).map(|found| format!("5 to dual: {found}"))
}

/// Looks up more addresses than fit into a datagram.
pub(super) fn over_tcp(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let answer = asked.addresses("many", Families::Ipv4)??;
    let attempts = answer.attempts.iter();
    let attempts: Vec<_> = attempts
        .map(|attempt| (attempt.transport, attempt.outcome))
        .collect();
    let right = [
        (Transport::Udp, ServerOutcome::Truncated),
        (Transport::Tcp, ServerOutcome::Answered(usize::from(MANY))),
    ];
    same(&attempts, &right)?;
    let found: BTreeSet<_> = answer.addresses.iter().map(|found| found.ip).collect();
    let others = (1..MANY).map(|last| Ipv4Addr::new(127, 77, 0, last).into());
    let right = others.chain([IpAddr::from(Ipv4Addr::LOCALHOST)]).collect();
    same(&found, &right)?;
    Ok("truncated over UDP, all over TCP".to_owned())
}

/// Checks that the authoritative server returns the whole TTL, and a server with a cache what is
/// left of it.
pub(super) fn ttl(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let ask = || -> Result<_, Wrong> {
        let answer = asked.addresses("minute", Families::Ipv4)??;
        // The TTL is a little less than a whole number, because time has passed since the reply.
        Ok(answer.ttl.unwrap_or_default().as_secs_f64().ceil())
    };
    if !["unbound", "dnsmasq"].contains(&asked.name) {
        same(&ask()?, &MINUTE)?;
        return Ok("60 s".to_owned());
    }
    let mut left = MINUTE;
    until("an answer from its cache", || {
        left = ask()?;
        Ok(left < MINUTE)
    })?;
    if left < MINUTE / 2.0 {
        return Err(
            format!("only {left} s of 60 s are left, and this check is faster than that").into(),
        );
    }
    Ok(format!("of 60 s, {left} s are left in its cache"))
}

/// Looks up records of the server's own configuration, for names below `local`.
pub(super) fn local(asked: &AskedServer<'_>) -> Result<String, Wrong> {
    let answer = asked.addresses("host.local", Families::Both)??;
    let found = addresses(&answer, &["127.0.0.8", "::8"])?;
    let services = services_of(asked, "_sip._tcp.host.local", &[(1, 2, 5060, "host.local")])?;
    Ok(format!("{found}; {services}"))
}

/// Returns the addresses as text.
///
/// # Errors
///
/// When the answer is partial, or has other addresses than these.
pub(super) fn addresses(answer: &IpAnswer, right: &[&str]) -> Result<String, Wrong> {
    same(&answer.partial, &None)?;
    let each = right.iter().map(|text| text.parse::<IpAddr>());
    let right: BTreeSet<_> = each.collect::<Result<_, _>>()?;
    let found: BTreeSet<_> = answer.addresses.iter().map(|found| found.ip).collect();
    same(&found, &right)?;
    let each: Vec<_> = found.iter().map(ToString::to_string).collect();
    Ok(each.join(", "))
}

/// Looks up SRV records, and returns them as text. `right` is priority, weight, port and host of each.
///
/// # Errors
///
/// When the name has other records than these.
fn services_of(
    asked: &AskedServer<'_>,
    name: &str,
    right: &[(u16, u16, u16, &str)],
) -> Result<String, Wrong> {
    let answer = asked.services(name)??;
    let records = answer.records.iter();
    let mut found: Vec<_> = records
        .map(|srv| (srv.priority, srv.weight, srv.port, srv.target.to_string()))
        .collect();
    found.sort();
    let right = right.iter();
    let right =
        right.map(|&(priority, weight, port, host)| (priority, weight, port, asked.in_zone(host)));
    same(&found, &right.collect::<Vec<_>>())?;
    let each = found.iter();
    let each: Vec<_> = each
        .map(|(priority, weight, port, host)| format!("{priority} {weight} {port} {host}"))
        .collect();
    Ok(each.join(", "))
}
