//! What a `const fn` needs to read octets, none of which can panic.

use crate::fault::{Fault, What};

/// A range of octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    #[inline]
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// The octets in this range; none where it does not fit.
    #[inline]
    pub(crate) const fn of(self, octets: &[u8]) -> &[u8] {
        let Some((head, _)) = octets.split_at_checked(self.end) else {
            return &[];
        };
        match head.split_at_checked(self.start) {
            Some((_, middle)) => middle,
            None => &[],
        }
    }

    /// The text in this range; none where it does not fit.
    pub(crate) fn text(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// The high bit of each octet that is zero, and perhaps of some above one that is.
#[inline]
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// The eight octets from `i` on; `None` where there are fewer.
#[inline]
const fn word_at(octets: &[u8], i: usize) -> Option<u64> {
    let Some((_, rest)) = octets.split_at_checked(i) else {
        return None;
    };
    match rest.first_chunk::<8>() {
        Some(chunk) => Some(u64::from_le_bytes(*chunk)),
        None => None,
    }
}

/// Whether the eight octets from `i` on hold no control character and no `%`, `?` or `#`; false
/// where there are fewer.
#[inline]
pub(crate) const fn is_plain(octets: &[u8], i: usize) -> bool {
    let Some(word) = word_at(octets, i) else {
        return false;
    };
    let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
    controls
        | zeros(word ^ (ONES * 0x7F))
        | zeros(word ^ (ONES * b'%' as u64))
        | zeros(word ^ (ONES * b'?' as u64))
        | zeros(word ^ (ONES * b'#' as u64))
        == 0
}

/// The first `needle` in `octets` at or after `from`.
#[inline]
pub(crate) const fn find(octets: &[u8], needle: u8, from: usize) -> Option<usize> {
    let mut i = from;
    while let Some(word) = word_at(octets, i) {
        let found = zeros(word ^ (ONES * needle as u64));
        if found != 0 {
            // The lowest is exact.
            return Some(i + (found.trailing_zeros() / 8) as usize);
        }
        i += 8;
    }
    while i < octets.len() {
        if octets[i] == needle {
            return Some(i);
        }
        i += 1;
    }
    None
}

#[inline]
pub(crate) const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether `text`, put in lower case, is `name`.
#[inline(always)]
pub(crate) const fn equal_lowered(text: &[u8], name: &[u8]) -> bool {
    if text.len() != name.len() {
        return false;
    }
    let mut i = 0;
    while i < text.len() {
        if text[i].to_ascii_lowercase() != name[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[inline]
pub(crate) const fn hex(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// The octet at `i`, and how many octets of `raw` it takes: three for an escape, else one.
///
/// An escape that is none stands for itself: escapes are checked before anything else.
#[inline]
pub(crate) const fn octet_at(raw: &[u8], i: usize) -> (u8, usize) {
    if raw[i] == b'%'
        && i + 2 < raw.len()
        && let Some(high) = hex(raw[i + 1])
        && let Some(low) = hex(raw[i + 2])
    {
        return (high * 16 + low, 3);
    }
    (raw[i], 1)
}

/// Octets without their escapes, held on the stack: for what can be of use only when short.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    octets: [u8; Self::CAPACITY],
    len: usize,
}

impl Short {
    /// More than the longest host name, zone and port together.
    pub(crate) const CAPACITY: usize = 320;

    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            octets: [0; Self::CAPACITY],
            len: 0,
        }
    }

    /// Adds an octet; false where there is no room.
    #[inline]
    pub(crate) const fn push(&mut self, octet: u8) -> bool {
        if self.len >= Self::CAPACITY {
            return false;
        }
        self.octets[self.len] = octet;
        self.len += 1;
        true
    }

    /// `raw` without its escapes; `None` where it is too long.
    #[inline]
    pub(crate) const fn decode(raw: &[u8]) -> Option<Self> {
        let mut short = Self::new();
        let mut i = 0;
        while i < raw.len() {
            let (octet, width) = octet_at(raw, i);
            if !short.push(octet) {
                return None;
            }
            i += width;
        }
        Some(short)
    }

    #[inline]
    pub(crate) const fn as_slice(&self) -> &[u8] {
        Span::new(0, self.len).of(&self.octets)
    }
}

/// Where in `raw` the octet stands that is number `decoded` without escapes.
#[inline]
pub(crate) const fn raw_index(raw: &[u8], decoded: usize) -> usize {
    let mut i = 0;
    let mut n = 0;
    while i < raw.len() && n < decoded {
        i += octet_at(raw, i).1;
        n += 1;
    }
    i
}

/// Checks that the escapes in `raw`, which begins at `offset`, make UTF-8.
///
/// What is not escaped is whole characters, so each run of escapes must be whole ones too.
#[inline]
pub(crate) const fn escapes_are_text(raw: &[u8], offset: usize) -> Result<(), Fault> {
    let mut i = 0;
    while i < raw.len() {
        let (first, width) = octet_at(raw, i);
        if width == 1 || first < 0x80 {
            i += width;
            continue;
        }
        let count = match first {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return Err(Fault::new(What::NotText, offset + i)),
        };
        let mut character = [0; 4];
        let mut n = 0;
        while n < count {
            let at = i + 3 * n;
            if at >= raw.len() || octet_at(raw, at).1 != 3 {
                return Err(Fault::new(What::NotText, offset + i));
            }
            character[n] = octet_at(raw, at).0;
            n += 1;
        }
        if core::str::from_utf8(Span::new(0, count).of(&character)).is_err() {
            return Err(Fault::new(What::NotText, offset + i));
        }
        i += 3 * count;
    }
    Ok(())
}
