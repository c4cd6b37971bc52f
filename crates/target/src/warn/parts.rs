//! The scheme, the authority, the query and the fragment of a target.

use alloc::format;
use alloc::string::{String, ToString};

use super::host::unusual;
use super::list::OddityList;
use crate::ErrorKind;
use crate::bytes::Span;
use crate::encode::decode_text;
use crate::facts::{ViewFacts, names_a_scheme};
use crate::host_port::Form;
use crate::split::scheme_end;

pub(super) fn scheme(list: &mut OddityList<'_>) {
    let text = list.target.as_str();
    let path = list.target.split().path();
    if list.target.used_default_scheme() {
        let raw = path.text(text);
        if names_a_scheme(text.as_bytes()) {
            let colon = scheme_end(text.as_bytes()).unwrap_or_default();
            let name = text.get(..colon).unwrap_or_default();
            let rest = text.get(colon + 1..).unwrap_or_default();
            list.add_slip(
                ErrorKind::Scheme,
                0,
                format!("unknown scheme `{name}`: all of it is taken for the endpoint"),
                "a known scheme",
                [format!("{}:{rest}", list.target.scheme())],
            );
        } else if list.is_path() {
            list.add_slip(
                ErrorKind::Scheme,
                0,
                format!("`{raw}` looks like the path of a socket"),
                "the scheme `unix` before a path",
                [
                    format!("unix:{text}"),
                    // `//host` lacks a scheme in front.
                    raw.trim_start_matches('/').to_string(),
                ],
            );
        }
        return;
    }
    let one_slash = list.target.split().authority().is_none() && path.text(text).starts_with('/');
    let wants_three = matches!(
        list.target.facts().view,
        ViewFacts::Dns(_) | ViewFacts::Srv | ViewFacts::Xds | ViewFacts::Passthrough(_)
    );
    if one_slash && wants_three {
        list.add_slip(
            ErrorKind::Syntax,
            path.start,
            format!("one slash after `{}:`", list.target.scheme()),
            "three slashes, or none",
            [list.with(Span::new(path.start, path.start), "//")],
        );
    }
}

pub(super) fn authority(list: &mut OddityList<'_>) {
    let facts = list.target.facts();
    let (Some(authority), false) = (facts.authority, facts.view == ViewFacts::Other) else {
        return;
    };
    if let ViewFacts::Passthrough(_) = facts.view {
        list.add_slip(
            ErrorKind::Authority,
            authority.whole.start,
            String::from("`passthrough` ignores the authority"),
            "no authority",
            [list.with(authority.whole, "")],
        );
        return;
    }
    if let Some(userinfo) = authority.userinfo() {
        list.add_slip(
            ErrorKind::Authority,
            userinfo.start,
            String::from("the user before `@` is ignored"),
            "a host, with or without a port",
            [list.with(Span::new(userinfo.start, userinfo.end + 1), "")],
        );
    }
}

/// Checks the DNS server that the authority names.
pub(super) fn server(list: &mut OddityList<'_>) {
    let Some(authority) = list.target.facts().authority else {
        return;
    };
    let host = decode_text(authority.host.text(list.target.as_str()));
    if authority.form == Form::Name
        && let Some((offset, odd)) = unusual(&host)
        && odd.is_ascii()
    {
        list.add_slip(
            ErrorKind::Authority,
            authority.host.start + offset,
            format!("the server `{host}` holds `{odd}`, which is in no host's name"),
            "one server: a name or an address, and perhaps a port",
            [list.with(authority.whole, host.get(..offset).unwrap_or_default())],
        );
    }
    if authority.port == Some(0) {
        list.add_slip(
            ErrorKind::Authority,
            authority.whole.end - 1,
            String::from("nothing listens on port 0"),
            "a port from 1 to 65535",
            [list.with(authority.whole, &host)],
        );
    }
}

pub(super) fn query_and_fragment(list: &mut OddityList<'_>) {
    let split = list.target.split();
    let cuts_a_path = match list.target.facts().view {
        ViewFacts::Other => return,
        ViewFacts::Unix | ViewFacts::UnixAbstract => true,
        _ => false,
    };
    let marks = [
        ("query", '?', "%3F", split.query()),
        ("fragment", '#', "%23", split.fragment()),
    ];
    for (name, mark, escape, span) in marks {
        let Some(span) = span else { continue };
        let mark_at = span.start.saturating_sub(1);
        let (message, candidate) = if cuts_a_path {
            // A `?` or `#` at the end of the text was not meant as part of the path.
            let escape = if span.is_empty() { "" } else { escape };
            (
                format!("`{mark}` ends the path: what follows is ignored"),
                list.with(Span::new(mark_at, span.start), escape),
            )
        } else {
            (
                format!("the {name} is ignored"),
                list.with(Span::new(mark_at, span.end), ""),
            )
        };
        list.add_slip(ErrorKind::Syntax, mark_at, message, "the end", [candidate]);
    }
}
