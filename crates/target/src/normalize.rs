//! A URI from the parts of a target.

use alloc::string::String;

use crate::TargetRef;
use crate::bytes::Span;
use crate::encode::{decode, push_encoded};

impl TargetRef<'_> {
    /// A URI of the same meaning, built from the parts: it parses, to the same parts.
    ///
    /// The scheme is written out and in lower case, escapes are there where they must be.
    #[must_use]
    pub fn normalized(&self) -> String {
        normalized(self)
    }
}

/// Puts the parts together again.
fn normalized(target: &TargetRef<'_>) -> String {
    let text = target.as_str();
    let split = target.split();
    let path = decode(split.path().text(text));
    let mut uri = String::with_capacity(text.len() + 8);
    uri.push_str(target.scheme());
    uri.push(':');
    if target.used_default_scheme() {
        uri.push_str("///");
    } else if split.authority().is_some() {
        uri.push_str("//");
    }
    if let Some(authority) = target.facts().authority {
        if let Some(userinfo) = authority.userinfo() {
            push_encoded(&mut uri, &decode(userinfo.text(text)), |byte| {
                is_plain(byte) || byte == b':'
            });
            uri.push('@');
        }
        let host = decode(authority.host.text(text));
        if authority.is_bracketed() {
            uri.push('[');
            push_encoded(&mut uri, &host, |byte| is_unreserved(byte) || byte == b':');
            uri.push(']');
        } else {
            push_encoded(&mut uri, &host, is_plain);
        }
        // The colon and the port as they are written, if only a colon or with leading zeros.
        if let Some(colon) = authority.colon() {
            uri.push_str(Span::new(colon, authority.whole.end).text(text));
        }
    }
    let rootless = target.opaque().is_some();
    let has_no_authority = !target.used_default_scheme() && split.authority().is_none();
    let rest = match path.split_first() {
        // A slash that is data would be read as a separator in front.
        Some((b'/', rest)) if rootless => {
            uri.push_str("%2F");
            rest
        }
        // Two slashes would begin an authority (RFC 3986 section 3.3).
        Some((b'/', [b'/', rest @ ..])) if has_no_authority => {
            uri.push_str("/%2F");
            rest
        }
        _ => &path,
    };
    push_encoded(&mut uri, rest, is_path);
    if let Some(query) = target.query() {
        uri.push('?');
        uri.push_str(query);
    }
    if let Some(fragment) = target.fragment() {
        uri.push('#');
        push_encoded(&mut uri, fragment.as_bytes(), |byte| {
            is_path(byte) || byte == b'?'
        });
    }
    uri
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// unreserved and sub-delims of RFC 3986 section 2.
fn is_plain(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte)
}

/// What a path may hold; and brackets, which every reader of targets takes.
fn is_path(byte: u8) -> bool {
    is_plain(byte) || b":@/[]".contains(&byte)
}
