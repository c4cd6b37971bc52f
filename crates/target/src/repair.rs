//! Repairs of common mistakes in parts of a target.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::ip;
use crate::view::DEFAULT_PORT;

/// Folders at the root of a file system. A path such as the one of `unix://tmp/s` that begins with
/// one of them lacks a slash.
const ROOT_FOLDERS: &[&str] = &[
    "Users", "data", "dev", "etc", "home", "mnt", "opt", "private", "root", "run", "srv", "sys",
    "tmp", "usr", "var",
];

/// Removes what copying adds to a text: white space, quotes and control characters. Replaces
/// backslashes by slashes, and look-alikes of ASCII characters by those.
pub(crate) fn clean(text: &str) -> String {
    let text: String = text.chars().filter_map(plain).collect();
    text.trim_matches(|c: char| c == ' ' || is_quote(c))
        .to_string()
}

/// Returns the ASCII character that `c` looks like; `None` for an invisible character.
fn plain(c: char) -> Option<char> {
    Some(match c {
        // Full width: U+FF01 to U+FF5E are `!` to `~`.
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0)?,
        '。' | '｡' => '.',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2044}' | '\u{2215}' | '\\' => '/',
        '\u{2236}' => ':',
        '‘' | '’' | '“' | '”' | '„' | '«' | '»' => '"',
        c if c.is_whitespace() => ' ',
        c if c.is_control() || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}') => {
            return None;
        }
        c => c,
    })
}

/// Returns whether a character encloses quoted text.
pub(crate) fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')')
}

/// Returns whether a character separates addresses.
pub(crate) fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '|')
}

/// Splits a list at its separators, without empty elements.
pub(crate) fn elements(list: &str) -> Vec<&str> {
    list.split(is_separator)
        .filter(|element| !element.is_empty())
        .collect()
}

/// Returns the inner target of a target in a target, such as `dns:///http://orders`.
pub(crate) fn nested(text: &str) -> Option<String> {
    let (before, after) = text.rsplit_once("://")?;
    if before.contains(is_separator) {
        return None;
    }
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let (_, scheme) = before.rsplit_once(|c| !is_scheme(c))?;
    (!scheme.is_empty()).then(|| format!("{scheme}://{after}"))
}

/// Returns whether a path, without its first slash, begins with a usual folder at the root.
pub(crate) fn is_in_root(path: &str) -> bool {
    path.split_once('/')
        .is_some_and(|(folder, _)| ROOT_FOLDERS.contains(&folder))
}

/// Returns the known name that `name` is a misspelling of: one letter added, missing or different,
/// or two letters swapped.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known.iter().copied().find(|known| is_near(name, known))
}

fn is_near(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // Short names differ so little from each other that a guess would often be wrong.
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

/// Replaces runs of dots by one dot, and removes dots at the beginning.
pub(crate) fn dots(host: &str) -> String {
    let mut once = String::with_capacity(host.len());
    for c in host.chars() {
        if c != '.' || !(once.is_empty() || once.ends_with('.')) {
            once.push(c);
        }
    }
    once
}

/// Returns candidates with brackets around an IPv6 address, and without brackets around other text.
pub(crate) fn brackets(text: &str) -> Vec<String> {
    let mut repaired = Vec::new();
    // `[::1]8080`
    if let Some((host, port)) = text.split_once(']')
        && is_port(port)
    {
        repaired.push(format!("{host}]:{port}"));
    }
    let bare: String = text.chars().filter(|c| !matches!(c, '[' | ']')).collect();
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

/// Returns candidates for an endpoint that is not a host with or without a port.
pub(crate) fn host_ports(endpoint: &str) -> Vec<String> {
    let mut repaired = Vec::new();
    // A path after the port, or a colon without a port.
    let first = endpoint.split('/').next().unwrap_or_default();
    let first = first.trim();
    repaired.push(first.trim_end_matches(':').to_string());
    if let Some((host, port)) = first.rsplit_once(':') {
        if let Some(number) = service_port(port) {
            repaired.push(format!("{host}:{number}"));
        }
        if is_above_range(port) {
            repaired.extend(without_repeated_digit(port).map(|port| format!("{host}:{port}")));
            repaired.push(format!("{host}:{DEFAULT_PORT}"));
        }
        // `host::80`, `host: 80`
        let host = host.trim_end_matches([':', ' ']);
        if is_port(port.trim()) {
            repaired.push(format!("{host}:{}", port.trim()));
        }
    }
    repaired.extend(brackets(first));
    repaired.push(first.replace("%25]", "]"));
    repaired.push(dots(first));
    // `host:80.`, or `host:80,` from a list that was cut.
    let cut = first.trim_matches(|c| is_quote(c) || is_separator(c));
    repaired.push(cut.trim_end_matches('.').to_string());
    // `host:80:80`
    if let Some((host_port, _)) = first.rsplit_once(':')
        && has_port(host_port)
    {
        repaired.push(host_port.to_string());
    }
    repaired.retain(|candidate| !candidate.is_empty());
    repaired
}

/// Returns whether a text looks like a port: two to five digits. A single digit may as well be a
/// group of an IPv6 address.
pub(crate) fn is_port(text: &str) -> bool {
    (2..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_above_range(port: &str) -> bool {
    port.parse()
        .is_ok_and(|port: u64| port > u64::from(u16::MAX))
}

/// Removes the first repeated digit of a port that has one digit too many: `50051` for `500051`.
fn without_repeated_digit(port: &str) -> Option<String> {
    let digits = port.as_bytes();
    let at = digits.windows(2).position(|pair| pair[0] == pair[1])?;
    (digits.len() == 6).then(|| [&port[..at], &port[at + 1..]].concat())
}

/// Returns whether the text is a host followed by a port.
pub(crate) fn has_port(text: &str) -> bool {
    text.rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && is_port(port) && !is_v6(text))
}

/// Returns whether the text is an IPv6 address, with or without a zone, escaped or not.
pub(crate) fn is_v6(text: &str) -> bool {
    match ip::v6_zone(text.as_bytes()) {
        Some((_, Some(zone))) => text.get(zone..).is_some_and(|zone| !zone.contains(':')),
        found => found.is_some(),
    }
}

/// Returns the number of a port that is given by its service's name.
fn service_port(name: &str) -> Option<u16> {
    match name.to_ascii_lowercase().as_str() {
        "http" => Some(80),
        "https" | "grpc" | "grpcs" => Some(DEFAULT_PORT),
        _ => None,
    }
}
