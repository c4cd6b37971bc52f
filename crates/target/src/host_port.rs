//! `host`, `host:port`, `:port`, IP literals with and without brackets.

use core::net::IpAddr;

use crate::fault::{Fault, What, ok};
use crate::ip;
use crate::octets::{Span, find};

/// Where the host is and what it is. Offsets count in the octets that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// Without brackets; empty where there is only a port, which means the local host.
    pub(crate) host: Span,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: Option<u16>,
}

impl HostPort {
    #[inline]
    pub(crate) const fn port_or(&self, default: u16) -> u16 {
        match self.port {
            Some(port) => port,
            None => default,
        }
    }
}

/// Reads octets without escapes.
#[inline]
pub(crate) const fn host_port(octets: &[u8]) -> Result<HostPort, Fault> {
    if octets.is_empty() {
        return Err(Fault::new(What::EndpointMissing, 0));
    }
    if octets[0] == b'[' {
        return bracketed(octets);
    }
    // The usual thing in one pass; whatever is wrong with it may be right as an IPv6 literal.
    let (end, fault) = match labels(octets) {
        Ok(end) if end == octets.len() => return Ok(named(octets, end, None)),
        Ok(end) => match port(octets, end + 1) {
            Ok(port) => return Ok(named(octets, end, Some(port))),
            Err(fault) => (end, fault),
        },
        Err(fault) => match find(octets, b':', 0) {
            Some(colon) => (colon, fault),
            None => return Err(fault),
        },
    };
    let Some(second) = find(octets, b':', end + 1) else {
        return Err(fault);
    };
    match ip::v6_zone(octets) {
        Some((ip, _)) => Ok(HostPort {
            host: Span::new(0, octets.len()),
            ip: Some(IpAddr::V6(ip)),
            port: None,
        }),
        None => Err(Fault::new(What::HostColons, second)),
    }
}

#[inline]
const fn bracketed(octets: &[u8]) -> Result<HostPort, Fault> {
    let Some(close) = find(octets, b']', 0) else {
        return Err(Fault::new(What::HostBracketOpen, octets.len()));
    };
    let host = Span::new(1, close);
    let inside = host.of(octets);
    let ip = ip::any(inside);
    if ip.is_none() {
        if inside.is_empty() || find(inside, b':', 0).is_some() || find(inside, b'[', 0).is_some() {
            return Err(Fault::new(What::HostBrackets, 1));
        }
        // A name in brackets is odd, and works elsewhere: a warning, not an error.
        match name(inside) {
            Ok(()) => {}
            Err(fault) => return Err(fault.shifted(1)),
        }
    }
    let port = if close + 1 == octets.len() {
        None
    } else if octets[close + 1] == b':' {
        Some(ok!(port(octets, close + 2)))
    } else {
        return Err(Fault::new(What::HostAfterBracket, close + 1));
    };
    Ok(HostPort { host, ip, port })
}

/// A host that ends at `end`, which may be an IPv4 literal.
#[inline]
const fn named(octets: &[u8], end: usize, port: Option<u16>) -> HostPort {
    let host = Span::new(0, end);
    let ip = match host.of(octets) {
        [first, rest @ ..] if first.is_ascii_digit() && !rest.is_empty() => {
            match ip::v4(host.of(octets)) {
                Some(ip) => Some(IpAddr::V4(ip)),
                None => None,
            }
        }
        _ => None,
    };
    HostPort { host, ip, port }
}

/// The digits from `start` to the end.
#[inline]
const fn port(octets: &[u8], start: usize) -> Result<u16, Fault> {
    if start >= octets.len() {
        return Err(Fault::new(What::PortMissing, start));
    }
    let mut value: u32 = 0;
    let mut i = start;
    while i < octets.len() {
        if !octets[i].is_ascii_digit() {
            return Err(Fault::new(What::PortNotNumber, i));
        }
        value = value
            .saturating_mul(10)
            .saturating_add((octets[i] - b'0') as u32);
        i += 1;
    }
    if value > u16::MAX as u32 {
        return Err(Fault::new(What::PortRange, start));
    }
    Ok(value as u16)
}

/// Checks what a DNS message can hold: labels of 1 to 63 octets, 253 in all with the dots
/// (RFC 1035 section 2.3.4), with or without a dot at the end. Which characters a host name should
/// have is not asked here: RFC 2181 section 11 lets DNS hold any.
pub(crate) const fn name(octets: &[u8]) -> Result<(), Fault> {
    match labels(octets) {
        Ok(0) => Err(Fault::new(What::HostEmptyLabel, 0)),
        Ok(end) if end == octets.len() => Ok(()),
        Ok(colon) => Err(Fault::new(What::HostColons, colon)),
        Err(fault) => Err(fault),
    }
}

/// The octets of a name that mean something: control characters, dot and colon.
const IS_MARK: [bool; 256] = {
    let mut is_mark = [false; 256];
    let mut i = 0;
    while i < 0x20 {
        is_mark[i] = true;
        i += 1;
    }
    is_mark[0x7F] = true;
    is_mark[b'.' as usize] = true;
    is_mark[b':' as usize] = true;
    is_mark
};

/// Checks a name up to the first colon, or the end; returns where that is. No name is fine.
const fn labels(octets: &[u8]) -> Result<usize, Fault> {
    let mut label = 0;
    let mut i = 0;
    while i < octets.len() {
        let octet = octets[i];
        if !IS_MARK[octet as usize] {
            i += 1;
            continue;
        }
        if octet == b':' {
            break;
        }
        if octet < 0x20 || octet == 0x7F {
            return Err(Fault::new(What::HostControl, i));
        }
        if octet == b'.' {
            if i == label {
                return Err(Fault::new(What::HostEmptyLabel, i));
            }
            if i - label > 63 {
                return Err(Fault::new(What::HostLabelTooLong, label));
            }
            label = i + 1;
        }
        i += 1;
    }
    if i - label > 63 {
        return Err(Fault::new(What::HostLabelTooLong, label));
    }
    let dot_at_end = label > 0 && label == i;
    if i - dot_at_end as usize > 253 {
        return Err(Fault::new(What::HostTooLong, 253));
    }
    Ok(i)
}
