//! What a certificate contains, for people.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::der::{Der, tag};
use super::time::CertificateTime;

/// The longest text that is kept of one value in a name, in characters.
const TEXT_LIMIT: usize = 256;

/// What a certificate contains, as far as people need it to understand an error.
///
/// It is for texts alone: what is trusted is decided by rustls, which parses certificates itself.
/// Control characters in the texts are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    /// The holder, most specific part first: `CN=orders,O=Example`. May be empty.
    ///
    /// Source: [RFC 4514](https://www.rfc-editor.org/rfc/rfc4514).
    pub subject: String,
    /// The certificate authority that signed it, in the same form.
    pub issuer: String,
    /// The names and addresses that it is for: DNS names, IP addresses, URIs and e-mail addresses
    /// of `subjectAltName`, in the order of the certificate.
    ///
    /// Source: [RFC 5280 section 4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6).
    pub names: Vec<String>,
    /// The first moment at which it is valid.
    pub not_before: CertificateTime,
    /// The last moment at which it is valid.
    pub not_after: CertificateTime,
}

impl Certificate {
    /// Reads a certificate in DER. `None` where it is not one.
    ///
    /// Source: [RFC 5280 section 4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1).
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        /// The explicit tag of the version.
        const VERSION: u8 = tag::CONTEXT_CONSTRUCTED;
        /// The explicit tag of the extensions.
        const EXTENSIONS: u8 = tag::CONTEXT_CONSTRUCTED | 3;
        let mut to_sign = Der::new(der).enter(tag::SEQUENCE)?.enter(tag::SEQUENCE)?;
        to_sign.optional(VERSION);
        to_sign.expect(tag::INTEGER)?;
        to_sign.expect(tag::SEQUENCE)?;
        let issuer = distinguished_name(to_sign.enter(tag::SEQUENCE)?)?;
        let mut validity = to_sign.enter(tag::SEQUENCE)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        let subject = distinguished_name(to_sign.enter(tag::SEQUENCE)?)?;
        let mut names = Vec::new();
        while let Some((kind, contents)) = to_sign.next() {
            if kind == EXTENSIONS {
                names = alternative_names(contents).unwrap_or_default();
            }
        }
        Some(Self {
            subject,
            issuer,
            names,
            not_before,
            not_after,
        })
    }

    /// Returns whether the holder is also the issuer.
    pub(super) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

fn time(validity: &mut Der<'_>) -> Option<CertificateTime> {
    match validity.next()? {
        (tag::UTC_TIME, text) => CertificateTime::parse_utc(text),
        (tag::GENERALIZED_TIME, text) => CertificateTime::parse_generalized(text),
        _ => None,
    }
}

/// Returns a name as text, its last part first.
///
/// Source: [RFC 4514 section 2](https://www.rfc-editor.org/rfc/rfc4514#section-2).
fn distinguished_name(mut name: Der<'_>) -> Option<String> {
    let mut parts = Vec::new();
    while let Some((kind, contents)) = name.next() {
        if kind != tag::SET {
            return None;
        }
        let mut values = Der::new(contents);
        let mut part = String::new();
        while let Some(mut value) = values.enter(tag::SEQUENCE) {
            if !part.is_empty() {
                part.push('+');
            }
            part.push_str(&attribute(value.expect(tag::OID)?));
            part.push('=');
            let (kind, contents) = value.next()?;
            push_escaped(&mut part, &string(kind, contents)?);
        }
        parts.push(part);
    }
    parts.reverse();
    Some(parts.join(","))
}

/// Returns the short name of an attribute, or its number.
///
/// Source: [RFC 4514 section 3](https://www.rfc-editor.org/rfc/rfc4514#section-3).
fn attribute(oid: &[u8]) -> String {
    let known = match oid {
        [0x55, 0x04, 3] => "CN",
        [0x55, 0x04, 6] => "C",
        [0x55, 0x04, 7] => "L",
        [0x55, 0x04, 8] => "ST",
        [0x55, 0x04, 9] => "STREET",
        [0x55, 0x04, 10] => "O",
        [0x55, 0x04, 11] => "OU",
        // 0.9.2342.19200300.100.1: 1 and 25.
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        _ => return dotted(oid),
    };
    known.to_owned()
}

/// Returns an object identifier with its numbers in decimal.
fn dotted(oid: &[u8]) -> String {
    let mut text = String::new();
    let mut number = 0u64;
    for byte in oid.iter().take(64) {
        number = number.wrapping_shl(7) | u64::from(byte & 0x7f);
        if byte & 0x80 != 0 {
            continue;
        }
        if text.is_empty() {
            let first = (number / 40).min(2);
            let _ = write!(text, "{first}.{}", number - first * 40);
        } else {
            let _ = write!(text, ".{number}");
        }
        number = 0;
    }
    text
}

/// Returns the text of one of the string types of ASN.1.
fn string(kind: u8, contents: &[u8]) -> Option<String> {
    Some(match kind {
        tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => {
            String::from_utf8_lossy(contents).into_owned()
        }
        tag::TELETEX_STRING => contents.iter().map(|byte| char::from(*byte)).collect(),
        tag::BMP_STRING => {
            let units = contents.chunks_exact(2);
            let units = units.map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
            char::decode_utf16(units)
                .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        _ => return None,
    })
}

/// Adds a text from a peer: separators with a backslash, what is not visible as an escape, and at
/// most [`TEXT_LIMIT`] characters.
fn push_escaped(text: &mut String, value: &str) {
    for (at, c) in value.chars().enumerate() {
        if at == TEXT_LIMIT {
            text.push('…');
            break;
        }
        match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => text.extend(['\\', c]),
            ' ' | '\'' => text.push(c),
            // Escapes what has no shape of its own: control and bidirectional characters.
            _ => text.extend(c.escape_debug()),
        }
    }
}

/// Returns the names in `subjectAltName`, if the extensions contain it.
fn alternative_names(extensions: &[u8]) -> Option<Vec<String>> {
    /// `id-ce-subjectAltName`.
    const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
    let mut extensions = Der::new(extensions).enter(tag::SEQUENCE)?;
    while let Some(mut extension) = extensions.enter(tag::SEQUENCE) {
        if extension.expect(tag::OID)? != SUBJECT_ALT_NAME {
            continue;
        }
        extension.optional(tag::BOOLEAN);
        let mut names = Der::new(extension.expect(tag::OCTET_STRING)?).enter(tag::SEQUENCE)?;
        let mut texts = Vec::new();
        while let Some((kind, contents)) = names.next() {
            texts.extend(general_name(kind, contents));
        }
        return Some(texts);
    }
    None
}

/// Returns a name of `subjectAltName`: an e-mail address, a DNS name, a URI or an IP address.
///
/// Source: [RFC 5280 section 4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6).
fn general_name(kind: u8, contents: &[u8]) -> Option<String> {
    const EMAIL: u8 = tag::CONTEXT | 1;
    const DNS: u8 = tag::CONTEXT | 2;
    const URI: u8 = tag::CONTEXT | 6;
    const IP: u8 = tag::CONTEXT | 7;
    match kind {
        EMAIL | DNS | URI => {
            let mut text = String::new();
            push_escaped(&mut text, &String::from_utf8_lossy(contents));
            Some(text)
        }
        IP => {
            let v4 = <[u8; 4]>::try_from(contents).map(|ip| IpAddr::V4(Ipv4Addr::from(ip)));
            let v6 = <[u8; 16]>::try_from(contents).map(|ip| IpAddr::V6(Ipv6Addr::from(ip)));
            v4.or(v6).ok().map(|ip| ip.to_string())
        }
        _ => None,
    }
}
