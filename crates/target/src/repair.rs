//! Usual slips in parts of a target, and how they are put right.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::ip;

/// Folders at the root of a file system, by which `unix://tmp/s` shows that a slash is missing.
pub(crate) const ROOT_FOLDERS: &[&str] = &[
    "Users", "data", "dev", "etc", "home", "mnt", "opt", "private", "root", "run", "srv", "sys",
    "tmp", "usr", "var",
];

/// The text without what creeps in when it is copied: white space, quotes, control characters,
/// backslashes for slashes.
pub(crate) fn clean(text: &str) -> String {
    let creeps = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '\u{200B}'..='\u{200D}' | '\u{FEFF}')
    };
    let quotes = |c: char| matches!(c, '"' | '\'' | '`' | '<' | '>' | '“' | '”');
    text.trim_matches(|c| creeps(c) || quotes(c))
        .chars()
        .filter(|c| !c.is_control())
        .map(|c| if c == '\\' { '/' } else { c })
        .collect()
}

/// The known name that `name` is a slip of: one letter more, less or other, or two swapped.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().copied().find(|known| is_near(name, known))
}

fn is_near(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // Of shorter names too many are near.
    if a == b || a.len() < 3 || b.len() < 3 {
        return false;
    }
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[head..], &b[head..]);
    let tail = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    match (a, b) {
        ([_] | [], [_] | []) => true,
        ([a1, a2], [b1, b2]) => a1 == b2 && a2 == b1,
        _ => false,
    }
}

/// One dot where there are many, and none in front.
pub(crate) fn dots(host: &str) -> String {
    let mut once = String::with_capacity(host.len());
    for c in host.chars() {
        if c != '.' || !(once.is_empty() || once.ends_with('.')) {
            once.push(c);
        }
    }
    once
}

/// An IPv6 address with its brackets in place, and other text without any.
pub(crate) fn brackets(text: &str) -> Vec<String> {
    let bare: String = text.chars().filter(|c| !matches!(c, '[' | ']')).collect();
    let mut repaired = Vec::new();
    if let Some((address, port)) = bare.rsplit_once(':')
        && is_port(port)
        && (is_v6(address) || !is_v6(&bare) && !address.contains(':'))
    {
        if is_v6(address) {
            repaired.push(format!("[{address}]:{port}"));
        } else {
            repaired.push(bare.clone());
        }
    }
    if is_v6(&bare) {
        repaired.push(format!("[{bare}]"));
    }
    if !bare.contains(':') {
        repaired.push(bare);
    }
    repaired
}

/// What is meant by an endpoint that is no host with or without a port.
pub(crate) fn host_ports(endpoint: &str) -> Vec<String> {
    let mut repaired = Vec::new();
    // A path after the port, or a colon and nothing.
    let first = endpoint.split('/').next().unwrap_or_default();
    let first = first.trim();
    repaired.push(first.trim_end_matches(':').to_string());
    if let Some((host, port)) = first.rsplit_once(':') {
        if let Some(number) = service_port(port) {
            repaired.push(format!("{host}:{number}"));
        }
        if is_above_range(port) {
            repaired.extend(without_repeated_digit(port).map(|port| format!("{host}:{port}")));
            repaired.push(host.to_string());
        }
        // `host::80`, `host: 80`
        let host = host.trim_end_matches([':', ' ']);
        if is_port(port.trim()) {
            repaired.push(format!("{host}:{}", port.trim()));
        }
    }
    // `[::1]8080`
    if let Some((host, port)) = first.split_once(']')
        && is_port(port)
    {
        repaired.push(format!("{host}]:{port}"));
    }
    repaired.extend(brackets(first));
    let dotted = dots(first);
    repaired.push(dotted);
    repaired.retain(|candidate| !candidate.is_empty());
    repaired
}

/// Two to five digits: one could be a group of an IPv6 address.
pub(crate) fn is_port(text: &str) -> bool {
    (2..=5).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
}

fn is_above_range(port: &str) -> bool {
    port.parse()
        .is_ok_and(|port: u64| port > u64::from(u16::MAX))
}

/// `50051` for `500051`, which has a digit too many: without the first that repeats another.
fn without_repeated_digit(port: &str) -> Option<String> {
    let digits = port.as_bytes();
    let at = digits.windows(2).position(|pair| pair[0] == pair[1])?;
    (digits.len() == 6).then(|| [&port[..at], &port[at + 1..]].concat())
}

/// Whether the text is an IPv6 address, with or without a zone, escaped or not.
pub(crate) fn is_v6(text: &str) -> bool {
    ip::v6_zone(text.as_bytes()).is_some()
}

/// The number of a port that people call by its name.
fn service_port(name: &str) -> Option<u16> {
    match name.to_ascii_lowercase().as_str() {
        "http" => Some(80),
        "https" | "grpc" | "grpcs" => Some(443),
        _ => None,
    }
}
