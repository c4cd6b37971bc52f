//! Percent-encoding and decoding.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::bytes::byte_at;

/// Returns the `:authority` header for an endpoint.
///
/// Keeps letters, digits and `-_.~!$&'()*+,;=:[]@`. Every other byte becomes `%HH`, as in grpc-go.
///
/// ```
/// use trunkline_target::encode_authority;
///
/// assert_eq!(encode_authority("orders:5000"), "orders:5000");
/// assert_eq!(encode_authority("a/b"), "a%2Fb");
/// ```
#[must_use]
pub fn encode_authority(endpoint: &str) -> Cow<'_, str> {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]@".contains(&byte);
    encode(endpoint.as_bytes(), kept, endpoint)
}

/// Escapes all bytes that `kept` does not accept; returns `text` unchanged if `kept` accepts all.
pub(crate) fn encode<'a>(bytes: &[u8], kept: impl Fn(u8) -> bool, text: &'a str) -> Cow<'a, str> {
    if bytes.len() == text.len() && bytes.iter().all(|&byte| kept(byte)) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(bytes.len() + 8);
    push_encoded(&mut encoded, bytes, kept);
    Cow::Owned(encoded)
}

pub(crate) fn push_encoded(to: &mut String, bytes: &[u8], kept: impl Fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii() && kept(byte) {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.push(char::from(HEX[usize::from(byte >> 4)]));
            to.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Decodes the escapes in `raw`.
pub(crate) fn decode(raw: &str) -> Cow<'_, [u8]> {
    let bytes = raw.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let (byte, width) = byte_at(bytes, i);
        decoded.push(byte);
        i += width;
    }
    Cow::Owned(decoded)
}

/// Decodes the escapes in `raw`, with U+FFFD for what is not UTF-8.
pub(crate) fn decode_text(raw: &str) -> Cow<'_, str> {
    if !raw.contains('%') {
        return Cow::Borrowed(raw);
    }
    match decode(raw) {
        Cow::Borrowed(_) => Cow::Borrowed(raw),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}
