//! Numbers of HTTP/2 in texts.

use std::fmt;

/// An HTTP/2 error code, which prints as its name; as `error code 99 (0x63)` without one.
///
/// Source: [RFC 9113 section 7](https://www.rfc-editor.org/rfc/rfc9113#section-7).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorCode(pub(crate) u32);

/// The highest error code that has a name: `HTTP_1_1_REQUIRED`.
const LAST_NAMED: u32 = 0xd;

impl From<h2::Reason> for ErrorCode {
    fn from(reason: h2::Reason) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 <= LAST_NAMED {
            write!(f, "{:?}", h2::Reason::from(self.0))
        } else {
            write!(f, "error code {0} (0x{0:x})", self.0)
        }
    }
}

/// The length of a frame header, in bytes: length, type, flags, stream.
///
/// Source: [RFC 9113 section 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1).
pub(crate) const FRAME_HEADER: usize = 9;

/// The place of the type in a frame header.
pub(crate) const FRAME_TYPE_AT: usize = 3;

/// The flow-control windows of a connection and of a stream at their start, in bytes.
///
/// Source: [RFC 9113 section 6.9.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.9.2).
pub(crate) const FIRST_WINDOW: u32 = 65_535;

/// The length of one setting, in bytes: an identifier of two, and a value of four.
///
/// Source: [RFC 9113 section 6.5.1](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.1).
pub(crate) const SETTING: usize = 6;

/// The types of frames.
///
/// Source: [RFC 9113 section 6](https://www.rfc-editor.org/rfc/rfc9113#section-6).
pub(crate) const DATA_FRAME: u8 = 0x0;
pub(crate) const HEADERS_FRAME: u8 = 0x1;
const PRIORITY_FRAME: u8 = 0x2;
pub(crate) const RST_STREAM_FRAME: u8 = 0x3;
pub(crate) const SETTINGS_FRAME: u8 = 0x4;
pub(crate) const PUSH_PROMISE_FRAME: u8 = 0x5;
const PING_FRAME: u8 = 0x6;
pub(crate) const GOAWAY_FRAME: u8 = 0x7;
pub(crate) const WINDOW_UPDATE_FRAME: u8 = 0x8;
pub(crate) const CONTINUATION_FRAME: u8 = 0x9;

/// The flag of a DATA frame with padding: its payload begins with the length of the padding, and ends
/// with it.
///
/// Source: [RFC 9113 section 6.1](https://www.rfc-editor.org/rfc/rfc9113#section-6.1).
pub(crate) const PADDED: u8 = 0x8;

/// The length of a GOAWAY's payload before its debug data, in bytes.
///
/// Source: [RFC 9113 section 6.8](https://www.rfc-editor.org/rfc/rfc9113#section-6.8).
pub(crate) const GOAWAY_FIXED: usize = 8;

/// The length of a WINDOW_UPDATE's payload, in bytes.
///
/// Source: [RFC 9113 section 6.9](https://www.rfc-editor.org/rfc/rfc9113#section-6.9).
pub(crate) const WINDOW_UPDATE: usize = 4;

/// The type of a server's first frame that is not its SETTINGS; prints as a name, such as `PING`.
///
/// Source: [RFC 9113 section 6](https://www.rfc-editor.org/rfc/rfc9113#section-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongFirstFrame(pub(crate) u8);

/// The names of the frame types 0x0 to 0x9. SETTINGS come first only as an acknowledgement here.
const FRAME_NAMES: [&str; 10] = [
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "an acknowledgement of SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
];

impl WrongFirstFrame {
    /// Returns whether a frame of this type may have a payload of `len` bytes and this stream: if not,
    /// the bytes that look like its header are probably those of another protocol.
    ///
    /// Source: RFC 9113 sections [4.2](https://www.rfc-editor.org/rfc/rfc9113#section-4.2) and
    /// [6](https://www.rfc-editor.org/rfc/rfc9113#section-6).
    pub(crate) fn fits(self, len: usize, stream: u32) -> bool {
        const MAX_FRAME_SIZE: usize = 16_384;
        let is_of_a_stream = stream != 0;
        let len_fits = match self.0 {
            PRIORITY_FRAME => len == 5,
            RST_STREAM_FRAME | WINDOW_UPDATE_FRAME => len == 4,
            SETTINGS_FRAME => len.is_multiple_of(SETTING),
            PING_FRAME => len == 8,
            GOAWAY_FRAME => (GOAWAY_FIXED..=MAX_FRAME_SIZE).contains(&len),
            _ => len <= MAX_FRAME_SIZE,
        };
        let stream_fits = match self.0 {
            SETTINGS_FRAME | PING_FRAME | GOAWAY_FRAME => !is_of_a_stream,
            // A window is that of a stream or of the connection.
            WINDOW_UPDATE_FRAME => true,
            _ => is_of_a_stream,
        };
        self.0 <= CONTINUATION_FRAME && len_fits && stream_fits
    }
}

impl fmt::Display for WrongFirstFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match FRAME_NAMES.get(usize::from(self.0)) {
            Some(name) => f.write_str(name),
            None => write!(f, "frame type {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code without a name prints as a number.
    #[test]
    fn error_codes_print() {
        assert_eq!(ErrorCode(11).to_string(), "ENHANCE_YOUR_CALM");
        assert_eq!(ErrorCode(LAST_NAMED).to_string(), "HTTP_1_1_REQUIRED");
        assert_eq!(ErrorCode(14).to_string(), "error code 14 (0xe)");
        assert_eq!(ErrorCode(99).to_string(), "error code 99 (0x63)");
    }
}
