//! The messages in the body of a call: their compressed flags, and which of them are compressed.
//!
//! tonic compresses all messages of a stream or none, and does not show the flags. The suite asks for
//! both per message, so this body reads the prefixes, and decompresses the messages that are to be sent
//! plain.

use std::io::Read;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::read::GzDecoder;
use http_body::{Body, Frame};

use crate::wrong::Wrong;

/// The prefix of a message: the compressed flag, and the length in 4 bytes.
const PREFIX: usize = 5;

/// The compressed flags of the messages that have passed, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenFlags(Arc<Mutex<Vec<bool>>>);

impl SeenFlags {
    /// Returns the flags so far.
    pub(super) fn so_far(&self) -> Vec<bool> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn push(&self, compressed: bool) {
        let mut flags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flags.push(compressed);
    }
}

/// Whether each message of a compressed stream stays compressed. Messages after the last entry do.
#[derive(Clone, Debug)]
pub(super) struct StaysCompressed(pub(super) Vec<bool>);

/// A body whose messages are watched or decompressed on the way.
#[derive(Debug)]
pub(super) struct MessageBody<B> {
    inner: B,
    seen: Option<SeenFlags>,
    stays: Option<StaysCompressed>,
    /// The start of a message whose end has not arrived.
    partial: BytesMut,
    /// The number of messages that have passed.
    passed: usize,
}

impl<B> MessageBody<B> {
    /// Returns a body that passes all frames of `inner`.
    pub(super) fn new(inner: B, seen: Option<SeenFlags>, stays: Option<StaysCompressed>) -> Self {
        Self {
            inner,
            seen,
            stays,
            partial: BytesMut::new(),
            passed: 0,
        }
    }

    /// Takes the next whole message out of the buffer, as it is sent on.
    fn next_message(&mut self) -> Option<Result<Bytes, Wrong>> {
        let mut prefix = self.partial.get(..PREFIX)?;
        let compressed = prefix.get_u8() != 0;
        let end = PREFIX + usize::try_from(prefix.get_u32()).ok()?;
        if self.partial.len() < end {
            return None;
        }
        let message = self.partial.split_to(end).freeze();
        if let Some(seen) = &self.seen {
            seen.push(compressed);
        }
        let stays = self.stays.as_ref();
        let stays = stays.and_then(|stays| stays.0.get(self.passed).copied());
        self.passed += 1;
        if compressed && stays == Some(false) {
            return Some(decompress(&message[PREFIX..]));
        }
        Some(Ok(message))
    }
}

/// Returns the message, with its prefix, whose compressed form this is.
fn decompress(compressed: &[u8]) -> Result<Bytes, Wrong> {
    let mut plain = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut plain)?;
    let mut message = BytesMut::with_capacity(PREFIX + plain.len());
    message.put_u8(0);
    message.put_u32(u32::try_from(plain.len())?);
    message.extend_from_slice(&plain);
    Ok(message.freeze())
}

impl<B> Body for MessageBody<B>
where
    B: Body<Data = Bytes, Error: Into<Wrong>> + Unpin,
{
    type Data = Bytes;
    type Error = Wrong;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Wrong>>> {
        if self.seen.is_none() && self.stays.is_none() {
            let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        loop {
            if let Some(message) = self.next_message() {
                return Poll::Ready(Some(message.map(Frame::data)));
            }
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.partial.extend_from_slice(&data),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None if self.partial.is_empty() => return Poll::Ready(None),
                None => {
                    self.partial.clear();
                    return Poll::Ready(Some(Err("the body ends inside a message".into())));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    struct Chunks(VecDeque<Bytes>);

    impl Body for Chunks {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
        }
    }

    fn compressed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).expect("memory");
        let body = encoder.finish().expect("memory");
        let length = u32::try_from(body.len()).expect("short");
        [&[1], &length.to_be_bytes()[..], &body].concat()
    }

    /// Messages arrive in pieces of `size` bytes.
    fn pieces(stream: &[u8], size: usize) -> Chunks {
        Chunks(stream.chunks(size).map(Bytes::copy_from_slice).collect())
    }

    #[test]
    fn the_second_of_two_messages_is_sent_plain() {
        let stream = [compressed(b"one"), compressed(b"two")].concat();
        for size in [1, 7, stream.len()] {
            let seen = SeenFlags::default();
            let stays = StaysCompressed(vec![true, false]);
            let mut body = MessageBody::new(pieces(&stream, size), Some(seen.clone()), Some(stays));
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let mut messages = Vec::new();
            while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
                messages.push(frame.expect("valid").into_data().expect("data"));
            }
            assert_eq!(messages, [compressed(b"one"), b"\0\0\0\0\x03two".to_vec()]);
            assert_eq!(seen.so_far(), [true, true]);
        }
    }

    #[test]
    fn a_body_that_ends_inside_a_message_fails() {
        let seen = Some(SeenFlags::default());
        let mut body = MessageBody::new(pieces(b"\0\0\0\0\x03tw", 7), seen, None);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(Some(Err(error))) = Pin::new(&mut body).poll_frame(&mut cx) else {
            panic!("no error");
        };
        assert_eq!(error.to_string(), "the body ends inside a message");
    }
}
