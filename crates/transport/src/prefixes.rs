//! Where messages begin in the data of a call.

/// The length of the prefix of a message, in bytes: a flag, and the length of the message in four
/// bytes.
///
/// Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
pub const MESSAGE_PREFIX: usize = 5;

/// The prefix of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// The flag of a compressed message: 0 or 1.
    pub(crate) flag: u8,
    /// The length of the message after compression, in bytes.
    pub(crate) size: u32,
}

/// Finds the prefixes of messages in one direction of a call, however its data is cut into pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Prefixes {
    /// The number of bytes that have yet to come of the message whose prefix came last.
    left: u32,
    /// The part of a prefix that has come.
    partial: [u8; MESSAGE_PREFIX],
    partial_len: u8,
}

impl Prefixes {
    /// Returns the prefix of a piece of the data that is a whole message, as most are; `None` for any other
    /// piece. Takes nothing: a whole message changes nothing for the next piece.
    #[inline]
    pub(crate) fn of_whole_message(&self, piece: &[u8]) -> Option<Prefix> {
        if self.left != 0 || self.partial_len != 0 {
            return None;
        }
        let ([flag, size @ ..], rest) = piece.split_first_chunk::<MESSAGE_PREFIX>()?;
        let size = u32::from_be_bytes(*size);
        (usize::try_from(size) == Ok(rest.len())).then_some(Prefix { flag: *flag, size })
    }

    /// Takes the next prefix from the front of a piece of the data, and the bytes before it. `None`
    /// when the piece ends before the prefix does: then nothing of the piece is left.
    pub(crate) fn next(&mut self, piece: &mut &[u8]) -> Option<Prefix> {
        let passed = piece.len().min(self.left as usize);
        self.left -= u32::try_from(passed).unwrap_or(self.left);
        *piece = &piece[passed..];
        if self.partial_len == 0
            && let Some((prefix, rest)) = piece.split_first_chunk()
        {
            // The common case: the prefix is in one piece, and need not be copied.
            *piece = rest;
            return Some(self.begin(*prefix));
        }
        while let Some((byte, rest)) = piece.split_first() {
            *piece = rest;
            self.partial[usize::from(self.partial_len)] = *byte;
            self.partial_len += 1;
            if usize::from(self.partial_len) == MESSAGE_PREFIX {
                self.partial_len = 0;
                return Some(self.begin(self.partial));
            }
        }
        None
    }

    /// Begins the message with this prefix.
    fn begin(&mut self, [flag, size @ ..]: [u8; MESSAGE_PREFIX]) -> Prefix {
        self.left = u32::from_be_bytes(size);
        Prefix {
            flag,
            size: self.left,
        }
    }
}
