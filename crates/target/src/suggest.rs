//! What somebody may have meant by a text that is no target.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::facts::read;
use crate::fault::{Fault, What};
use crate::host_port::{Form, host_port};
use crate::octets::Span;
use crate::repair;
use crate::schemes::{Schemes, never_falls_back};
use crate::split::{scheme_end, split};

/// The first candidate that is a target; never the text itself.
pub(crate) fn suggest(text: &str, schemes: Schemes<'_>, fault: Fault) -> Option<String> {
    let cleaned = repair::clean(text);
    [cleaned]
        .into_iter()
        .chain(candidates(text, schemes, fault))
        .find(|candidate| is_better(candidate, text, schemes))
}

pub(crate) fn is_better(candidate: &str, text: &str, schemes: Schemes<'_>) -> bool {
    candidate != text && read(candidate.as_bytes(), schemes).is_ok()
}

fn candidates(text: &str, schemes: Schemes<'_>, fault: Fault) -> Vec<String> {
    let at = fault.at;
    match fault.what {
        What::TooLong | What::Control | What::EdgeSpace | What::NotText | What::DefaultScheme => {
            Vec::new()
        }
        What::Escape | What::AuthorityZone => escape(text, at),
        What::UnknownScheme | What::Unsupported => scheme(text, schemes),
        _ => match Parts::of(text, schemes) {
            Some(parts) if fault.what.kind() == crate::ErrorKind::Authority => {
                authority(&parts, fault.what)
            }
            Some(parts) => endpoint(&parts, fault.what),
            None => Vec::new(),
        },
    }
}

/// A zone or a lone `%` that wants to be `%25`.
fn escape(text: &str, at: usize) -> Vec<String> {
    let (Some(before), Some(after)) = (text.get(..at), text.get(at + 1..)) else {
        return Vec::new();
    };
    let once = format!("{before}%25{after}");
    // There may be more of them.
    let all = text.replace("%25", "%").replace('%', "%25");
    [once, all].into()
}

/// Another scheme for what follows the first colon.
fn scheme(text: &str, schemes: Schemes<'_>) -> Vec<String> {
    let Some(colon) = scheme_end(text.as_bytes()) else {
        return Vec::new();
    };
    let name = text.get(..colon).unwrap_or_default().to_ascii_lowercase();
    let rest = text.get(colon + 1..).unwrap_or_default();
    let mut candidates = Vec::new();
    // Other schemes that never fall back are meant as they stand.
    if never_falls_back(name.as_bytes()) && !name.starts_with("http") {
        return candidates;
    }
    if let Some(known) = repair::nearest(&name, schemes.known()) {
        candidates.push(format!("{known}:{rest}"));
    }
    let Some(hierarchy) = rest.strip_prefix("//") else {
        // A host that has the name of a scheme; or one with a path, and no port after its colon.
        candidates.push(format!("dns:///{text}"));
        if name.contains('.') {
            candidates.push(text.get(..colon).unwrap_or_default().to_string());
        }
        return candidates;
    };
    let host_port = hierarchy
        .trim_start_matches('/')
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    let host_port = host_port.rsplit('@').next().unwrap_or_default();
    // A web page's port is 80, and 443 where it is https as in a target.
    let has_port = host_port
        .rsplit(']')
        .next()
        .unwrap_or_default()
        .contains(':');
    if name == "http" && !has_port && !host_port.is_empty() {
        candidates.push(format!("dns:///{host_port}:80"));
    }
    candidates.push(format!("dns:///{host_port}"));
    candidates
}

/// A text that could be split, for edits of one part.
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

    /// What follows the endpoint: query and fragment.
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

fn authority(parts: &Parts<'_>, what: What) -> Vec<String> {
    let authority = parts.authority();
    let with = |authority: &str| parts.with(parts.authority, authority);
    match what {
        What::AuthorityRefused => refused(parts),
        What::AuthorityColons | What::AuthorityBrackets => {
            let mut candidates = Vec::new();
            for repaired in repair::brackets(authority) {
                if parts.endpoint().is_empty() {
                    candidates.push(format!("{}:///{repaired}", parts.scheme));
                }
                candidates.push(with(&repaired));
            }
            candidates
        }
        What::AuthorityPort | What::AuthorityPortMissing => match authority.rsplit_once(':') {
            Some((host, _)) => [with(host)].into(),
            None => Vec::new(),
        },
        What::AuthorityEscape => [with(&crate::encode::decode_text(authority))].into(),
        What::AuthorityCharacter => [with(&authority.replace(' ', ""))].into(),
        What::AuthorityName => [with(&repair::dots(authority))].into(),
        _ => Vec::new(),
    }
}

/// Two slashes after a scheme that has no authority.
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
    // `unix://tmp/s` lacks a slash; `unix://localhost/tmp/s` has a host as `file:` URIs do.
    if matches!(parts.authority(), "localhost" | "127.0.0.1" | "[::1]") {
        return [absolute].into();
    }
    if repair::ROOT_FOLDERS.contains(&parts.authority()) && !path.is_empty() {
        return [format!("{scheme}:///{after_slashes}")].into();
    }
    [relative].into()
}

fn endpoint(parts: &Parts<'_>, what: What) -> Vec<String> {
    let endpoint = parts.endpoint();
    let is_list = matches!(parts.scheme, "ipv4" | "ipv6");
    let mut candidates = Vec::new();
    match what {
        What::EndpointMissing if !parts.authority().is_empty() => {
            let authority = parts.authority();
            candidates.push(format!("{}:///{authority}{}", parts.scheme, parts.tail()));
            candidates.extend(
                repair::host_ports(authority)
                    .iter()
                    .map(|repaired| format!("{}:///{repaired}", parts.scheme)),
            );
        }
        What::PortUnwanted => {
            let name = endpoint.split(':').next().unwrap_or_default();
            candidates.push(parts.with_endpoint(name));
        }
        What::HostNotName => candidates.push(format!("dns:///{endpoint}")),
        _ if is_list => candidates.extend(list(parts)),
        _ => {
            if endpoint.contains(',') {
                candidates.extend(as_list(endpoint));
            }
            candidates.extend(unknown_scheme(parts));
            if parts.fell_back && endpoint.starts_with(['/', '.']) && endpoint.contains('/') {
                candidates.push(format!("unix:{}", parts.text));
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

/// `unixx:/tmp/s` and `grpc:host:80`, which are read as a host and a port.
fn unknown_scheme(parts: &Parts<'_>) -> Vec<String> {
    let text = parts.text;
    let (true, Some(colon)) = (parts.fell_back, scheme_end(text.as_bytes())) else {
        return Vec::new();
    };
    let name = text.get(..colon).unwrap_or_default().to_ascii_lowercase();
    let rest = text.get(colon + 1..).unwrap_or_default();
    let mut candidates = Vec::new();
    if let Some(known) = repair::nearest(&name, parts.known) {
        candidates.push(format!("{known}:{rest}"));
    }
    if let Some((host, port)) = rest.rsplit_once(':')
        && !host.is_empty()
        && repair::is_port(port)
    {
        candidates.push(format!("dns:///{}", rest.trim_start_matches('/')));
    }
    candidates
}

/// Repairs each element of an address list; or takes the scheme that fits.
fn list(parts: &Parts<'_>) -> Vec<String> {
    let endpoint = parts.endpoint();
    let elements: Vec<&str> = endpoint
        .split(',')
        .map(str::trim)
        .filter(|element| !element.is_empty())
        .collect();
    let repaired: Vec<String> = elements
        .iter()
        .map(|element| {
            repair::host_ports(element)
                .into_iter()
                .find(|candidate| {
                    host_port(candidate.as_bytes()).is_ok_and(|found| found.form != Form::Name)
                })
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

/// The list that the addresses would be in one of the schemes for lists.
pub(crate) fn as_list(addresses: &str) -> [String; 2] {
    let addresses: String = addresses.split_whitespace().collect();
    ["ipv4", "ipv6"].map(|scheme| format!("{scheme}:{addresses}"))
}
