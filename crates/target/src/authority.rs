//! The authority of a URI: `userinfo@host:port`.

use core::net::IpAddr;

use crate::fault::{Fault, What, ok};
use crate::ip;
use crate::octets::{Short, Span, escapes_are_text, find, octet_at, raw_index};

/// Where the parts are. Offsets count in the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) whole: Span,
    pub(crate) userinfo: Option<Span>,
    /// Without brackets.
    pub(crate) host: Span,
    pub(crate) bracketed: bool,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) port: Option<u16>,
    /// A colon stands there, with or without a port.
    pub(crate) colon: Option<usize>,
}

/// Reads the authority at `whole` by [RFC 3986 section
/// 3.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2), stricter in two places: brackets hold
/// an IPv6 literal (with a zone by RFC 6874), and only non-ASCII characters are escaped in a host.
pub(crate) const fn authority(text: &[u8], whole: Span) -> Result<Authority, Fault> {
    let octets = whole.of(text);
    let mut host = 0;
    let mut userinfo = None;
    if let Some(at) = find(octets, b'@', 0) {
        ok!(userinfo_characters(octets, at, whole.start));
        userinfo = Some(Span::new(whole.start, whole.start + at));
        host = at + 1;
    }
    let mut found = if host < octets.len() && octets[host] == b'[' {
        ok!(literal(octets, host, whole.start))
    } else {
        ok!(reg_name(octets, host, whole.start))
    };
    found.whole = whole;
    found.userinfo = userinfo;
    Ok(found)
}

const fn userinfo_characters(octets: &[u8], end: usize, offset: usize) -> Result<(), Fault> {
    let mut i = 0;
    while i < end {
        if !(is_reg_name(octets[i]) || matches!(octets[i], b':' | b'%') || octets[i] >= 0x80) {
            return Err(Fault::new(What::AuthorityCharacter, offset + i));
        }
        i += 1;
    }
    escapes_are_text(Span::new(0, end).of(octets), offset)
}

/// unreserved and sub-delims.
const fn is_reg_name(octet: u8) -> bool {
    octet.is_ascii_alphanumeric()
        || matches!(
            octet,
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

const fn literal(octets: &[u8], open: usize, offset: usize) -> Result<Authority, Fault> {
    let Some(close) = find(octets, b']', open) else {
        return Err(Fault::new(What::AuthorityBrackets, offset + octets.len()));
    };
    let inside = Span::new(open + 1, close).of(octets);
    let address_end = match find(inside, b'%', 0) {
        Some(percent) => {
            // The check of escapes has seen two hexadecimal digits there.
            if octet_at(inside, percent).0 != b'%' {
                return Err(Fault::new(What::AuthorityZone, offset + open + 1 + percent));
            }
            if percent + 3 >= inside.len() {
                return Err(Fault::new(What::AuthorityBrackets, offset + close));
            }
            let zone = offset + open + 1 + percent + 3;
            let zone_octets = Span::new(percent + 3, inside.len()).of(inside);
            ok!(escapes_are_text(zone_octets, zone));
            ok!(zone_characters(zone_octets, zone));
            percent
        }
        None => inside.len(),
    };
    let Some(ip) = ip::v6(Span::new(0, address_end).of(inside)) else {
        return Err(Fault::new(What::AuthorityBrackets, offset + open + 1));
    };
    let mut found = Authority {
        whole: Span::new(0, 0),
        userinfo: None,
        host: Span::new(offset + open + 1, offset + close),
        bracketed: true,
        ip: Some(IpAddr::V6(ip)),
        port: None,
        colon: None,
    };
    if close + 1 < octets.len() {
        if octets[close + 1] != b':' {
            return Err(Fault::new(What::AuthorityBrackets, offset + close + 1));
        }
        found.colon = Some(offset + close + 1);
        found.port = ok!(port(octets, close + 2, offset));
    }
    Ok(found)
}

/// A zone is unreserved characters and escapes (RFC 6874); an escape hides no control character.
const fn zone_characters(octets: &[u8], offset: usize) -> Result<(), Fault> {
    let mut i = 0;
    while i < octets.len() {
        let (octet, width) = octet_at(octets, i);
        let plain = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~');
        let fits = if width == 1 {
            plain || octet >= 0x80
        } else {
            octet >= 0x20 && octet != 0x7F
        };
        if !fits {
            return Err(Fault::new(What::AuthorityCharacter, offset + i));
        }
        i += width;
    }
    Ok(())
}

const fn reg_name(octets: &[u8], start: usize, offset: usize) -> Result<Authority, Fault> {
    let mut i = start;
    let mut colon = None;
    let mut escaped = false;
    while i < octets.len() {
        let octet = octets[i];
        if IS_REG_NAME[octet as usize] {
            i += 1;
            continue;
        }
        if octet == b':' {
            if let Some(next) = find(octets, b':', i + 1) {
                return Err(Fault::new(What::AuthorityColons, offset + next));
            }
            colon = Some(i);
            break;
        } else if octet == b'%' {
            if octet_at(octets, i).0 < 0x80 {
                return Err(Fault::new(What::AuthorityEscape, offset + i));
            }
            escaped = true;
        } else if octet < 0x80 {
            return Err(Fault::new(What::AuthorityCharacter, offset + i));
        }
        i += 1;
    }
    let host = Span::new(start, i);
    let inside = host.of(octets);
    if escaped {
        ok!(escapes_are_text(inside, offset + start));
    }
    let port = match colon {
        Some(at) => ok!(port(octets, at + 1, offset)),
        None => None,
    };
    Ok(Authority {
        whole: Span::new(0, 0),
        userinfo: None,
        host: Span::new(offset + start, offset + i),
        bracketed: false,
        ip: match ip::v4(inside) {
            Some(ip) => Some(IpAddr::V4(ip)),
            None => None,
        },
        port,
        colon: match colon {
            Some(at) => Some(offset + at),
            None => None,
        },
    })
}

/// RFC 3986 lets a port be empty.
const fn port(octets: &[u8], start: usize, offset: usize) -> Result<Option<u16>, Fault> {
    if start >= octets.len() {
        return Ok(None);
    }
    match ip::decimal(Span::new(start, octets.len()).of(octets)) {
        Some(port) if port <= u16::MAX as u32 => Ok(Some(port as u16)),
        _ => Err(Fault::new(What::AuthorityPort, offset + start)),
    }
}

/// Checks what only a server that is asked must fulfil: a port after a colon, a name that DNS can
/// hold.
pub(crate) const fn check_server(text: &[u8], authority: &Authority) -> Result<(), Fault> {
    if let (Some(colon), None) = (authority.colon, authority.port) {
        return Err(Fault::new(What::AuthorityPortMissing, colon + 1));
    }
    // Without a host it is the local one, or no server at all.
    if authority.ip.is_some() || authority.host.is_empty() {
        return Ok(());
    }
    let raw = authority.host.of(text);
    let Some(host) = Short::decode(raw) else {
        return Err(Fault::new(What::AuthorityName, authority.host.start));
    };
    match crate::host_port::name(host.as_slice()) {
        Ok(()) => Ok(()),
        Err(fault) => Err(Fault::new(
            What::AuthorityName,
            authority.host.start + raw_index(raw, fault.at),
        )),
    }
}
