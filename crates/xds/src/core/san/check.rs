//! Which server name is sent, and whether the certificate that comes back is for the right server.

use std::fmt;
use std::net::IpAddr;

use super::name::SubjectAltName;
use crate::core::resources::{StringMatcher, UpstreamTls, cut};

/// How many names of a certificate a text has.
const NAMED: usize = 5;

/// Returns the server name that is sent to an endpoint with this host name; `None` for none.
///
/// It is the endpoint's host name without its port if the cluster sets `auto_host_sni`, else the
/// cluster's own name. An IP address is not sent: the extension has no form for it ([RFC 6066 section
/// 3](https://www.rfc-editor.org/rfc/rfc6066#section-3)).
///
/// Source: [gRFC A101](https://github.com/grpc/proposal/blob/master/A101-SNI-setting-and-SNI-SAN-validation.md).
#[must_use]
pub fn sent_server_name<'a>(tls: &'a UpstreamTls, hostname: Option<&'a str>) -> Option<&'a str> {
    let of_endpoint = hostname
        .filter(|_| tls.auto_host_sni)
        .map(without_port)
        .filter(|host| !host.is_empty());
    let name = of_endpoint.unwrap_or(&tls.sni);
    let is_sent = !name.is_empty() && name.parse::<IpAddr>().is_err();
    is_sent.then_some(name)
}

/// Returns a host name without its port, and an IPv6 address without its brackets.
fn without_port(hostname: &str) -> &str {
    if let Some(rest) = hostname.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(host, _)| host);
    }
    match hostname.split_once(':') {
        // More than one colon: an IPv6 address without brackets.
        Some((_, port)) if port.contains(':') => hostname,
        Some((host, _)) => host,
        None => hostname,
    }
}

/// Checks the names of a certificate whose chain leads to the roots. It replaces the check of the host
/// name.
///
/// With `auto_sni_san_validation` the server name that was sent must be among the DNS names. Else one of the
/// names must match one of the cluster's conditions; without conditions all names are right.
///
/// # Errors
///
/// When none is right.
///
/// Source: [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md), "Server
/// Authorization"; [A101](https://github.com/grpc/proposal/blob/master/A101-SNI-setting-and-SNI-SAN-validation.md).
pub fn verify_names(
    tls: &UpstreamTls,
    sent: Option<&str>,
    names: &[SubjectAltName],
) -> Result<(), NameMismatch> {
    let sent = sent.filter(|_| tls.auto_sni_san_validation);
    let is_right = match sent {
        Some(sent) => names.iter().any(|name| is_dns_name_of(name, sent)),
        None => {
            let matchers = &tls.subject_alt_names;
            let matches = |name| matchers.iter().any(|matcher| is_match(matcher, name));
            matchers.is_empty() || names.iter().any(matches)
        }
    };
    if is_right {
        return Ok(());
    }
    Err(NameMismatch {
        wanted: sent.map(Box::from),
        names: names.to_vec(),
    })
}

/// Returns whether a condition holds for a name.
fn is_match(matcher: &StringMatcher, name: &SubjectAltName) -> bool {
    match (matcher, name) {
        (StringMatcher::Exact { text, .. }, SubjectAltName::Dns(_)) => is_dns_name_of(name, text),
        (_, SubjectAltName::Ip(ip)) => matcher.matches(&ip.to_string()),
        (
            _,
            SubjectAltName::Dns(text) | SubjectAltName::Uri(text) | SubjectAltName::Email(text),
        ) => matcher.matches(text),
    }
}

/// Returns whether a name is a DNS name that covers `host`: the same one, or one with the first label
/// `*`, which matches exactly one label. The case is ignored, and so is a dot at the end.
///
/// Source: [RFC 6125 section 6.4](https://www.rfc-editor.org/rfc/rfc6125#section-6.4).
fn is_dns_name_of(name: &SubjectAltName, host: &str) -> bool {
    let SubjectAltName::Dns(pattern) = name else {
        return false;
    };
    let without_dot = |name| str::strip_suffix(name, ".").unwrap_or(name);
    let (pattern, host) = (without_dot(pattern), without_dot(host));
    if host.is_empty() {
        return false;
    }
    let Some(parent) = pattern.strip_prefix("*.") else {
        return !pattern.contains('*') && pattern.eq_ignore_ascii_case(host);
    };
    let Some((label, rest)) = host.split_once('.') else {
        return false;
    };
    let is_plain = !parent.is_empty() && !parent.contains('*');
    is_plain && !label.is_empty() && parent.eq_ignore_ascii_case(rest)
}

/// None of the names of a server's certificate is one that the cluster asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameMismatch {
    /// The name that must be there; `None` where the cluster has conditions.
    wanted: Option<Box<str>>,
    /// The names of the certificate.
    names: Vec<SubjectAltName>,
}

impl fmt::Display for NameMismatch {
    /// Prints what is missing, and the names of the certificate. Control characters are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate of the server ")?;
        if self.names.is_empty() {
            return f.write_str("has no names, and the cluster asks for one");
        }
        match &self.wanted {
            Some(name) => write!(f, "is not for {name:?}: ")?,
            None => f.write_str("has no name that the cluster asks for: ")?,
        }
        f.write_str("it is for ")?;
        for (at, name) in self.names.iter().take(NAMED).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{:?}", cut(&name.to_string()))?;
        }
        if self.names.len() > NAMED {
            write!(f, " and {} more", self.names.len() - NAMED)?;
        }
        Ok(())
    }
}

impl std::error::Error for NameMismatch {}
