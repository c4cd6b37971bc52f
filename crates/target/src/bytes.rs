//! Functions on bytes that work in a `const fn`.

use crate::fault::{Fault, Violation};

/// A range of bytes.
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

    /// Returns the same range in a text that begins `offset` bytes earlier.
    #[inline]
    pub(crate) const fn shifted(self, offset: usize) -> Self {
        Self::new(self.start + offset, self.end + offset)
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Returns the bytes in this range; none if it does not fit.
    #[inline]
    pub(crate) const fn of(self, bytes: &[u8]) -> &[u8] {
        let Some((head, _)) = bytes.split_at_checked(self.end) else {
            return &[];
        };
        match head.split_at_checked(self.start) {
            Some((_, middle)) => middle,
            None => &[],
        }
    }

    /// Returns the text in this range; none if it does not fit.
    pub(crate) fn text(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;

/// Returns a word of eight equal bytes.
#[inline]
const fn all(byte: u8) -> u64 {
    ONES * byte as u64
}

/// Returns the high bit of each byte that is zero. Bits of bytes above the lowest zero byte may be
/// set wrongly.
#[inline]
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

/// Returns the high bit of each byte that is zero, and no other bit.
#[inline]
const fn exact_zeros(word: u64) -> u64 {
    !(((word & !HIGHS) + !HIGHS) | word) & HIGHS
}

/// Returns the eight bytes from `i` on as a word, the first byte lowest. Fills up missing bytes
/// with 0xFF, which never occurs in UTF-8.
#[inline]
const fn word_at(bytes: &[u8], i: usize) -> u64 {
    let Some((_, rest)) = bytes.split_at_checked(i) else {
        return u64::MAX;
    };
    if let Some(chunk) = rest.first_chunk() {
        return u64::from_le_bytes(*chunk);
    }
    if let Some(chunk) = bytes.last_chunk() {
        let missing = 8 * (8 - rest.len() as u32);
        return !(!u64::from_le_bytes(*chunk)).unbounded_shr(missing);
    }
    let mut word = u64::MAX;
    let mut n = rest.len();
    while n > 0 {
        n -= 1;
        word = word << 8 | rest[n] as u64;
    }
    word
}

/// Returns how many bytes precede the first one whose high bit is set in `found`.
#[inline]
const fn first_of(found: u64) -> usize {
    (found.trailing_zeros() / 8) as usize
}

/// Finds the first byte at or after `from` that may be a control character, `%`, `?` or `#`. It
/// also stops at spaces and the other characters below `%`.
#[inline]
pub(crate) const fn find_special(bytes: &[u8], from: usize) -> Option<usize> {
    let mut i = from;
    while i < bytes.len() {
        let word = word_at(bytes, i);
        // Also matches a space and the other characters below `%`, which are rare in targets.
        let low = word.wrapping_sub(all(b'%' + 1)) & !word & HIGHS;
        // `?` and U+007F differ in one bit.
        let found = low | zeros((word | all(0x40)) ^ all(0x7F));
        if found != 0 {
            return Some(i + first_of(found));
        }
        i += 8;
    }
    None
}

/// Finds the first `needle` in `bytes` at or after `from`.
#[inline]
pub(crate) const fn find(bytes: &[u8], needle: u8, from: usize) -> Option<usize> {
    let mut i = from;
    while i < bytes.len() {
        let found = zeros(word_at(bytes, i) ^ all(needle));
        if found != 0 {
            // The lowest bit of `zeros` is exact.
            return Some(i + first_of(found));
        }
        i += 8;
    }
    None
}

/// Returns the high bit of each dot and each colon among the eight bytes from `i` on, the first
/// byte lowest.
#[inline]
pub(crate) const fn dots_and_colons(bytes: &[u8], i: usize) -> u64 {
    let word = word_at(bytes, i);
    exact_zeros(word ^ all(b'.')) | exact_zeros(word ^ all(b':'))
}

/// Finds the first control character.
pub(crate) const fn find_control(bytes: &[u8]) -> Option<usize> {
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i].is_ascii_control() {
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

/// Returns whether `scheme`, converted to lower case, equals `name`.
#[inline(always)]
pub(crate) const fn equal_lowered(scheme: &[u8], name: &[u8]) -> bool {
    // Of the characters that a scheme may contain, only capitals lack this bit.
    const LOWER: u8 = 0x20;
    if scheme.len() != name.len() {
        return false;
    }
    let mut i = 0;
    while i < scheme.len() {
        if scheme[i] | LOWER != name[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[inline]
pub(crate) const fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Returns the decoded byte at `i`, and how many bytes of `raw` it takes: three for an escape, else
/// one.
///
/// A `%` that begins no valid escape is returned as it is. Escapes are checked before anything
/// else.
#[inline]
pub(crate) const fn byte_at(raw: &[u8], i: usize) -> (u8, usize) {
    if raw[i] == b'%'
        && i + 2 < raw.len()
        && let Some(high) = hex(raw[i + 1])
        && let Some(low) = hex(raw[i + 2])
    {
        return (high * 16 + low, 3);
    }
    (raw[i], 1)
}

/// Decoded bytes on the stack, for parts that are only valid when they are short.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    bytes: [u8; Self::CAPACITY],
    len: usize,
}

impl Short {
    /// Capacity in bytes: more than the longest host name, zone and port together.
    pub(crate) const CAPACITY: usize = 320;

    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; Self::CAPACITY],
            len: 0,
        }
    }

    /// Adds a byte; returns false if there is no room.
    #[inline]
    pub(crate) const fn push(&mut self, byte: u8) -> bool {
        if self.len >= Self::CAPACITY {
            return false;
        }
        self.bytes[self.len] = byte;
        self.len += 1;
        true
    }

    /// Decodes the escapes in `raw`; `None` if the result is too long.
    #[inline]
    pub(crate) const fn decode(raw: &[u8]) -> Option<Self> {
        let mut short = Self::new();
        let mut i = 0;
        while i < raw.len() {
            let (byte, width) = byte_at(raw, i);
            if !short.push(byte) {
                return None;
            }
            i += width;
        }
        Some(short)
    }

    #[inline]
    pub(crate) const fn as_slice(&self) -> &[u8] {
        Span::new(0, self.len).of(&self.bytes)
    }
}

/// Maps an index in the decoded text to its index in `raw`.
#[inline]
pub(crate) const fn raw_index(raw: &[u8], decoded: usize) -> usize {
    let mut i = 0;
    let mut n = 0;
    while i < raw.len() && n < decoded {
        i += byte_at(raw, i).1;
        n += 1;
    }
    i
}

/// Checks that the escapes in `raw` decode to UTF-8. `offset` is the index of `raw` in the text in
/// which the offsets of faults count.
///
/// Unescaped text consists of whole characters, so each run of escapes must do so too.
#[inline]
pub(crate) const fn escapes_are_text(raw: &[u8], offset: usize) -> Result<(), Fault> {
    let mut i = 0;
    while i < raw.len() {
        let (first, width) = byte_at(raw, i);
        if width == 1 || first < 0x80 {
            i += width;
            continue;
        }
        let count = match first {
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return Err(Fault::new(Violation::NotText, offset + i)),
        };
        let mut character = [0; 4];
        let mut n = 0;
        while n < count {
            let at = i + 3 * n;
            if at >= raw.len() || byte_at(raw, at).1 != 3 {
                return Err(Fault::new(Violation::NotText, offset + i));
            }
            character[n] = byte_at(raw, at).0;
            n += 1;
        }
        if core::str::from_utf8(Span::new(0, count).of(&character)).is_err() {
            return Err(Fault::new(Violation::NotText, offset + i));
        }
        i += 3 * count;
    }
    Ok(())
}
