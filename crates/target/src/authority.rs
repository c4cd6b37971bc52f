//! Parses the authority of a URI: `userinfo@host:port`.

use crate::bytes::{Short, Span, byte_at, escapes_are_text, find, raw_index};
use crate::fault::{Fault, Violation, ok};
use crate::host_port::{Form, HostPort, name};
use crate::ip;

/// Where the parts of an authority are. Offsets count in the whole text.
///
/// ```text
/// userinfo@host:port     user@[2001:db8::1]:53
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) whole: Span,
    /// The host without brackets.
    pub(crate) host: Span,
    pub(crate) form: Form,
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// Returns whether the host is in brackets: always for an IPv6 literal, never otherwise.
    pub(crate) const fn is_bracketed(&self) -> bool {
        matches!(self.form, Form::Ipv6)
    }

    pub(crate) const fn userinfo(&self) -> Option<Span> {
        let host = self.host.start - self.is_bracketed() as usize;
        if host == self.whole.start {
            return None;
        }
        Some(Span::new(self.whole.start, host - 1))
    }

    /// Returns the offset of the colon after the host. A port need not follow it.
    pub(crate) const fn colon(&self) -> Option<usize> {
        let after_host = self.host.end + self.is_bracketed() as usize;
        if after_host == self.whole.end {
            return None;
        }
        Some(after_host)
    }
}

/// Parses the authority at `whole`. Offsets of faults count in `text`.
///
/// Source: [RFC 3986 section 3.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2). Stricter in
/// two places: brackets must contain an IPv6 literal (with or without a zone, RFC 6874), and only
/// non-ASCII characters may be escaped in a host.
#[inline(always)]
pub(crate) const fn authority(text: &[u8], whole: Span) -> Result<Authority, Fault> {
    let bytes = whole.of(text);
    // No host and no port contains an `@`: if the text parses as a host and port, there is no
    // userinfo.
    let (start, found) = match host_port(bytes) {
        Err(fault) => match find(bytes, b'@', 0) {
            Some(at) => {
                ok!(userinfo_characters(bytes, at, whole.start));
                (at + 1, host_port(Span::new(at + 1, bytes.len()).of(bytes)))
            }
            None => (0, Err(fault)),
        },
        found => (0, found),
    };
    let start = whole.start + start;
    match found {
        Ok(found) => Ok(Authority {
            whole,
            host: found.host.shifted(start),
            form: found.form,
            port: found.port,
        }),
        Err(fault) => Err(fault.shifted(start)),
    }
}

#[inline(always)]
const fn host_port(bytes: &[u8]) -> Result<HostPort, Fault> {
    match bytes {
        [b'[', ..] => literal(bytes),
        _ => name_or_v4(bytes),
    }
}

const fn userinfo_characters(bytes: &[u8], end: usize, offset: usize) -> Result<(), Fault> {
    let mut i = 0;
    while i < end {
        if !(is_reg_name(bytes[i]) || matches!(bytes[i], b':' | b'%') || bytes[i] >= 0x80) {
            return Err(Fault::new(Violation::AuthorityCharacter, offset + i));
        }
        i += 1;
    }
    escapes_are_text(Span::new(0, end).of(bytes), offset)
}

/// Returns whether a byte is one of `unreserved` and `sub-delims` of RFC 3986 section 2.
const fn is_reg_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

/// [`is_reg_name`] as a table.
const IS_REG_NAME: [bool; 256] = {
    let mut is_reg_name = [false; 256];
    let mut i = 0;
    while i < 256 {
        is_reg_name[i] = self::is_reg_name(i as u8);
        i += 1;
    }
    is_reg_name
};

/// Parses `[address]` or `[address]:port`.
#[inline(always)]
const fn literal(bytes: &[u8]) -> Result<HostPort, Fault> {
    let Some(close) = find(bytes, b']', 0) else {
        return Err(Fault::new(Violation::AuthorityBrackets, bytes.len()));
    };
    let host = Span::new(1, close);
    let address_end = match find(host.of(bytes), b'%', 0) {
        Some(percent) => {
            ok!(zone(bytes, 1 + percent, close));
            1 + percent
        }
        None => close,
    };
    if ip::v6(Span::new(1, address_end).of(bytes)).is_none() {
        return Err(Fault::new(Violation::AuthorityBrackets, 1));
    }
    if close + 1 < bytes.len() && bytes[close + 1] != b':' {
        return Err(Fault::new(Violation::AuthorityBrackets, close + 1));
    }
    Ok(HostPort {
        host,
        form: Form::Ipv6,
        port: ok!(port_after(bytes, close + 1)),
    })
}

/// Checks the `%25` at `percent` and the zone between it and `close`.
const fn zone(bytes: &[u8], percent: usize, close: usize) -> Result<(), Fault> {
    // `split` has checked that two hexadecimal digits follow.
    if byte_at(bytes, percent).0 != b'%' {
        return Err(Fault::new(Violation::AuthorityZone, percent));
    }
    let start = percent + 3;
    if start >= close {
        return Err(Fault::new(Violation::AuthorityBrackets, close));
    }
    let zone = Span::new(start, close).of(bytes);
    ok!(escapes_are_text(zone, start));
    zone_characters(zone, start)
}

/// Checks that a zone consists of unreserved characters and escapes (RFC 6874), and that no escape
/// decodes to a control character.
const fn zone_characters(bytes: &[u8], offset: usize) -> Result<(), Fault> {
    let mut i = 0;
    while i < bytes.len() {
        let (byte, width) = byte_at(bytes, i);
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let fits = if width == 1 {
            plain || byte >= 0x80
        } else {
            byte >= 0x20 && byte != 0x7F
        };
        if !fits {
            return Err(Fault::new(Violation::AuthorityCharacter, offset + i));
        }
        i += width;
    }
    Ok(())
}

/// Parses `host` or `host:port`, with a host without brackets. A host that matches an IPv4 literal
/// is not a name (RFC 3986 section 3.2.2).
#[inline(always)]
const fn name_or_v4(bytes: &[u8]) -> Result<HostPort, Fault> {
    let (end, form) = match ip::v4_prefix(bytes) {
        Some((_, end)) if end == bytes.len() || bytes[end] == b':' => (end, Form::Ipv4),
        _ => (ok!(reg_name(bytes)), Form::Name),
    };
    match port_after(bytes, end) {
        Ok(port) => Ok(HostPort {
            host: Span::new(0, end),
            form,
            port,
        }),
        Err(fault) => match find(bytes, b':', end + 1) {
            Some(second) => Err(Fault::new(Violation::AuthorityColons, second)),
            None => Err(fault),
        },
    }
}

/// Checks a name up to the first colon or the end, and returns where that is.
const fn reg_name(bytes: &[u8]) -> Result<usize, Fault> {
    let mut escaped = false;
    let mut i = 0;
    while i < bytes.len() && bytes[i] != b':' {
        let byte = bytes[i];
        if byte == b'%' {
            if byte_at(bytes, i).0 < 0x80 {
                return Err(Fault::new(Violation::AuthorityEscape, i));
            }
            escaped = true;
        } else if !IS_REG_NAME[byte as usize] && byte < 0x80 {
            return Err(Fault::new(Violation::AuthorityCharacter, i));
        }
        i += 1;
    }
    if escaped {
        ok!(escapes_are_text(Span::new(0, i).of(bytes), 0));
    }
    Ok(i)
}

/// Parses the port after a host that ends at `end`. `None` if nothing follows, or only a colon: RFC
/// 3986 allows an empty port.
#[inline]
const fn port_after(bytes: &[u8], end: usize) -> Result<Option<u16>, Fault> {
    let start = end + 1;
    if start >= bytes.len() {
        return Ok(None);
    }
    match ip::digits(bytes, start) {
        (port @ 0..=0xFFFF, end) if end == bytes.len() => Ok(Some(port as u16)),
        _ => Err(Fault::new(Violation::AuthorityPort, start)),
    }
}

/// Checks the further conditions for an authority that is a DNS server: a port after a colon, and a
/// name that fits a DNS message.
#[inline(always)]
pub(crate) const fn check_server(
    text: &[u8],
    authority: &Authority,
    escaped: bool,
) -> Result<(), Fault> {
    if let (Some(colon), None) = (authority.colon(), authority.port) {
        return Err(Fault::new(Violation::AuthorityPortMissing, colon + 1));
    }
    // Only names are checked. An empty host is the local host, or means that no server is given.
    if !matches!(authority.form, Form::Name) || authority.host.is_empty() {
        return Ok(());
    }
    let raw = authority.host.of(text);
    let checked = if escaped {
        escaped_name(raw)
    } else {
        name(raw)
    };
    match checked {
        Ok(()) => Ok(()),
        Err(fault) => Err(Fault::new(
            Violation::AuthorityName,
            authority.host.start + fault.at,
        )),
    }
}

const fn escaped_name(raw: &[u8]) -> Result<(), Fault> {
    let Some(host) = Short::decode(raw) else {
        return Err(Fault::new(Violation::HostTooLong, 0));
    };
    match name(host.as_slice()) {
        Ok(()) => Ok(()),
        Err(fault) => Err(Fault::new(fault.violation, raw_index(raw, fault.at))),
    }
}
