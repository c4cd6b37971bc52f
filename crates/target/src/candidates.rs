//! Candidates: texts that the user may have meant instead of a text that is not a target, the
//! likeliest first. A candidate may be wrong too.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::bytes::Span;
use crate::encode::{decode, decode_text};
use crate::facts::list_element;
use crate::fault::{Fault, Violation};
use crate::repair;
use crate::schemes::{Schemes, never_falls_back};
use crate::split::split;

/// The longest text for which anything is suggested, in bytes. Each candidate is a copy of the
/// text, there may be a few hundred of them, and no user types a longer text.
const LONGEST: usize = 64 * 1024;

/// Returns whether a text is too long for suggestions.
pub(crate) const fn is_too_long(text: &str) -> bool {
    text.len() > LONGEST
}

pub(crate) fn candidates(text: &str, schemes: Schemes<'_>, fault: Fault) -> Vec<String> {
    let mut candidates = vec![repair::clean(text)];
    if let Some(nested) = repair::nested(text) {
        candidates.push(nested);
        return candidates;
    }
    candidates.extend(match fault.violation {
        Violation::TooLong
        | Violation::Control
        | Violation::EdgeSpace
        | Violation::NotText
        | Violation::DefaultScheme
        | Violation::PathNul
        | Violation::PathTooLong => Vec::new(),
        Violation::Escape | Violation::AuthorityZone => escape(text, fault.at),
        Violation::UnknownScheme | Violation::Unsupported => scheme(text, schemes.known()),
        violation => match Parts::of(text, schemes) {
            Some(parts) if violation.kind() == crate::ErrorKind::Authority => {
                authority(&parts, violation)
            }
            Some(parts) => endpoint(&parts, violation),
            None => Vec::new(),
        },
    });
    // `host:80%0A`. A control character in the middle was escaped on purpose.
    if let Ok(decoded) = str::from_utf8(&decode(text))
        && !decoded.trim().contains(char::is_control)
    {
        candidates.push(decoded.trim().to_string());
    }
    candidates
}

/// Replaces the `%` of a zone, or a lone one, by `%25`.
fn escape(text: &str, at: usize) -> Vec<String> {
    let (Some(before), Some(after)) = (text.get(..at), text.get(at + 1..)) else {
        return Vec::new();
    };
    let once = format!("{before}%25{after}");
    // The text may have several lone `%`.
    let all = text.replace("%25", "%").replace('%', "%25");
    vec![once, all]
}

/// Tries other schemes for the text after the first colon.
fn scheme(text: &str, known: &[&str]) -> Vec<String> {
    let Some((name, rest)) = text.split_once(':') else {
        return Vec::new();
    };
    let name = name.to_ascii_lowercase();
    let is_web = name.starts_with("http");
    let names_a_server = is_web
        || ["grpc", "h2", "tcp", "ws"]
            .iter()
            .any(|s| name.starts_with(s));
    // Apart from web pages, a scheme that is never read as a host name is probably not misspelt.
    if never_falls_back(name.as_bytes()) && !is_web {
        return Vec::new();
    }
    if is_web && repair::is_port(rest) {
        return vec![format!("dns:///{text}")];
    }
    let path = rest.trim_start_matches('/');
    let mut candidates = Vec::new();
    if rest.starts_with('/') && repair::is_in_root(path) {
        candidates.push(format!("unix:/{path}"));
    }
    if let Some(known) = repair::nearest(&name, known) {
        candidates.push(format!("{known}:{rest}"));
    }
    let (host_port, after) = path.split_at(path.find(['/', '?', '#']).unwrap_or(path.len()));
    let host_port = host_port.rsplit('@').next().unwrap_or_default();
    let has_port = repair::has_port(host_port);
    // The default port of http is 80. The one of https is 443, as in a target.
    if name == "http" && !has_port && !host_port.is_empty() {
        candidates.push(format!("dns:///{host_port}:80"));
    }
    // In `consul://server/orders` neither part is a host to connect to.
    let is_host = names_a_server || has_port || matches!(after, "" | "/");
    if is_web || has_port || rest.starts_with("//") && is_host {
        candidates.push(format!("dns:///{host_port}"));
    }
    // A host, a colon without a port, and a path: `orders.example:/path`.
    if rest.starts_with('/') && name.contains('.') {
        candidates.push(name);
    }
    candidates
}

/// A text that could be split, for replacing one part.
struct Parts<'a> {
    text: &'a str,
    scheme: &'a str,
    authority: Span,
    endpoint: Span,
    fell_back: bool,
    known: &'a [&'a str],
}

impl<'a> Parts<'a> {
    fn of(text: &'a str, schemes: Schemes<'a>) -> Option<Self> {
        let split = split(text.as_bytes(), schemes).ok()?;
        let endpoint = split.endpoint(text.as_bytes());
        Some(Self {
            text,
            scheme: split.scheme,
            authority: split.authority().unwrap_or(Span::new(0, 0)),
            endpoint,
            fell_back: split.fell_back,
            known: schemes.known(),
        })
    }

    fn authority(&self) -> &'a str {
        self.authority.text(self.text)
    }

    fn endpoint(&self) -> &'a str {
        self.endpoint.text(self.text)
    }

    /// Returns the text after the endpoint: query and fragment.
    fn tail(&self) -> &'a str {
        self.text.get(self.endpoint.end..).unwrap_or_default()
    }

    fn with(&self, span: Span, replacement: &str) -> String {
        let before = self.text.get(..span.start).unwrap_or_default();
        let after = self.text.get(span.end..).unwrap_or_default();
        format!("{before}{replacement}{after}")
    }

    fn with_endpoint(&self, endpoint: &str) -> String {
        self.with(self.endpoint, endpoint)
    }
}

fn authority(parts: &Parts<'_>, violation: Violation) -> Vec<String> {
    let authority = parts.authority();
    let with = |authority: &str| parts.with(parts.authority, authority);
    match violation {
        Violation::AuthorityRefused => refused(parts),
        Violation::AuthorityColons | Violation::AuthorityBrackets => {
            let mut candidates = Vec::new();
            for repaired in repair::brackets(authority) {
                if parts.endpoint().is_empty() {
                    candidates.push(format!("{}:///{repaired}", parts.scheme));
                }
                candidates.push(with(&repaired));
            }
            candidates
        }
        Violation::AuthorityPort | Violation::AuthorityPortMissing => {
            match authority.rsplit_once(':') {
                Some((host, _)) => [with(host)].into(),
                None => Vec::new(),
            }
        }
        Violation::AuthorityEscape => [with(&decode_text(authority))].into(),
        Violation::AuthorityCharacter => [with(&authority.replace(' ', ""))].into(),
        Violation::AuthorityName => [with(&repair::dots(authority))].into(),
        _ => Vec::new(),
    }
}

/// Repairs two slashes after a scheme that has no authority.
fn refused(parts: &Parts<'_>) -> Vec<String> {
    let after_slashes = parts.text.get(parts.authority.start..).unwrap_or_default();
    let path = after_slashes
        .strip_prefix(parts.authority())
        .unwrap_or_default();
    let scheme = parts.scheme;
    let absolute = format!("{scheme}://{path}");
    let relative = format!("{scheme}:{after_slashes}");
    if scheme != "unix" {
        return [relative].into();
    }
    // `unix://tmp/s` lacks a slash. `unix://localhost/tmp/s` has a host like a `file:` URI.
    if matches!(parts.authority(), "localhost" | "127.0.0.1" | "[::1]") {
        return [absolute].into();
    }
    if repair::is_in_root(after_slashes) {
        return [format!("{scheme}:///{after_slashes}")].into();
    }
    [relative].into()
}

fn endpoint(parts: &Parts<'_>, violation: Violation) -> Vec<String> {
    let endpoint = parts.endpoint();
    let is_list = matches!(parts.scheme, "ipv4" | "ipv6");
    let mut candidates = Vec::new();
    match violation {
        Violation::EndpointMissing if !parts.authority().is_empty() => {
            let authority = parts.authority();
            candidates.push(format!("{}:///{authority}{}", parts.scheme, parts.tail()));
            candidates.extend(
                repair::host_ports(authority)
                    .iter()
                    .map(|repaired| format!("{}:///{repaired}", parts.scheme)),
            );
        }
        Violation::PortUnwanted => {
            let name = endpoint.split(':').next().unwrap_or_default();
            candidates.push(parts.with_endpoint(name));
        }
        Violation::HostNotName => candidates.push(format!("dns:///{endpoint}")),
        _ if is_list => candidates.extend(list(parts)),
        _ => {
            if endpoint.contains(repair::is_separator) {
                candidates.extend(as_list(endpoint));
            }
            if parts.fell_back {
                candidates.extend(scheme(parts.text, parts.known));
                if endpoint.starts_with(['/', '.']) && endpoint.contains('/') {
                    candidates.push(format!("unix:{endpoint}"));
                }
            }
            // `dns :///orders`
            candidates.push(parts.text.split_whitespace().collect());
            // `dns:://orders`
            if let Some(rest) = endpoint.strip_prefix("://") {
                candidates.push(format!("{}:///{rest}", parts.scheme));
            }
            let repaired = repair::host_ports(endpoint);
            candidates.extend(
                repaired
                    .iter()
                    .map(|endpoint| parts.with_endpoint(endpoint)),
            );
        }
    }
    candidates
}

/// Repairs each element of an address list, or tries the other list scheme.
fn list(parts: &Parts<'_>) -> Vec<String> {
    let elements = repair::elements(parts.endpoint());
    let is_address = |text: &str| {
        [false, true].map(|six| list_element(text.as_bytes(), six).is_ok()) != [false; 2]
    };
    let repaired: Vec<String> = elements
        .iter()
        .map(|element| {
            repair::host_ports(element)
                .into_iter()
                .find(|candidate| is_address(candidate))
                .unwrap_or_else(|| element.to_string())
        })
        .collect();
    let mut candidates = Vec::new();
    for elements in [elements.join(","), repaired.join(",")] {
        candidates.push(parts.with_endpoint(&elements));
        candidates.extend(as_list(&elements));
    }
    if let [element] = elements[..] {
        candidates.push(format!("dns:///{element}"));
    }
    candidates
}

/// Returns the addresses as a list in each of the list schemes.
pub(crate) fn as_list(addresses: &str) -> [String; 2] {
    let addresses = repair::elements(addresses).join(",");
    ["ipv4", "ipv6"].map(|scheme| format!("{scheme}:{addresses}"))
}
