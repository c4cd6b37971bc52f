//! The streams of a connection that are open.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Follows which streams are open, by the frames that go by.
///
/// Source: [RFC 9113 section 5.1](https://www.rfc-editor.org/rfc/rfc9113#section-5.1).
#[derive(Debug, Default)]
pub(crate) struct OpenStreams {
    /// The sides that have not ended, by the number of the stream.
    open: HashMap<u32, OpenSides, BuildHasherDefault<NumberHasher>>,
    /// The number of streams that were closed since [`take_closed`](Self::take_closed).
    closed: usize,
}

/// Hashes the number of a stream. The client chooses the numbers, one after the other, so no peer can
/// make them collide.
#[derive(Debug, Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(SPREAD);
    }

    fn finish(&self) -> u64 {
        // The numbers are odd, and so is their product: mix the high bits into the low ones.
        self.0 ^ (self.0 >> 32)
    }
}

/// The sides of a stream that have not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpenSides {
    Both,
    /// The server has ended its side.
    Client,
    /// This side was ended.
    Server,
}

impl OpenStreams {
    /// Handles the first HEADERS of a stream, from this side.
    pub(crate) fn open(&mut self, stream: u32) {
        self.open.insert(stream, OpenSides::Both);
    }

    /// Handles END_STREAM from this side.
    pub(crate) fn end_client(&mut self, stream: u32) {
        self.end(stream, OpenSides::Server);
    }

    /// Handles END_STREAM from the server.
    pub(crate) fn end_server(&mut self, stream: u32) {
        self.end(stream, OpenSides::Client);
    }

    fn end(&mut self, stream: u32, left: OpenSides) {
        match self.open.get_mut(&stream) {
            Some(sides @ OpenSides::Both) => *sides = left,
            Some(sides) if *sides != left => self.reset(stream),
            _ => {}
        }
    }

    /// Handles RST_STREAM from either side.
    pub(crate) fn reset(&mut self, stream: u32) {
        if self.open.remove(&stream).is_some() {
            self.closed += 1;
        }
    }

    /// Returns the number of streams that were closed since the last call.
    pub(crate) fn take_closed(&mut self) -> usize {
        std::mem::take(&mut self.closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream is closed when both sides have ended it, or one has reset it, and only once.
    #[test]
    fn a_stream_is_closed_once() {
        let mut streams = OpenStreams::default();
        for stream in [1, 3, 5] {
            streams.open(stream);
        }
        streams.end_client(1);
        streams.end_client(1);
        assert_eq!(streams.take_closed(), 0);
        streams.end_server(1);
        streams.end_server(1);
        streams.reset(1);
        assert_eq!(streams.take_closed(), 1);
        streams.end_server(3);
        streams.reset(3);
        streams.end_client(3);
        streams.reset(5);
        streams.end_server(7);
        assert_eq!(streams.take_closed(), 2);
        assert!(streams.open.is_empty());
    }
}
