//! A text split into the parts of a URI.

use crate::fault::{Fault, What};
use crate::octets::{Span, find, hex};
use crate::schemes::{Kind, Schemes, never_falls_back};

/// Where the parts are. Offsets count in the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split<'s> {
    /// As the caller spelt it.
    pub(crate) scheme: &'s str,
    pub(crate) kind: Kind,
    /// The text has no known scheme: it is read as `default:///text`.
    pub(crate) fell_back: bool,
    /// There is an escape somewhere.
    pub(crate) escaped: bool,
    /// What stands between `//` and the path.
    pub(crate) authority: Option<Span>,
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
    pub(crate) fragment: Option<Span>,
}

impl Split<'_> {
    /// The same split with another spelling of the scheme.
    pub(crate) const fn with_scheme<'s>(&self, scheme: &'s str) -> Split<'s> {
        Split {
            scheme,
            kind: self.kind,
            fell_back: self.fell_back,
            escaped: self.escaped,
            authority: self.authority,
            path: self.path,
            query: self.query,
            fragment: self.fragment,
        }
    }

    /// The path without one leading slash.
    pub(crate) const fn endpoint(&self, text: &[u8]) -> Span {
        let path = self.path;
        if !self.fell_back
            && !path.is_empty()
            && path.start < text.len()
            && text[path.start] == b'/'
        {
            return Span::new(path.start + 1, path.end);
        }
        path
    }
}

/// What each octet is to the first look at a text: 1 to be refused, 2 an escape, 3 a mark.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut i = 0;
    while i < 0x20 {
        class[i] = 1;
        i += 1;
    }
    class[0x7F] = 1;
    class[b'%' as usize] = 2;
    class[b'?' as usize] = 3;
    class[b'#' as usize] = 3;
    class
};

/// Whether the eight octets from `i` on are all of class 0; false where there are fewer.
const fn is_plain(text: &[u8], i: usize) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    let Some((_, rest)) = text.split_at_checked(i) else {
        return false;
    };
    let Some(chunk) = rest.first_chunk::<8>() else {
        return false;
    };
    let word = u64::from_le_bytes(*chunk);
    // The high bit of each octet that is less than 0x20, or that a mask makes zero.
    let mut found = word.wrapping_sub(ONES * 0x20) & !word;
    let mut marks = [0x7F, b'%', b'?', b'#'].as_slice();
    while let [mark, rest @ ..] = marks {
        let masked = word ^ (ONES * *mark as u64);
        found |= masked.wrapping_sub(ONES) & !masked;
        marks = rest;
    }
    found & HIGHS == 0
}

/// Splits by [RFC 3986 section 3](https://www.rfc-editor.org/rfc/rfc3986#section-3), after the
/// rule of gRPC's naming document for texts without a known scheme.
pub(crate) const fn split<'s>(text: &[u8], schemes: Schemes<'s>) -> Result<Split<'s>, Fault> {
    let mut query = None;
    let mut fragment = None;
    let mut escaped = false;
    let mut i = 0;
    while i < text.len() {
        if is_plain(text, i) {
            i += 8;
            continue;
        }
        match CLASS[text[i] as usize] {
            0 => {}
            1 => return Err(Fault::new(What::Control, i)),
            2 => {
                escaped = true;
                if i + 2 >= text.len() || hex(text[i + 1]).is_none() || hex(text[i + 2]).is_none() {
                    return Err(Fault::new(What::Escape, i));
                }
            }
            _ => {
                if fragment.is_none() {
                    if text[i] == b'#' {
                        fragment = Some(i);
                    } else if query.is_none() {
                        query = Some(i);
                    }
                }
            }
        }
        i += 1;
    }
    if let [b' ', ..] = text {
        return Err(Fault::new(What::EdgeSpace, 0));
    }
    if let [.., b' '] = text {
        let mut end = text.len();
        while end > 0 && text[end - 1] == b' ' {
            end -= 1;
        }
        return Err(Fault::new(What::EdgeSpace, end));
    }

    let before_fragment = match fragment {
        Some(at) => at,
        None => text.len(),
    };
    let end = match query {
        Some(at) => at,
        None => before_fragment,
    };
    let query = match query {
        Some(at) => Some(Span::new(at + 1, before_fragment)),
        None => None,
    };
    let fragment = match fragment {
        Some(at) => Some(Span::new(at + 1, text.len())),
        None => None,
    };

    if let Some(colon) = scheme_end(text) {
        let name = Span::new(0, colon).of(text);
        if let Some(scheme) = schemes.lookup(name) {
            let (authority, path) = hierarchy(text, colon + 1, end);
            return Ok(Split {
                scheme,
                kind: Kind::of(scheme),
                fell_back: false,
                escaped,
                authority,
                path,
                query,
                fragment,
            });
        }
        if never_falls_back(name) {
            return Err(Fault::new(What::Unsupported, 0));
        }
    }
    if !schemes.default_is_known() {
        return Err(Fault::new(What::DefaultScheme, 0));
    }
    Ok(Split {
        scheme: schemes.default_scheme(),
        kind: Kind::of(schemes.default_scheme()),
        fell_back: true,
        escaped,
        authority: None,
        path: Span::new(0, end),
        query,
        fragment,
    })
}

/// Where the colon after a scheme is: `ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) ":"`.
pub(crate) const fn scheme_end(text: &[u8]) -> Option<usize> {
    if text.is_empty() || !text[0].is_ascii_alphabetic() {
        return None;
    }
    let mut i = 1;
    while i < text.len() {
        match text[i] {
            b':' => return Some(i),
            b'+' | b'-' | b'.' => {}
            octet if octet.is_ascii_alphanumeric() => {}
            _ => return None,
        }
        i += 1;
    }
    None
}

/// The authority and the path between `start` and `end`.
const fn hierarchy(text: &[u8], start: usize, end: usize) -> (Option<Span>, Span) {
    if start + 2 > end || text[start] != b'/' || text[start + 1] != b'/' {
        return (None, Span::new(start, end));
    }
    let authority = start + 2;
    let slash = match find(text, b'/', authority) {
        Some(slash) if slash < end => slash,
        _ => end,
    };
    (Some(Span::new(authority, slash)), Span::new(slash, end))
}
