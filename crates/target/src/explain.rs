//! Writes the error for a fault.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use crate::ParseError;
use crate::bytes::Span;
use crate::error::Finding;
use crate::fault::{Fault, Violation};
use crate::quote::{prefix, printable, shown};
use crate::schemes::Schemes;
use crate::split::{scheme_end, split};
use crate::suggest::suggest;

#[cold]
pub(crate) fn explain(text: &str, schemes: Schemes<'_>, fault: Fault) -> ParseError {
    ParseError(Box::new(Finding {
        kind: fault.violation.kind(),
        at: fault.at,
        message: printable(message(text, schemes, fault)),
        expected: fault.violation.expected(),
        suggestion: suggest(text, schemes, fault),
    }))
}

/// Returns the message for a fault, which quotes the wrong part.
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
    match fault.violation {
        Violation::TooLong => String::from("a text of 4 GiB or more"),
        Violation::Control => format!("control character U+{:04X}", u32::from(first)),
        Violation::EdgeSpace => format!(
            "white space {} the target",
            if fault.at == 0 { "before" } else { "after" }
        ),
        Violation::Escape => format!("`{}` is no escape", prefix(rest, 3)),
        Violation::NotText => format!("the escapes from `{}` on make no UTF-8", prefix(rest, 3)),
        Violation::DefaultScheme => {
            format!(
                "the default scheme `{}` is not a known one",
                schemes.default_scheme()
            )
        }
        Violation::UnknownScheme => format!("unknown scheme `{scheme}`"),
        Violation::Unsupported if scheme.to_ascii_lowercase().starts_with("http") => {
            format!("`{scheme}` is no scheme of a gRPC target")
        }
        Violation::Unsupported => format!("nothing here resolves the scheme `{scheme}`"),
        Violation::AuthorityCharacter => format!("authority `{authority}` holds `{first}`"),
        Violation::AuthorityEscape => {
            format!(
                "authority `{authority}` hides a character in `{}`",
                prefix(rest, 3)
            )
        }
        Violation::AuthorityZone => {
            format!("authority `{authority}` has a zone after `%` in place of `%25`")
        }
        Violation::AuthorityColons => format!("authority `{authority}` has more than one colon"),
        Violation::AuthorityBrackets => {
            format!("authority `{authority}` is not an IPv6 address in brackets")
        }
        Violation::AuthorityPort => format!(
            "authority `{authority}` has the port `{}`",
            shown(to_slash(rest))
        ),
        Violation::AuthorityPortMissing => {
            format!("authority `{authority}` has a colon and no port")
        }
        Violation::AuthorityName => {
            format!("authority `{authority}` holds no name that DNS can ask for")
        }
        Violation::AuthorityRefused => {
            format!("authority `{authority}`, and the scheme `{scheme}` has none")
        }
        Violation::EndpointMissing if !authority.is_empty() => {
            format!("authority `{authority}` and no endpoint")
        }
        Violation::EndpointMissing if text.is_empty() => String::from("empty target"),
        Violation::EndpointMissing => String::from("no endpoint"),
        Violation::ElementMissing => format!("empty element in the list `{endpoint}`"),
        Violation::PathNul => String::from("NUL in a path"),
        Violation::PathTooLong => format!("`{endpoint}` is longer than a socket's address"),
        Violation::HostControl => format!("control character in the host of `{endpoint}`"),
        Violation::HostEmptyLabel => format!("empty label in the host of `{endpoint}`"),
        Violation::HostLabelTooLong => format!("label of more than 63 octets in `{endpoint}`"),
        Violation::HostTooLong => format!("host of more than 253 octets in `{endpoint}`"),
        Violation::HostColons => format!("`{endpoint}` has more than one colon"),
        Violation::HostBracketOpen => format!("`{endpoint}` has a `[` without a `]`"),
        Violation::HostAfterBracket => format!("`{}` after the bracket", shown(rest)),
        Violation::HostBrackets => format!("`{endpoint}` has no IPv6 address in its brackets"),
        Violation::HostNotIpv4 => format!("`{element}` is not an IPv4 address"),
        Violation::HostNotIpv6 => format!("`{element}` is not an IPv6 address"),
        Violation::HostZone => format!("the interface in `{endpoint}` is a name"),
        Violation::HostNotName => format!("`{endpoint}` is an address, and has no SRV records"),
        Violation::Cid => format!(
            "`{}` is no context id",
            element.split(':').next().unwrap_or_default()
        ),
        Violation::PortMissing => format!("`{endpoint}` has no port"),
        Violation::PortNotNumber => format!("the port in `{endpoint}` is not a number"),
        Violation::PortRange => format!("the port in `{endpoint}` is above 65535"),
        Violation::PortUnwanted => format!("`{endpoint}` has a port"),
    }
}

fn to_slash(text: &str) -> &str {
    text.split('/').next().unwrap_or_default()
}
