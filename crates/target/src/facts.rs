//! Checks the parts of a text by the rules of its scheme, without allocating. A target that passes
//! is usable, so no error is left for the first call.

use crate::authority::{Authority, authority, check_server};
use crate::bytes::{Short, Span, byte_at, escapes_are_text, find, raw_index};
use crate::fault::{Fault, Violation, ok};
use crate::host_port::{Form, HostPort, host_port, name, no_control};
use crate::ip;
use crate::schemes::{SchemeKind, Schemes};
use crate::split::{Split, split};

/// The content of a checked text, beyond its [`Split`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) authority: Option<Authority>,
    pub(crate) view: ViewFacts,
}

/// The content of a typed view. Offsets count in the decoded endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ViewFacts {
    Dns(HostPort),
    Srv,
    Unix,
    UnixAbstract,
    Ipv4,
    Ipv6,
    Vsock { cid: u32, port: u32 },
    Passthrough(Option<HostPort>),
    Xds,
    Other,
}

/// The longest path or abstract name that fits a Unix socket's address together with its NUL, on
/// any system; in bytes.
const PATH_MAX: usize = 107;

/// Splits and checks a text. Offsets of faults count in the text.
///
/// The facts are not returned, so that a target stays small; [`facts`] computes them again.
#[inline(always)]
pub(crate) const fn read<'s>(text: &[u8], schemes: Schemes<'s>) -> Result<Split<'s>, Fault> {
    let split = ok!(split(text, schemes));
    match check(text, &split) {
        Ok(_) => Ok(split),
        Err(_) if split.fell_back && names_a_scheme(text) => {
            // The text before the colon was meant as a scheme, so report it instead of a bad port.
            Err(Fault::new(Violation::UnknownScheme, 0))
        }
        Err(fault) => Err(fault),
    }
}

/// Returns the facts of a text that [`read`] has accepted.
pub(crate) fn facts(text: &str, split: &Split<'_>) -> Facts {
    // The same check has passed before, so it cannot fail.
    check(text.as_bytes(), split).unwrap_or(Facts {
        authority: None,
        view: ViewFacts::Other,
    })
}

/// Returns whether a text begins with `scheme:/`. After a host's colon there would be a port, which
/// does not begin with a slash.
pub(crate) const fn names_a_scheme(text: &[u8]) -> bool {
    match crate::split::scheme_end(text) {
        Some(colon) => colon + 1 < text.len() && text[colon + 1] == b'/',
        None => false,
    }
}

#[inline(always)]
const fn check(text: &[u8], split: &Split<'_>) -> Result<Facts, Fault> {
    let kind = split.kind;
    let authority = match split.authority() {
        Some(span) if span.is_empty() => None,
        Some(span) if kind.has_no_authority() => {
            return Err(Fault::new(Violation::AuthorityRefused, span.start));
        }
        Some(span) => Some(ok!(authority(text, span))),
        None => None,
    };
    // Unix paths keep their leading slash. `unix:///` is the root: useless, but a path.
    let name = if kind.is_unix() {
        split.path()
    } else {
        split.endpoint(text)
    };
    let raw = name.of(text);
    if split.escaped {
        if let Some(fragment) = split.fragment() {
            ok!(escapes_are_text(fragment.of(text), fragment.start));
        }
        if !kind.is_unix() {
            ok!(escapes_are_text(raw, name.start));
        }
    }
    if name.is_empty() && !matches!(kind, SchemeKind::Other) {
        return Err(Fault::new(Violation::EndpointMissing, name.start));
    }
    let view = match view(kind, raw, split.escaped) {
        Ok(view) => view,
        Err(fault) => return Err(fault.shifted(name.start)),
    };
    if let (SchemeKind::Dns | SchemeKind::Srv, Some(server)) = (kind, &authority) {
        ok!(check_server(text, server, split.escaped));
    }
    Ok(Facts { authority, view })
}

/// Checks `raw`, the endpoint or a Unix socket's path. Offsets of faults count in `raw`.
#[inline(always)]
const fn view(kind: SchemeKind, raw: &[u8], escaped: bool) -> Result<ViewFacts, Fault> {
    Ok(match kind {
        SchemeKind::Dns => ViewFacts::Dns(ok!(dns(raw, escaped))),
        SchemeKind::Srv => {
            ok!(srv(raw, escaped));
            ViewFacts::Srv
        }
        SchemeKind::Unix => {
            ok!(socket_path(raw, escaped, true));
            ViewFacts::Unix
        }
        SchemeKind::UnixAbstract => {
            ok!(socket_path(raw, escaped, false));
            ViewFacts::UnixAbstract
        }
        SchemeKind::Ipv4 => {
            ok!(list(raw, escaped, false));
            ViewFacts::Ipv4
        }
        SchemeKind::Ipv6 => {
            ok!(list(raw, escaped, true));
            ViewFacts::Ipv6
        }
        SchemeKind::Vsock => ok!(vsock(raw)),
        SchemeKind::Passthrough => ViewFacts::Passthrough(passthrough(raw, escaped)),
        SchemeKind::Xds => ViewFacts::Xds,
        SchemeKind::Other => ViewFacts::Other,
    })
}

#[inline(always)]
const fn dns(raw: &[u8], escaped: bool) -> Result<HostPort, Fault> {
    if !escaped {
        return host_port(raw);
    }
    let Some(decoded) = Short::decode(raw) else {
        return Err(Fault::new(Violation::HostTooLong, 0));
    };
    let bytes = decoded.as_slice();
    let fault = match (host_port(bytes), no_control(bytes)) {
        (Ok(found), Ok(())) => return Ok(found),
        (Err(fault), _) | (_, Err(fault)) => fault,
    };
    Err(Fault::new(fault.violation, raw_index(raw, fault.at)))
}

const fn srv(raw: &[u8], escaped: bool) -> Result<(), Fault> {
    if !escaped {
        return service_name(raw);
    }
    let Some(decoded) = Short::decode(raw) else {
        return Err(Fault::new(Violation::HostTooLong, 0));
    };
    match service_name(decoded.as_slice()) {
        Ok(()) => Ok(()),
        Err(fault) => Err(Fault::new(fault.violation, raw_index(raw, fault.at))),
    }
}

const fn service_name(bytes: &[u8]) -> Result<(), Fault> {
    if ip::any(bytes).is_some() || bytes[0] == b'[' {
        return Err(Fault::new(Violation::HostNotName, 0));
    }
    if let Some(colon) = find(bytes, b':', 0) {
        return Err(Fault::new(Violation::PortUnwanted, colon));
    }
    name(bytes)
}

const fn socket_path(path: &[u8], escaped: bool, in_file_system: bool) -> Result<(), Fault> {
    if path.len() <= PATH_MAX && !escaped {
        return Ok(());
    }
    let mut count = 0;
    let mut i = 0;
    while i < path.len() {
        let (byte, width) = byte_at(path, i);
        if byte == 0 && in_file_system {
            return Err(Fault::new(Violation::PathNul, i));
        }
        if count == PATH_MAX {
            return Err(Fault::new(Violation::PathTooLong, i));
        }
        count += 1;
        i += width;
    }
    Ok(())
}

/// Checks the elements of a comma-separated list.
const fn list(raw: &[u8], escaped: bool, six: bool) -> Result<(), Fault> {
    if escaped {
        return escaped_list(raw, six);
    }
    let mut start = 0;
    loop {
        let rest = Span::new(start, raw.len()).of(raw);
        let end = match usual_ipv4(rest) {
            Some(end) if !six && (end == rest.len() || rest[end] == b',') => end,
            _ => {
                let end = match find(rest, b',', 0) {
                    Some(comma) => comma,
                    None => rest.len(),
                };
                match list_element(Span::new(0, end).of(rest), six) {
                    Ok(()) => end,
                    Err(fault) => return Err(fault.shifted(start)),
                }
            }
        };
        if end == rest.len() {
            return Ok(());
        }
        start += end + 1;
    }
}

/// Checks the elements of a comma-separated list with escapes. A comma may be escaped too.
const fn escaped_list(raw: &[u8], six: bool) -> Result<(), Fault> {
    let mut element = Short::new();
    let mut start = 0;
    let mut i = 0;
    loop {
        let (byte, width) = if i < raw.len() {
            byte_at(raw, i)
        } else {
            (b',', 0)
        };
        if byte == b',' {
            match list_element(element.as_slice(), six) {
                Ok(()) => {}
                Err(fault) => {
                    let at = start + raw_index(Span::new(start, i).of(raw), fault.at);
                    return Err(Fault::new(fault.violation, at));
                }
            }
            if i >= raw.len() {
                return Ok(());
            }
            element = Short::new();
            start = i + width;
        } else if !element.push(byte) {
            return Err(Fault::new(not_of_family(six), start));
        }
        i += width;
    }
}

const fn not_of_family(six: bool) -> Violation {
    if six {
        Violation::HostNotIpv6
    } else {
        Violation::HostNotIpv4
    }
}

/// Returns where a leading `address` or `address:port` ends: the fast path for usual lists. `None`
/// for anything else, which [`list_element`] checks.
const fn usual_ipv4(bytes: &[u8]) -> Option<usize> {
    let Some((_, end)) = ip::v4_prefix(bytes) else {
        return None;
    };
    if end == bytes.len() || bytes[end] != b':' {
        return Some(end);
    }
    match ip::digits(bytes, end + 1) {
        (0..=0xFFFF, port_end) if port_end > end + 1 => Some(port_end),
        _ => None,
    }
}

pub(crate) const fn list_element(bytes: &[u8], six: bool) -> Result<(), Fault> {
    if bytes.is_empty() {
        return Err(Fault::new(Violation::ElementMissing, 0));
    }
    let found = ok!(host_port(bytes));
    match found.form {
        Form::Ipv4 if !six && bytes[0] != b'[' => {}
        Form::Ipv6 if six => {}
        _ => return Err(Fault::new(not_of_family(six), 0)),
    }
    // A socket address contains the number of an interface, not its name.
    let host = found.host.of(bytes);
    match find(host, b'%', 0) {
        Some(at) if ip::decimal(Span::new(at + 1, host.len()).of(host)).is_none() => {
            Err(Fault::new(Violation::HostZone, found.host.start + at + 1))
        }
        _ => Ok(()),
    }
}

const fn vsock(raw: &[u8]) -> Result<ViewFacts, Fault> {
    let Some(decoded) = Short::decode(raw) else {
        return Err(Fault::new(Violation::Cid, 0));
    };
    let bytes = decoded.as_slice();
    let Some(colon) = find(bytes, b':', 0) else {
        return Err(Fault::new(Violation::PortMissing, raw.len()));
    };
    let Some(cid) = ip::decimal(Span::new(0, colon).of(bytes)) else {
        return Err(Fault::new(Violation::Cid, 0));
    };
    let port = Span::new(colon + 1, bytes.len()).of(bytes);
    let at = raw_index(raw, colon + 1);
    if port.is_empty() {
        return Err(Fault::new(Violation::PortMissing, at));
    }
    match ip::decimal(port) {
        Some(port) => Ok(ViewFacts::Vsock { cid, port }),
        None => Err(Fault::new(Violation::PortNotNumber, at)),
    }
}

/// Returns the host and the port, if the endpoint consists of both. Any endpoint is valid.
const fn passthrough(raw: &[u8], escaped: bool) -> Option<HostPort> {
    match dns(raw, escaped) {
        Ok(found) if found.port.is_some() => Some(found),
        _ => None,
    }
}
