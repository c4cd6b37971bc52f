//! Percent escapes, on and off.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::octets::octet_at;

/// The `:authority` that stands for `endpoint` on the wire.
///
/// Letters, digits and `-_.~!$&'()*+,;=:[]@` stay; every other octet becomes `%HH`.
///
/// ```
/// use trunkline_target::encode_authority;
///
/// assert_eq!(encode_authority("orders:5000"), "orders:5000");
/// assert_eq!(encode_authority("a/b"), "a%2Fb");
/// ```
#[must_use]
pub fn encode_authority(endpoint: &str) -> Cow<'_, str> {
    let kept = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]@".contains(&octet);
    encode(endpoint.as_bytes(), kept, endpoint)
}

/// `octets` with all but the kept ones escaped; `text` where that changes nothing.
pub(crate) fn encode<'a>(octets: &[u8], kept: impl Fn(u8) -> bool, text: &'a str) -> Cow<'a, str> {
    if octets.len() == text.len() && octets.iter().all(|&octet| kept(octet)) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(octets.len() + 8);
    push_encoded(&mut encoded, octets, kept);
    Cow::Owned(encoded)
}

pub(crate) fn push_encoded(to: &mut String, octets: &[u8], kept: impl Fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &octet in octets {
        if octet.is_ascii() && kept(octet) {
            to.push(char::from(octet));
        } else {
            to.push('%');
            to.push(char::from(HEX[usize::from(octet >> 4)]));
            to.push(char::from(HEX[usize::from(octet & 15)]));
        }
    }
}

/// `raw` without its escapes.
pub(crate) fn decode(raw: &str) -> Cow<'_, [u8]> {
    let octets = raw.as_bytes();
    if !octets.contains(&b'%') {
        return Cow::Borrowed(octets);
    }
    let mut decoded = Vec::with_capacity(octets.len());
    let mut i = 0;
    while i < octets.len() {
        let (octet, width) = octet_at(octets, i);
        decoded.push(octet);
        i += width;
    }
    Cow::Owned(decoded)
}

/// `raw` without its escapes, U+FFFD for what is not UTF-8.
pub(crate) fn decode_text(raw: &str) -> Cow<'_, str> {
    if !raw.contains('%') {
        return Cow::Borrowed(raw);
    }
    match decode(raw) {
        Cow::Borrowed(_) => Cow::Borrowed(raw),
        Cow::Owned(octets) => Cow::Owned(match String::from_utf8(octets) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}
