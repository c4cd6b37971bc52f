//! GOAWAY frames.

use std::fmt;

use crate::codes::ErrorCode;

/// The bits of a stream number; the highest bit is reserved.
///
/// Source: [RFC 9113 section 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1).
pub(crate) const STREAM_BITS: u32 = 0x7fff_ffff;

/// A GOAWAY frame: the server takes no new calls on a connection.
///
/// Prints as `GOAWAY (ENHANCE_YOUR_CALM, "too_many_pings")`; without the debug data where there is
/// none.
///
/// Source: [RFC 9113 section 6.8](https://www.rfc-editor.org/rfc/rfc9113#section-6.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoAway {
    pub(crate) last_stream: u32,
    pub(crate) code: u32,
    pub(crate) debug: Vec<u8>,
}

impl GoAway {
    /// Returns the error code, such as 0 (`NO_ERROR`) or 11 (`ENHANCE_YOUR_CALM`).
    ///
    /// Source: [RFC 9113 section 7](https://www.rfc-editor.org/rfc/rfc9113#section-7).
    #[must_use]
    pub fn code(&self) -> u32 {
        self.code
    }

    /// Returns the start of the debug data: at most 256 bytes.
    #[must_use]
    pub fn debug_data(&self) -> &[u8] {
        &self.debug
    }

    /// Returns the highest stream that the server may have processed.
    #[must_use]
    pub fn last_stream(&self) -> u32 {
        self.last_stream
    }

    /// Returns whether the server ended the connection because of its PINGs.
    ///
    /// Source: [gRFC A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).
    pub(crate) fn is_too_many_pings(&self) -> bool {
        self.code == u32::from(h2::Reason::ENHANCE_YOUR_CALM) && self.debug == b"too_many_pings"
    }

    /// Returns whether the server shuts the connection down in good order and refuses no call:
    /// `NO_ERROR`, with a last stream that a call can have.
    ///
    /// Source: [RFC 9113 section 6.8](https://www.rfc-editor.org/rfc/rfc9113#section-6.8).
    pub(crate) fn is_orderly(&self) -> bool {
        self.code == u32::from(h2::Reason::NO_ERROR) && self.last_stream > 0
    }

    /// Returns true for the code `ENHANCE_YOUR_CALM`: something on the connection costs the server too
    /// much.
    pub(crate) fn is_excessive(&self) -> bool {
        self.code == u32::from(h2::Reason::ENHANCE_YOUR_CALM)
    }

    /// Reads the payload of a frame, of which only the start may be there; `None` when it is too
    /// short.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let (last_stream, rest) = payload.split_first_chunk::<4>()?;
        let (code, debug) = rest.split_first_chunk::<4>()?;
        Some(Self {
            last_stream: u32::from_be_bytes(*last_stream) & STREAM_BITS,
            code: u32::from_be_bytes(*code),
            debug: debug.to_vec(),
        })
    }
}

impl fmt::Display for GoAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GOAWAY ({}", ErrorCode(self.code))?;
        if !self.debug.is_empty() {
            write!(f, ", \"{}\"", self.debug.escape_ascii())?;
        }
        f.write_str(")")
    }
}
