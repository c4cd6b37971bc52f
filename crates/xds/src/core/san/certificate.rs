//! The names in a certificate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::der::{BOOLEAN, CONTEXT, CONTEXT_CONSTRUCTED, OCTET_STRING, OID, SEQUENCE, Values};
use super::name::SubjectAltName;

/// `id-ce-subjectAltName`.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];

/// The explicit tag of the extensions.
const EXTENSIONS: u8 = CONTEXT_CONSTRUCTED | 3;

// The tags of names.
const EMAIL: u8 = CONTEXT | 1;
const DNS: u8 = CONTEXT | 2;
const URI: u8 = CONTEXT | 6;
const IP: u8 = CONTEXT | 7;

impl SubjectAltName {
    /// Reads the names of a certificate in DER, in their order; empty if it has none. `None` if it is not a
    /// certificate, or a name is malformed: then nothing can be concluded from the others.
    ///
    /// It does not check the certificate. That is for the library of TLS, before the names count.
    ///
    /// Source: [RFC 5280 section 4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1).
    #[must_use]
    pub fn of_certificate(der: &[u8]) -> Option<Vec<Self>> {
        let mut to_sign = Values(der).enter(SEQUENCE)?.enter(SEQUENCE)?;
        let mut names = None;
        while !to_sign.is_empty() {
            let (tag, contents) = to_sign.take()?;
            if tag == EXTENSIONS && names.is_none() {
                names = of_extensions(contents)?;
            }
        }
        Some(names.unwrap_or_default())
    }
}

/// Reads the names among extensions; `Some(None)` if there are none.
fn of_extensions(extensions: &[u8]) -> Option<Option<Vec<SubjectAltName>>> {
    let mut extensions = Values(extensions).enter(SEQUENCE)?;
    let mut names = None;
    while !extensions.is_empty() {
        let mut extension = extensions.enter(SEQUENCE)?;
        if extension.enter(OID)?.0 != SUBJECT_ALT_NAME {
            continue;
        }
        if names.is_some() {
            // An extension occurs at most once.
            return None;
        }
        extension.skip(BOOLEAN);
        names = Some(of_extension(extension.enter(OCTET_STRING)?)?);
    }
    Some(names)
}

fn of_extension(mut value: Values<'_>) -> Option<Vec<SubjectAltName>> {
    let mut list = value.enter(SEQUENCE)?;
    let mut names = Vec::new();
    while !list.is_empty() {
        let (tag, contents) = list.take()?;
        // These kinds are in ASCII.
        let text = || {
            let text = str::from_utf8(contents).ok().filter(|text| text.is_ascii());
            text.map(Box::from)
        };
        names.push(match tag {
            EMAIL => SubjectAltName::Email(text()?),
            DNS => SubjectAltName::Dns(text()?),
            URI => SubjectAltName::Uri(text()?),
            IP => SubjectAltName::Ip(ip(contents)?),
            // Names of a kind that no cluster asks for.
            _ => continue,
        });
    }
    Some(names)
}

fn ip(contents: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(contents).map(|ip| IpAddr::V4(Ipv4Addr::from(ip)));
    let v6 = <[u8; 16]>::try_from(contents).map(|ip| IpAddr::V6(Ipv6Addr::from(ip)));
    v4.or(v6).ok()
}
