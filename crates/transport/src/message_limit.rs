//! A limit for the sizes of messages.

use std::fmt;

use crate::prefixes::{MESSAGE_PREFIX, Prefixes};

/// Finds a message over a limit in the data of a request or of a response, however it is cut into
/// pieces. A message is found by its prefix, before the rest of it has come.
///
/// ```
/// use trunkline_transport::MessageLimit;
///
/// let mut limit = MessageLimit::new(2);
/// assert_eq!(limit.check(b"\0\0\0\0\x02ab\0\0"), Ok(()));
/// let error = limit.check(b"\0\0\x03abc").unwrap_err();
/// assert_eq!((error.size, error.limit, error.at), (3, 2, 0));
/// ```
#[derive(Clone, Debug)]
pub struct MessageLimit {
    limit: u32,
    prefixes: Prefixes,
}

/// A message over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageTooLarge {
    /// The size that the message's prefix announces, in bytes: that after compression.
    pub size: u32,
    /// The limit, in bytes.
    pub limit: u32,
    /// Where the message begins in the piece that was checked; 0 if it began before that.
    pub at: usize,
}

impl MessageLimit {
    /// Returns a check of one direction of a call, in which a message has at most `limit` bytes after
    /// compression. Its prefix does not count.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self {
            limit,
            prefixes: Prefixes::default(),
        }
    }

    /// Checks the next piece of the data.
    ///
    /// # Errors
    ///
    /// When a message in it is over the limit. Check nothing more after that.
    pub fn check(&mut self, piece: &[u8]) -> Result<(), MessageTooLarge> {
        let mut rest = piece;
        while let Some(prefix) = self.prefixes.next(&mut rest) {
            if prefix.size > self.limit {
                let end = piece.len() - rest.len();
                return Err(MessageTooLarge {
                    size: prefix.size,
                    limit: self.limit,
                    at: end.saturating_sub(MESSAGE_PREFIX),
                });
            }
        }
        Ok(())
    }
}

impl fmt::Display for MessageTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, limit, .. } = self;
        write!(
            f,
            "it has {size} bytes after compression, and the limit of this client is {limit}"
        )
    }
}

impl std::error::Error for MessageTooLarge {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages of these sizes, one after the other.
    fn messages(sizes: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for size in sizes {
            bytes.push(0);
            bytes.extend(size.to_be_bytes());
            bytes.resize(bytes.len() + *size as usize, 7);
        }
        bytes
    }

    /// The first message over the limit is found, however the data is cut. (gRPC over HTTP/2,
    /// "Length-Prefixed-Message")
    #[test]
    fn a_message_over_the_limit_is_found() {
        let bytes = messages(&[0, 3, 4, 0, 5, 9]);
        let start = messages(&[0, 3, 4, 0]).len();
        for piece in 1..=bytes.len() {
            let mut limit = MessageLimit::new(4);
            let mut pieces = bytes.chunks(piece).enumerate();
            let found = pieces.find_map(|(number, bytes)| {
                let error = limit.check(bytes).err()?;
                Some((number * piece, error))
            });
            let (offset, error) = found.expect("a message over the limit");
            assert_eq!((error.size, error.limit), (5, 4), "in pieces of {piece}");
            assert_eq!(
                error.at,
                start.saturating_sub(offset),
                "in pieces of {piece}"
            );
            let prefix = start..start + MESSAGE_PREFIX;
            assert!(
                offset < prefix.end,
                "found by its prefix, in pieces of {piece}"
            );
        }
        let mut none = MessageLimit::new(9);
        assert_eq!(none.check(&bytes), Ok(()));
    }

    /// A message of 4 GiB is found, and a limit of 0 allows empty messages only.
    #[test]
    fn the_largest_and_the_smallest() {
        let error = MessageLimit::new(u32::MAX - 1).check(&[0, 255, 255, 255, 255]);
        assert_eq!(error.map_err(|error| error.size), Err(u32::MAX));
        let mut limit = MessageLimit::new(0);
        assert_eq!(limit.check(&messages(&[0, 0])), Ok(()));
        assert_eq!(
            limit.check(&messages(&[1])).map_err(|error| error.at),
            Err(0)
        );
    }
}
