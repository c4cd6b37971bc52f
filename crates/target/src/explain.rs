//! Faults put into words.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use crate::ParseError;
use crate::bytes::Span;
use crate::error::Finding;
use crate::fault::{Fault, What};
use crate::schemes::Schemes;
use crate::split::{scheme_end, split};
use crate::suggest::suggest;

#[cold]
pub(crate) fn explain(text: &str, schemes: Schemes<'_>, fault: Fault) -> ParseError {
    ParseError(Box::new(Finding {
        kind: fault.what.kind(),
        at: fault.at,
        message: printable(message(text, schemes, fault)),
        expected: fault.what.expected(),
        suggestion: suggest(text, schemes, fault),
    }))
}

/// What is wrong, quoting the part that is.
fn message(text: &str, schemes: Schemes<'_>, fault: Fault) -> String {
    let rest = text.get(fault.at..).unwrap_or_default();
    let first = rest.chars().next().unwrap_or_default();
    let split = split(text.as_bytes(), schemes).ok();
    let part = |span: Span| shown(span.text(text));
    let authority = split.and_then(|split| split.authority()).map(part);
    let authority = authority.unwrap_or_default();
    let endpoint = split.map(|split| part(split.endpoint(text.as_bytes())));
    let endpoint = endpoint.unwrap_or_default();
    let scheme = match scheme_end(text.as_bytes()) {
        Some(colon) => shown(text.get(..colon).unwrap_or_default()),
        None => String::new(),
    };
    let element = shown(rest.split(',').next().unwrap_or_default());
    match fault.what {
        What::TooLong => String::from("a text of 4 GiB or more"),
        What::Control => format!("control character U+{:04X}", u32::from(first)),
        What::EdgeSpace => format!(
            "white space {} the target",
            if fault.at == 0 { "before" } else { "after" }
        ),
        What::Escape => format!("`{}` is no escape", prefix(rest, 3)),
        What::NotText => format!("the escapes from `{}` on make no UTF-8", prefix(rest, 3)),
        What::DefaultScheme => {
            format!(
                "the default scheme `{}` is not a known one",
                schemes.default_scheme()
            )
        }
        What::UnknownScheme => format!("unknown scheme `{scheme}`"),
        What::Unsupported if scheme.to_ascii_lowercase().starts_with("http") => {
            format!("`{scheme}` is no scheme of a gRPC target")
        }
        What::Unsupported => format!("nothing here resolves the scheme `{scheme}`"),
        What::AuthorityCharacter => format!("authority `{authority}` holds `{first}`"),
        What::AuthorityEscape => {
            format!(
                "authority `{authority}` hides a character in `{}`",
                prefix(rest, 3)
            )
        }
        What::AuthorityZone => {
            format!("authority `{authority}` has a zone after `%` in place of `%25`")
        }
        What::AuthorityColons => format!("authority `{authority}` has more than one colon"),
        What::AuthorityBrackets => {
            format!("authority `{authority}` is not an IPv6 address in brackets")
        }
        What::AuthorityPort => format!(
            "authority `{authority}` has the port `{}`",
            shown(to_slash(rest))
        ),
        What::AuthorityPortMissing => format!("authority `{authority}` has a colon and no port"),
        What::AuthorityName => {
            format!("authority `{authority}` holds no name that DNS can ask for")
        }
        What::AuthorityRefused => {
            format!("authority `{authority}`, and the scheme `{scheme}` has none")
        }
        What::EndpointMissing if !authority.is_empty() => {
            format!("authority `{authority}` and no endpoint")
        }
        What::EndpointMissing if text.is_empty() => String::from("empty target"),
        What::EndpointMissing => String::from("no endpoint"),
        What::ElementMissing => format!("empty element in the list `{endpoint}`"),
        What::PathNul => String::from("NUL in a path"),
        What::PathTooLong => format!("`{endpoint}` is longer than a socket's address"),
        What::HostControl => format!("control character in the host of `{endpoint}`"),
        What::HostEmptyLabel => format!("empty label in the host of `{endpoint}`"),
        What::HostLabelTooLong => format!("label of more than 63 octets in `{endpoint}`"),
        What::HostTooLong => format!("host of more than 253 octets in `{endpoint}`"),
        What::HostColons => format!("`{endpoint}` has more than one colon"),
        What::HostBracketOpen => format!("`{endpoint}` has a `[` without a `]`"),
        What::HostAfterBracket => format!("`{}` after the bracket", shown(rest)),
        What::HostBrackets => format!("`{endpoint}` has no IPv6 address in its brackets"),
        What::HostNotIpv4 => format!("`{element}` is not an IPv4 address"),
        What::HostNotIpv6 => format!("`{element}` is not an IPv6 address"),
        What::HostZone => format!("the interface in `{endpoint}` is a name"),
        What::HostNotName => format!("`{endpoint}` is an address, and has no SRV records"),
        What::Cid => format!(
            "`{}` is no context id",
            element.split(':').next().unwrap_or_default()
        ),
        What::PortMissing => format!("`{endpoint}` has no port"),
        What::PortNotNumber => format!("the port in `{endpoint}` is not a number"),
        What::PortRange => format!("the port in `{endpoint}` is above 65535"),
        What::PortUnwanted => format!("`{endpoint}` has a port"),
    }
}

/// A message that may be printed: control characters in what it quotes (a target may hold those
/// above U+007F) would steer the terminal.
pub(crate) fn printable(message: String) -> String {
    match message.contains(char::is_control) {
        true => message.chars().map(as_printed).collect(),
        false => message,
    }
}

fn as_printed(c: char) -> String {
    match c.is_control() {
        true => c.escape_unicode().collect(),
        false => String::from(c),
    }
}

/// A part of a text, cut where it is too long for a message.
fn shown(part: &str) -> String {
    const LONGEST: usize = 80;
    match prefix(part, LONGEST) {
        whole if whole.len() == part.len() => String::from(whole),
        beginning => format!("{beginning}…"),
    }
}

/// The first `count` characters.
fn prefix(text: &str, count: usize) -> &str {
    let end = text
        .char_indices()
        .nth(count)
        .map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

fn to_slash(text: &str) -> &str {
    text.split('/').next().unwrap_or_default()
}
