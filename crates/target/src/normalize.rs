//! Builds the normal form of a target from its parts.

use alloc::string::String;

use crate::TargetRef;
use crate::bytes::Span;
use crate::encode::{decode, push_encoded};

impl TargetRef<'_> {
    /// Returns a URI with the same meaning, which parses to the same parts.
    ///
    /// The scheme is always present and in lower case, and only characters that must be escaped
    /// are.
    #[must_use]
    pub fn normalized(&self) -> String {
        normalized(self)
    }
}

/// Joins the parts of a target.
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
        // Keeps the colon and the port as they are written: the port may be empty or have leading
        // zeros.
        if let Some(colon) = authority.colon() {
            uri.push_str(Span::new(colon, authority.whole.end).text(text));
        }
    }
    let rootless = target.opaque().is_some();
    let has_no_authority = !target.used_default_scheme() && split.authority().is_none();
    let rest = match path.split_first() {
        // An unescaped slash at the beginning would be read as a separator.
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

/// Returns whether a byte is one of `unreserved` and `sub-delims` of RFC 3986 section 2.
fn is_plain(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte)
}

/// Returns whether a path may contain a byte unescaped. Brackets may, as all parsers of targets
/// accept them.
fn is_path(byte: u8) -> bool {
    is_plain(byte) || b":@/[]".contains(&byte)
}
