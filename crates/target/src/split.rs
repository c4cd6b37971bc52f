//! Splits a text into the parts of a URI.

use crate::bytes::{Span, find, find_special, hex};
use crate::fault::{Fault, Violation};
use crate::schemes::{SchemeKind, Schemes, never_falls_back};

/// Where the parts of a URI are. Offsets count in the whole text.
///
/// It is small, because it is moved with every target: the offsets have 32 bits, one for the end of
/// each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Split<'s> {
    /// The scheme, as the known or the default scheme is written.
    pub(crate) scheme: &'s str,
    pub(crate) kind: SchemeKind,
    /// True if the text has no known scheme. It is read as `default:///text`.
    pub(crate) fell_back: bool,
    /// True if the text contains an escape.
    pub(crate) escaped: bool,
    has_authority: bool,
    /// Offset after the scheme's colon.
    hierarchy: u32,
    path: u32,
    path_end: u32,
    query_end: u32,
    end: u32,
}

impl Split<'_> {
    /// Returns the same split with another text for the scheme.
    pub(crate) const fn with_scheme<'s>(&self, scheme: &'s str) -> Split<'s> {
        Split { scheme, ..*self }
    }

    /// Returns the part between `//` and the path.
    #[inline]
    pub(crate) const fn authority(&self) -> Option<Span> {
        if !self.has_authority {
            return None;
        }
        Some(Span::new(self.hierarchy as usize + 2, self.path as usize))
    }

    #[inline]
    pub(crate) const fn path(&self) -> Span {
        Span::new(self.path as usize, self.path_end as usize)
    }

    /// Returns the part after the `?`.
    #[inline]
    pub(crate) const fn query(&self) -> Option<Span> {
        if self.path_end == self.query_end {
            return None;
        }
        Some(Span::new(
            self.path_end as usize + 1,
            self.query_end as usize,
        ))
    }

    /// Returns the part after the `#`.
    #[inline]
    pub(crate) const fn fragment(&self) -> Option<Span> {
        if self.query_end == self.end {
            return None;
        }
        Some(Span::new(self.query_end as usize + 1, self.end as usize))
    }

    /// Returns the path without one leading slash.
    pub(crate) const fn endpoint(&self, text: &[u8]) -> Span {
        let path = self.path();
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

/// Class of each byte in the first pass over a text: 1 for an error, 2 for an escape, 3 for `?` and
/// `#`.
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

/// Splits a text. Offsets of faults count in the text.
///
/// Source: [RFC 3986 section 3](https://www.rfc-editor.org/rfc/rfc3986#section-3), and gRPC's naming
/// document for texts without a known scheme.
#[inline(always)]
pub(crate) const fn split<'s>(text: &[u8], schemes: Schemes<'s>) -> Result<Split<'s>, Fault> {
    if text.len() >= u32::MAX as usize {
        return Err(Fault::new(Violation::TooLong, 0));
    }
    let mut query = None;
    let mut fragment = None;
    let mut escaped = false;
    let mut i = 0;
    while let Some(at) = find_special(text, i) {
        i = at;
        match CLASS[text[i] as usize] {
            0 => {}
            1 => return Err(Fault::new(Violation::Control, i)),
            2 => {
                escaped = true;
                if i + 2 >= text.len() || hex(text[i + 1]).is_none() || hex(text[i + 2]).is_none() {
                    return Err(Fault::new(Violation::Escape, i));
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
        return Err(Fault::new(Violation::EdgeSpace, 0));
    }
    if let [.., b' '] = text {
        let mut end = text.len();
        while end > 0 && text[end - 1] == b' ' {
            end -= 1;
        }
        return Err(Fault::new(Violation::EdgeSpace, end));
    }

    let query_end = match fragment {
        Some(at) => at,
        None => text.len(),
    };
    let path_end = match query {
        Some(at) => at,
        None => query_end,
    };
    let mut split = Split {
        scheme: schemes.default_scheme(),
        kind: SchemeKind::Other,
        fell_back: true,
        escaped,
        has_authority: false,
        hierarchy: 0,
        path: 0,
        path_end: path_end as u32,
        query_end: query_end as u32,
        end: text.len() as u32,
    };
    if let Some(colon) = scheme_end(text) {
        let name = Span::new(0, colon).of(text);
        if let Some(scheme) = schemes.lookup(name) {
            split.scheme = scheme;
            split.kind = SchemeKind::of(scheme);
            split.fell_back = false;
            split.hierarchy = colon as u32 + 1;
            (split.has_authority, split.path) = hierarchy(text, colon + 1, path_end);
            return Ok(split);
        }
        if never_falls_back(name) {
            return Err(Fault::new(Violation::Unsupported, 0));
        }
    }
    if !schemes.default_is_known() {
        return Err(Fault::new(Violation::DefaultScheme, 0));
    }
    split.kind = SchemeKind::of(split.scheme);
    Ok(split)
}

/// Finds the colon after a scheme: `ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) ":"`.
#[inline]
pub(crate) const fn scheme_end(text: &[u8]) -> Option<usize> {
    if text.is_empty() || !text[0].is_ascii_alphabetic() {
        return None;
    }
    let mut i = 1;
    while i < text.len() {
        if !IS_SCHEME[text[i] as usize] {
            return if text[i] == b':' { Some(i) } else { None };
        }
        i += 1;
    }
    None
}

const IS_SCHEME: [bool; 256] = {
    let mut is_scheme = [false; 256];
    let mut byte = 0u8;
    while byte < 0x80 {
        is_scheme[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        byte += 1;
    }
    is_scheme
};

/// Returns whether there is an authority between `start` and `end`, and where the path begins.
#[inline(always)]
const fn hierarchy(text: &[u8], start: usize, end: usize) -> (bool, u32) {
    if start + 2 > end || text[start] != b'/' || text[start + 1] != b'/' {
        return (false, start as u32);
    }
    match find(text, b'/', start + 2) {
        Some(slash) if slash < end => (true, slash as u32),
        _ => (true, end as u32),
    }
}
