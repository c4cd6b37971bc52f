//! Parses `host`, `host:port` and `:port`, with IP literals in brackets or without.

use crate::bytes::{Span, dots_and_colons, find, find_control};
use crate::fault::{Fault, Violation, ok};
use crate::ip;

/// Where the host is, its form, and the port. Offsets count in the parsed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// The host without brackets. Empty if there is only a port, which means the local host.
    pub(crate) host: Span,
    pub(crate) form: Form,
    pub(crate) port: Option<u16>,
}

/// The form of a host. It does not contain the address, which is large; callers that need the
/// address parse the host again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Name,
    Ipv4,
    Ipv6,
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

/// Parses bytes without escapes.
#[inline(always)]
pub(crate) const fn host_port(bytes: &[u8]) -> Result<HostPort, Fault> {
    if bytes.is_empty() {
        return Err(Fault::new(Violation::EndpointMissing, 0));
    }
    if bytes[0] == b'[' {
        return bracketed(bytes);
    }
    // Usual text takes one pass. Text that fails may still be an IPv6 literal without brackets.
    let (end, fault) = match name_or_v4(bytes) {
        Ok((end, form)) => match port_after(bytes, end) {
            Ok(port) => {
                let host = Span::new(0, end);
                return Ok(HostPort { host, form, port });
            }
            Err(fault) => (end, fault),
        },
        Err(fault) => match find(bytes, b':', 0) {
            Some(colon) => (colon, fault),
            None => return Err(fault),
        },
    };
    let Some(second) = find(bytes, b':', end + 1) else {
        return Err(fault);
    };
    match ip::v6_zone(bytes) {
        Some(_) => Ok(HostPort {
            host: Span::new(0, bytes.len()),
            form: Form::Ipv6,
            port: None,
        }),
        None => Err(Fault::new(Violation::HostColons, second)),
    }
}

#[inline]
const fn bracketed(bytes: &[u8]) -> Result<HostPort, Fault> {
    let Some(close) = find(bytes, b']', 0) else {
        return Err(Fault::new(Violation::HostBracketOpen, bytes.len()));
    };
    let host = Span::new(1, close);
    let inside = host.of(bytes);
    let form = if ip::v6_zone(inside).is_some() {
        Form::Ipv6
    } else if ip::v4(inside).is_some() {
        Form::Ipv4
    } else if inside.is_empty()
        || find(inside, b':', 0).is_some()
        || find(inside, b'[', 0).is_some()
    {
        return Err(Fault::new(Violation::HostBrackets, 1));
    } else {
        // A name in brackets is odd, but other implementations accept it: a warning, not an error.
        match name(inside) {
            Ok(()) => Form::Name,
            Err(fault) => return Err(fault.shifted(1)),
        }
    };
    if close + 1 < bytes.len() && bytes[close + 1] != b':' {
        return Err(Fault::new(Violation::HostAfterBracket, close + 1));
    }
    let port = ok!(port_after(bytes, close + 1));
    Ok(HostPort { host, form, port })
}

/// Returns where a host without brackets ends (at a colon or at the end), and its form. A host that
/// matches an IPv4 literal is not a name ([RFC 3986 section
/// 3.2.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2)).
#[inline]
const fn name_or_v4(bytes: &[u8]) -> Result<(usize, Form), Fault> {
    if let Some((_, end)) = ip::v4_prefix(bytes)
        && (end == bytes.len() || bytes[end] == b':')
    {
        return Ok((end, Form::Ipv4));
    }
    Ok((ok!(labels(bytes)), Form::Name))
}

/// Parses the port after a host that ends at `end`; `None` if nothing follows.
#[inline]
const fn port_after(bytes: &[u8], end: usize) -> Result<Option<u16>, Fault> {
    if end == bytes.len() {
        return Ok(None);
    }
    Ok(Some(ok!(port(bytes, end + 1))))
}

/// Parses the digits from `start` to the end as a port.
#[inline]
const fn port(bytes: &[u8], start: usize) -> Result<u16, Fault> {
    if start >= bytes.len() {
        return Err(Fault::new(Violation::PortMissing, start));
    }
    match ip::digits(bytes, start) {
        (_, end) if end < bytes.len() => Err(Fault::new(Violation::PortNotNumber, end)),
        (value @ 0..=0xFFFF, _) => Ok(value as u16),
        _ => Err(Fault::new(Violation::PortRange, start)),
    }
}

/// Checks that a name fits a DNS message: labels of 1 to 63 bytes, 253 in all with the dots
/// (RFC 1035 section 2.3.4), with or without a dot at the end. Accepts any character but control
/// characters, because DNS names may contain any (RFC 2181 section 11).
pub(crate) const fn name(bytes: &[u8]) -> Result<(), Fault> {
    match labels(bytes) {
        Ok(0) => Err(Fault::new(Violation::HostEmptyLabel, 0)),
        Ok(end) if end == bytes.len() => no_control(bytes),
        Ok(colon) => Err(Fault::new(Violation::HostColons, colon)),
        Err(fault) => Err(fault),
    }
}

/// Checks that decoded bytes contain no control character. Only escapes can introduce one: the text
/// itself was checked.
pub(crate) const fn no_control(bytes: &[u8]) -> Result<(), Fault> {
    match find_control(bytes) {
        Some(at) => Err(Fault::new(Violation::HostControl, at)),
        None => Ok(()),
    }
}

/// Checks a name up to the first colon or the end, and returns where that is. An empty name is
/// valid.
#[inline]
const fn labels(bytes: &[u8]) -> Result<usize, Fault> {
    let mut label = 0;
    let mut end = bytes.len();
    let mut i = 0;
    while i < end {
        let mut marks = dots_and_colons(bytes, i);
        while marks != 0 {
            let at = i + (marks.trailing_zeros() / 8) as usize;
            if bytes[at] == b':' {
                end = at;
                break;
            }
            if at == label {
                return Err(Fault::new(Violation::HostEmptyLabel, at));
            }
            if at - label > 63 {
                return Err(Fault::new(Violation::HostLabelTooLong, label));
            }
            label = at + 1;
            marks &= marks - 1;
        }
        i += 8;
    }
    if end - label > 63 {
        return Err(Fault::new(Violation::HostLabelTooLong, label));
    }
    let dot_at_end = label > 0 && label == end;
    if end - dot_at_end as usize > 253 {
        return Err(Fault::new(Violation::HostTooLong, 253));
    }
    Ok(end)
}
