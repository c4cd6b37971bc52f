//! Reads DER, the encoding of certificates, as far as the way to the names.
//!
//! Source: [X.690 section 8](https://www.itu.int/rec/T-REC-X.690).

// The tags on the way.
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// A primitive value with a tag of its context.
pub(super) const CONTEXT: u8 = 0x80;
/// A constructed value with a tag of its context.
pub(super) const CONTEXT_CONSTRUCTED: u8 = 0xa0;

/// The bits of a tag whose number is in the bytes after it.
const LONG_TAG: u8 = 0x1f;

/// The bit of a length whose number is in the bytes after it.
const LONG_LENGTH: u8 = 0x80;

/// The most bytes of a length.
const LENGTH_BYTES: usize = 4;

/// The values of one DER value, from the first to the last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a>(pub(super) &'a [u8]);

impl<'a> Values<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Removes the next value, and returns its tag and contents. `None` if it is malformed, or if there
    /// is none.
    pub(super) fn take(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        let (length, rest) = if first & LONG_LENGTH == 0 {
            (usize::from(first), rest)
        } else {
            let count = usize::from(first & !LONG_LENGTH);
            if !(1..=LENGTH_BYTES).contains(&count) {
                return None;
            }
            let (bytes, rest) = rest.split_at_checked(count)?;
            let length = bytes.iter().fold(0, |length, &byte| {
                // At most four bytes.
                length << 8 | u64::from(byte)
            });
            (usize::try_from(length).ok()?, rest)
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// Removes the next value, which must have this tag, and returns the values in it.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        let (found, contents) = self.take()?;
        (found == tag).then_some(Self(contents))
    }

    /// Removes the next value if it has this tag.
    pub(super) fn skip(&mut self, tag: u8) {
        let mut ahead = *self;
        if ahead.enter(tag).is_some() {
            *self = ahead;
        }
    }
}
