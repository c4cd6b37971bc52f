//! The names that a certificate is for.

use std::fmt;
use std::net::IpAddr;

/// A name that a certificate is for, of a kind that clusters can ask for.
///
/// Source: [RFC 5280 section 4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectAltName {
    /// A DNS name, which may begin with the label `*`.
    Dns(Box<str>),
    /// A URI, such as `spiffe://example.org/orders`.
    Uri(Box<str>),
    /// An e-mail address.
    Email(Box<str>),
    /// An IP address.
    Ip(IpAddr),
}

impl fmt::Display for SubjectAltName {
    /// Prints the text that matchers see: of an IP address, the canonical one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) | Self::Uri(text) | Self::Email(text) => f.write_str(text),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}
