//! Targets: any text parses, or fails with an error that has a position.

use std::net::IpAddr;

use http::uri::Authority;
use trunkline_target::{
    ErrorKind, Host, HostPort, ParseError, Schemes, Target, TargetRef, TargetView, Warning,
};

/// A text parses to the same result by reference, by value and in a `const`. The normalized text
/// parses to the same parts. Errors and warnings point into the text, and their suggestions parse.
pub fn target_parse(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let other = Schemes::new(&["other", "dns", "unix"], "other");
    let unix = Schemes::new(&["unix", "ipv6", "xds"], "unix");
    let passthrough = Schemes::new(Schemes::STANDARD.known(), "passthrough");
    for schemes in [Schemes::STANDARD, other, unix, passthrough] {
        let target = TargetRef::parse_with(text, schemes);
        let in_const = TargetRef::parse_const(text, schemes);
        assert_eq!(target.as_ref().ok(), in_const.as_ref());
        let owned = Target::parse_with(text, schemes);
        match (target, owned) {
            (Ok(target), Ok(owned)) => {
                owned_agrees(&target, &owned);
                rebuilt_agrees(&target, schemes);
                views_agree_with_std(owned.view());
                for warning in owned.warnings() {
                    warning_is_of_use(text, &warning);
                }
            }
            (Err(error), Err(other)) => {
                assert_eq!(error, other);
                error_is_of_use(text, schemes, &error);
            }
            (target, owned) => panic!("{target:?} and {owned:?}"),
        }
    }
}

fn owned_agrees(target: &TargetRef<'_>, owned: &Target) {
    assert_eq!(owned.as_str(), target.as_str());
    assert_eq!(owned.scheme(), target.scheme());
    assert_eq!(owned.used_default_scheme(), target.used_default_scheme());
    assert_eq!(owned.authority(), target.authority());
    assert_eq!(owned.userinfo(), target.userinfo());
    assert_eq!(owned.path(), target.path());
    assert_eq!(owned.opaque(), target.opaque());
    assert_eq!(owned.query(), target.query());
    assert_eq!(owned.fragment(), target.fragment());
    assert_eq!(owned.endpoint(), target.endpoint());
    assert_eq!(owned.default_authority(), target.default_authority());
    assert_eq!(owned.canonical(), target.canonical());
    assert_eq!(*owned.view(), target.view());
    assert_eq!(owned.warnings(), target.warnings());
    assert_eq!(owned.as_ref(), *target);
}

fn rebuilt_agrees(target: &TargetRef<'_>, schemes: Schemes<'_>) {
    let text = target.normalized();
    let rebuilt = match TargetRef::parse_with(&text, schemes) {
        Ok(rebuilt) => rebuilt,
        Err(error) => panic!("`{target}` was rebuilt as `{text}`: {error:?}"),
    };
    assert!(!rebuilt.used_default_scheme());
    assert_eq!(rebuilt.scheme(), target.scheme());
    assert_eq!(rebuilt.authority(), target.authority());
    assert_eq!(rebuilt.userinfo(), target.userinfo());
    assert_eq!(rebuilt.path(), target.path());
    assert_eq!(rebuilt.opaque(), target.opaque());
    assert_eq!(rebuilt.query(), target.query());
    assert_eq!(rebuilt.fragment(), target.fragment());
    assert_eq!(rebuilt.endpoint_bytes(), target.endpoint_bytes());
    assert_eq!(rebuilt.default_authority(), target.default_authority());
    assert_eq!(rebuilt.canonical(), target.canonical());
    assert_eq!(rebuilt.view(), target.view());
    assert_eq!(rebuilt.normalized(), text);
}

/// The parser of IP literals accepts what the standard library accepts.
fn views_agree_with_std(view: &TargetView) {
    let host = |host: &Host| {
        let (address, zone) = match host.as_str().split_once('%') {
            Some((address, zone)) if !zone.is_empty() => (address, true),
            _ => (host.as_str(), false),
        };
        let ip = address.parse::<IpAddr>().ok();
        let ip = ip.filter(|ip| ip.is_ipv6() || !zone);
        assert_eq!(host.ip(), ip, "{host}");
    };
    let server = |server: &Option<HostPort>| {
        if let Some(server) = server {
            host(&server.host);
        }
    };
    match view {
        TargetView::Dns {
            host: name,
            server: asked,
            ..
        } => {
            host(name);
            server(asked);
        }
        TargetView::Srv { server: asked, .. } => server(asked),
        TargetView::Passthrough { host_port, .. } => server(host_port),
        TargetView::Ipv4(list) => assert!(!list.is_empty() && list.iter().all(|a| a.is_ipv4())),
        TargetView::Ipv6(list) => assert!(!list.is_empty() && list.iter().all(|a| a.is_ipv6())),
        _ => {}
    }
}

fn error_is_of_use(text: &str, schemes: Schemes<'_>, error: &ParseError) {
    assert!(
        error.at() <= text.len() && text.is_char_boundary(error.at()),
        "{text:?}: {error:?}"
    );
    assert!(!error.message().is_empty() && !error.expected().is_empty());
    if let Some(suggestion) = error.suggestion() {
        assert_ne!(suggestion, text);
        assert!(
            TargetRef::parse_with(suggestion, schemes).is_ok(),
            "{text:?}: {error:?}"
        );
    }
}

fn warning_is_of_use(text: &str, warning: &Warning) {
    assert!(warning.at() <= text.len(), "{text:?}: {warning:?}");
    assert_ne!(warning.kind(), ErrorKind::Unsupported);
    assert_ne!(warning.suggestion(), Some(text));
}

/// The crate `http` accepts the default authority of a target, or refuses it for one of the reasons
/// known: it is empty or too long, or has an escape, a user, wrong brackets or a second colon.
pub fn target_authority(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(target) = TargetRef::parse(text) else {
        return;
    };
    let authority = target.default_authority();
    if let Err(error) = authority.parse::<Authority>() {
        assert!(
            why_refused(&authority).is_some(),
            "`{text}` has the authority `{authority}`: {error}"
        );
    }
}

/// Returns why an HTTP library may refuse an authority that grpc-go would send (quirk q23).
fn why_refused(authority: &str) -> Option<&'static str> {
    let host = authority.rsplit('@').next().unwrap_or_default();
    let after_brackets = host.rsplit(']').next().unwrap_or_default();
    let is_literal = host.starts_with('[') && host.matches(['[', ']']).count() == 2;
    let is_refused = |(refused, why)| if refused { Some(why) } else { None };
    [
        (authority.is_empty(), "it is empty"),
        (authority.len() > usize::from(u16::MAX), "it is too long"),
        (authority.contains('%'), "it holds an escape"),
        (authority.contains('@'), "it holds a user"),
        (
            host.contains(['[', ']']) && !is_literal,
            "it holds brackets around no host",
        ),
        (
            is_literal && !(after_brackets.is_empty() || after_brackets.starts_with(':')),
            "something follows the brackets",
        ),
        (
            after_brackets.matches(':').count() > 1,
            "it holds a second colon",
        ),
    ]
    .into_iter()
    .find_map(is_refused)
}
