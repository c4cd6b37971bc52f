//! Frames of HTTP/2 ([RFC 9113 section 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1)).

use std::io::{self, Read};

/// The first bytes of a client.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The longest payload of a frame, as long as SETTINGS do not allow more.
pub(super) const MAX_PAYLOAD: usize = 16_384;

/// The size of a flow-control window, as long as nothing changes it.
pub(super) const WINDOW: i64 = 65_535;

// The types of frames.
pub(super) const DATA: u8 = 0x0;
pub(super) const HEADERS: u8 = 0x1;
pub(super) const RST_STREAM: u8 = 0x3;
pub(super) const SETTINGS: u8 = 0x4;
pub(super) const PING: u8 = 0x6;
pub(super) const GOAWAY: u8 = 0x7;
pub(super) const WINDOW_UPDATE: u8 = 0x8;

// The flags of frames.
pub(super) const ACK: u8 = 0x1;
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;

// The settings.
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 0x4;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// Returns a frame without flags.
    pub(super) fn new(kind: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            flags: 0,
            stream,
            payload: payload.into(),
        }
    }

    /// Adds flags.
    pub(super) fn with(mut self, flags: u8) -> Self {
        self.flags |= flags;
        self
    }

    /// Returns whether all these flags are set.
    pub(super) fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Reads a frame; `None` at the end of the connection.
    pub(super) fn read(source: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = [0; 9];
        match source.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        let mut payload = vec![0; length];
        source.read_exact(&mut payload)?;
        Ok(Some(Self {
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & !(1 << 31),
            payload,
        }))
    }

    /// Appends the frame to a buffer.
    ///
    /// # Panics
    ///
    /// When the payload has more bytes than its length field can hold. No frame of these cases has.
    pub(super) fn write(&self, buffer: &mut Vec<u8>) {
        let length = u32::try_from(self.payload.len()).expect("a payload of less than 2^24 bytes");
        buffer.extend_from_slice(&length.to_be_bytes()[1..]);
        buffer.extend_from_slice(&[self.kind, self.flags]);
        buffer.extend_from_slice(&self.stream.to_be_bytes());
        buffer.extend_from_slice(&self.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_is_written_is_read_again() {
        let frame = Frame::new(DATA, 3, *b"abc").with(END_STREAM);
        let mut buffer = Vec::new();
        frame.write(&mut buffer);
        assert_eq!(buffer, b"\0\0\x03\0\x01\0\0\0\x03abc");
        let mut source = buffer.as_slice();
        assert_eq!(Frame::read(&mut source).expect("whole"), Some(frame));
        assert_eq!(Frame::read(&mut source).expect("the end"), None);
    }
}
