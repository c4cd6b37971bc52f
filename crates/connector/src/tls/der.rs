//! Reads DER: the encoding of certificates.

/// The tags that certificates use.
///
/// Source: [X.690 section 8](https://www.itu.int/rec/T-REC-X.690).
pub(super) mod tag {
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OID: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const TELETEX_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
    pub(crate) const BOOLEAN: u8 = 0x01;
    /// A primitive value with a tag of its context, such as a name in `subjectAltName`.
    pub(crate) const CONTEXT: u8 = 0x80;
    /// A constructed value with a tag of its context.
    pub(crate) const CONTEXT_CONSTRUCTED: u8 = 0xa0;
}

/// A reader of the values in one DER value, from the first to the last.
///
/// A value that does not fit its surroundings, or whose tag or length has a form that certificates
/// do not use, ends the reading.
#[derive(Clone, Debug)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns the tag and the contents of the next value.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        /// The bits of a tag whose number is in the bytes after it.
        const LONG_TAG: u8 = 0x1f;
        /// The bit of a length whose number is in the bytes after it.
        const LONG_LENGTH: u8 = 0x80;
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut len = usize::from(first);
        if first & LONG_LENGTH != 0 {
            let count = usize::from(first & !LONG_LENGTH);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (number, after) = rest.split_at_checked(count)?;
            len = number
                .iter()
                .fold(0, |len, byte| len << 8 | usize::from(*byte));
            rest = after;
        }
        if tag & LONG_TAG == LONG_TAG {
            return None;
        }
        let (contents, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// Returns the contents of the next value if it has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(own, _)| *own == tag)
            .map(|(_, contents)| contents)
    }

    /// Returns the contents of the next value and passes it, but only if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = self.clone();
        let contents = ahead.expect(tag)?;
        *self = ahead;
        Some(contents)
    }

    /// Returns a reader of the values in the next value, which must have this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.expect(tag).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of one byte, of several, and those that do not fit.
    #[test]
    fn values_are_read_in_order() {
        let bytes = [0x02, 0x01, 0x05, 0x04, 0x81, 0x02, 0xaa, 0xbb, 0x30, 0x00];
        let mut der = Der::new(&bytes);
        assert_eq!(der.optional(tag::SET), None);
        assert_eq!(der.expect(tag::INTEGER), Some(&[5][..]));
        assert_eq!(der.next(), Some((tag::OCTET_STRING, &[0xaa, 0xbb][..])));
        assert!(
            der.enter(tag::SEQUENCE)
                .is_some_and(|mut inner| inner.next().is_none())
        );
        assert_eq!(der.next(), None);
        for bad in [
            &[0x02][..],
            &[0x02, 0x02, 0x01],
            &[0x02, 0x80],
            &[0x02, 0x85, 0, 0, 0, 0, 0],
            &[0x02, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 0x01, 0x00],
        ] {
            assert_eq!(Der::new(bad).next(), None, "{bad:?}");
        }
    }
}
