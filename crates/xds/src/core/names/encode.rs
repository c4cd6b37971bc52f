//! Percent-encoding of the parts of a URI.

use std::borrow::Cow;

/// Returns whether RFC 3986 leaves a byte as it is everywhere.
///
/// Source: [RFC 3986 section 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3).
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Returns whether a byte may be in a path without an escape: `pchar`, and the slash.
///
/// Source: [RFC 3986 section 3.3](https://www.rfc-editor.org/rfc/rfc3986#section-3.3).
fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@/".contains(&byte)
}

/// Returns whether a byte may be in a query without an escape.
///
/// Source: [RFC 3986 section 3.4](https://www.rfc-editor.org/rfc/rfc3986#section-3.4).
fn is_query_byte(byte: u8) -> bool {
    is_path_byte(byte) || byte == b'?'
}

/// Escapes what may not be in a path; a `%` becomes `%25`.
pub(super) fn encode_path(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_path_byte) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        push(&mut encoded, byte, is_path_byte(byte));
    }
    Cow::Owned(encoded)
}

/// Returns a path in which escapes are normal, or `None` for a `%` that begins no escape.
pub(super) fn normalize_path(text: &str) -> Option<Cow<'_, str>> {
    normalize(text, is_path_byte)
}

/// Returns a query in which escapes are normal, or `None` for a `%` that begins no escape.
pub(super) fn normalize_query(text: &str) -> Option<Cow<'_, str>> {
    normalize(text, is_query_byte)
}

/// Normalizes escapes: those of unreserved bytes are decoded, the others have upper-case digits, and
/// bytes that need an escape get one.
///
/// Source: [RFC 3986 section 6.2.2](https://www.rfc-editor.org/rfc/rfc3986#section-6.2.2).
fn normalize(text: &str, is_kept: fn(u8) -> bool) -> Option<Cow<'_, str>> {
    if text.bytes().all(is_kept) {
        return Some(Cow::Borrowed(text));
    }
    let mut normal = String::with_capacity(text.len() + 8);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (high, low) = (hex_value(bytes.next()?)?, hex_value(bytes.next()?)?);
            let decoded = high << 4 | low;
            push(&mut normal, decoded, is_unreserved(decoded));
        } else {
            push(&mut normal, byte, is_kept(byte));
        }
    }
    Some(Cow::Owned(normal))
}

/// Decodes all escapes; `None` for a `%` that begins no escape, and for what is not UTF-8 then.
pub(super) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_value(bytes.next()?)? << 4 | hex_value(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn hex_value(digit: u8) -> Option<u8> {
    // A hexadecimal digit is below 16.
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Appends a byte as it is, or as an escape.
fn push(to: &mut String, byte: u8, is_kept: bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if is_kept {
        to.push(char::from(byte));
    } else {
        to.push('%');
        to.push(char::from(HEX[usize::from(byte >> 4)]));
        to.push(char::from(HEX[usize::from(byte & 15)]));
    }
}
