//! Names that need no server.

use std::borrow::Cow;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    AnswerSource, Families, Hosts, LookupError, LookupErrorKind, Name, NameError, NameErrorKind,
    ScopedIp,
};

/// What is known about a host without a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Local {
    /// Its addresses are known: at least one.
    Found {
        /// The addresses.
        addresses: Vec<ScopedIp>,
        /// The origin of the addresses.
        source: AnswerSource,
        /// The absolute name; `None` for an IP literal.
        name: Option<Name>,
    },
    /// A server must be asked for this name.
    Ask(Name),
}

/// Returns the addresses of a host that needs no server: an IP literal, a name of the hosts file,
/// or a name with a fixed answer.
///
/// `interface` returns the index of an interface by its name, for `fe80::1%eth0`.
///
/// # Errors
///
/// An invalid name; a name that does not exist by RFC 6761 or RFC 7686; a family that a literal or
/// the hosts file does not have. [`Unavailable`](LookupErrorKind::Unavailable) for an address whose
/// interface is not known: it may appear later.
pub fn local_answer(
    host: &str,
    families: Families,
    hosts: &Hosts,
    interface: impl Fn(&str) -> Option<u32>,
) -> Result<Local, LookupError> {
    let missing = RefCell::new(None);
    let interface = |zone: &str| {
        let index = interface(zone);
        if index.is_none() {
            *missing.borrow_mut() = Some(zone.to_owned());
        }
        index
    };
    if let Some(address) = literal(host, interface) {
        return found(host, vec![address], AnswerSource::Literal, None, families);
    }
    if let Some(zone) = missing.take() {
        return Err(no_interface(host, &zone));
    }
    if host.contains([':', '%', '[', ']']) {
        return Err(LookupError::local(
            LookupErrorKind::InvalidName,
            host,
            "it is neither an IP address nor a name; its brackets, port or zone are not understood",
        ));
    }
    let name = check_name(host)?;
    if let Some(mut addresses) = hosts.get(&name, interface) {
        if let Some(zone) = missing.take().filter(|_| addresses.is_empty()) {
            return Err(no_interface(host, &zone));
        }
        if ends_with(&name, "localhost") {
            complete_loopback(&mut addresses);
        }
        return found(host, addresses, AnswerSource::Hosts, Some(name), families);
    }
    if ends_with(&name, "localhost") {
        let both = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return found(host, both, AnswerSource::Special, Some(name), families);
    }
    Ok(Local::Ask(name))
}

/// Adds the loopback address of the family that the hosts file leaves out, as many do with `::1`.
/// Where the file has another address for `localhost`, adds nothing.
fn complete_loopback(addresses: &mut Vec<ScopedIp>) {
    if !addresses.iter().all(|address| address.ip.is_loopback()) {
        return;
    }
    for loopback in [
        Ipv4Addr::LOCALHOST.into(),
        ScopedIp::from(Ipv6Addr::LOCALHOST),
    ] {
        if !addresses
            .iter()
            .any(|other| other.family() == loopback.family())
        {
            addresses.push(loopback);
        }
    }
}

/// Parses a name that servers may be asked for.
///
/// # Errors
///
/// A text that is not a name; a name that does not exist by RFC 6761 or RFC 7686.
pub(crate) fn check_name(text: &str) -> Result<Name, LookupError> {
    let ascii = to_ascii(text)?;
    let name = Name::parse(&ascii).map_err(|error| LookupError::invalid(text, &error))?;
    if name.is_root() {
        let error = NameError::new(NameErrorKind::Empty, 0);
        return Err(LookupError::invalid(text, &error));
    }
    if name.labels().last().is_some_and(is_number) {
        let error = NameError::new(NameErrorKind::NumericEnd, 0);
        return Err(LookupError::invalid(text, &error));
    }
    let why = if ends_with(&name, "invalid") {
        "names under .invalid do not exist (RFC 6761 section 6.4)"
    } else if ends_with(&name, "onion") {
        "names under .onion are not in the DNS (RFC 7686)"
    } else {
        return Ok(name);
    };
    Err(LookupError::local(LookupErrorKind::NotFound, text, why))
}

/// Returns the name as servers are asked for it: in its `xn--` form (UTS 46, non-transitional).
///
/// Without the feature `idna` it returns the text unchanged; [`Name::parse`] rejects a name that is
/// not ASCII, with the offset.
///
/// # Errors
///
/// [`LookupErrorKind::InvalidName`], if a letter has no `xn--` form.
#[cfg(feature = "idna")]
pub fn to_ascii(text: &str) -> Result<Cow<'_, str>, LookupError> {
    let encoded = |label: &str| {
        label
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
    };
    if text.is_ascii() && !text.split('.').any(encoded) {
        return Ok(text.into());
    }
    idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY).map_err(|_| {
        let why = "its letters cannot be converted to the `xn--` form (UTS 46)";
        LookupError::local(LookupErrorKind::InvalidName, text, why)
    })
}

/// Returns the name unchanged. [`Name::parse`] rejects one that is not ASCII, with the offset.
///
/// With the feature `idna` it returns the `xn--` form of the name.
///
/// # Errors
///
/// None without the feature.
#[cfg(not(feature = "idna"))]
pub fn to_ascii(text: &str) -> Result<Cow<'_, str>, LookupError> {
    Ok(text.into())
}

/// Parses an IP literal: four decimal numbers with dots, or IPv6 with an optional zone.
fn literal(host: &str, interface: impl Fn(&str) -> Option<u32>) -> Option<ScopedIp> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Some(ip.into());
    }
    let (ip, zone) = host.split_once('%')?;
    let ip = IpAddr::V6(ip.parse().ok()?);
    let scope_id = zone.parse().ok().or_else(|| interface(zone))?;
    Some(ScopedIp { ip, scope_id })
}

/// Returns the error for an address whose interface is not known.
fn no_interface(host: &str, zone: &str) -> LookupError {
    let zone = zone.escape_debug();
    let why = format!("there is no network interface {zone} on this machine");
    LookupError::local(LookupErrorKind::Unavailable, host, &why)
}

/// Returns whether a label is a decimal or hexadecimal number, as no top-level domain is.
fn is_number(label: &[u8]) -> bool {
    let hexadecimal = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    label.iter().all(u8::is_ascii_digit)
        || label
            .strip_prefix(b"0x")
            .or_else(|| label.strip_prefix(b"0X"))
            .is_some_and(hexadecimal)
}

fn ends_with(name: &Name, label: &str) -> bool {
    name.labels()
        .last()
        .is_some_and(|last| last.eq_ignore_ascii_case(label.as_bytes()))
}

fn found(
    host: &str,
    mut addresses: Vec<ScopedIp>,
    source: AnswerSource,
    name: Option<Name>,
    families: Families,
) -> Result<Local, LookupError> {
    addresses.retain(|address| families.include(address.family()));
    addresses.sort_by_key(|address| address.family());
    if addresses.is_empty() {
        let why = match source {
            AnswerSource::Hosts => "the hosts file has only addresses of the other family",
            _ => "it is an address of the other family",
        };
        return Err(LookupError::local(LookupErrorKind::NoData, host, why));
    }
    Ok(Local::Found {
        addresses,
        source,
        name: name.map(|name| name.to_absolute()),
    })
}
