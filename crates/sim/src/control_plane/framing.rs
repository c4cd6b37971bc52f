//! The messages of a gRPC stream in its bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

/// The length of the prefix of a message: a flag for compression, and four bytes of length.
///
/// Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md),
/// Length-Prefixed-Message.
const PREFIX: usize = 5;

/// The longest message that is read. That of the servers of grpc-go is 4 MiB, too.
const LONGEST: usize = 4 << 20;

/// Returns `message` with its prefix.
pub(super) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(PREFIX + length);
    out.put_u8(0);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    out.extend_from_slice(&message.encode_to_vec());
    out.freeze()
}

/// Collects the bytes of a stream, and returns its messages.
#[derive(Default)]
pub(super) struct Frames(BytesMut);

impl Frames {
    /// Adds bytes that were received.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    /// Returns the next whole message, without its prefix.
    ///
    /// # Errors
    ///
    /// When a message is compressed or longer than 4 MiB.
    pub(super) fn next(&mut self) -> Option<Result<Bytes, &'static str>> {
        let mut prefix = self.0.get(..PREFIX)?;
        if prefix.get_u8() != 0 {
            return Some(Err("a compressed message"));
        }
        let length = usize::try_from(prefix.get_u32()).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Some(Err("a message of more than 4 MiB"));
        }
        if self.0.len() < PREFIX + length {
            return None;
        }
        self.0.advance(PREFIX);
        Some(Ok(self.0.split_to(length).freeze()))
    }
}
