//! The server's SETTINGS.

use crate::codes::{FRAME_HEADER, SETTING};

/// The settings that are used here.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
const MAX_CONCURRENT_STREAMS: u16 = 0x3;
const MAX_HEADER_LIST_SIZE: u16 = 0x6;

/// Replaces the value of `SETTINGS_MAX_HEADER_LIST_SIZE` in a SETTINGS frame of this side, with which
/// `bytes` begin.
pub(crate) fn announce_header_list(bytes: &mut [u8], limit: u32) {
    let Some((&mut [a, b, c, ..], rest)) = bytes.split_first_chunk_mut::<FRAME_HEADER>() else {
        return;
    };
    let len = (u32::from_be_bytes([0, a, b, c]) as usize).min(rest.len());
    for setting in rest[..len].chunks_exact_mut(SETTING) {
        if let [a, b, value @ ..] = setting
            && u16::from_be_bytes([*a, *b]) == MAX_HEADER_LIST_SIZE
        {
            value.copy_from_slice(&limit.to_be_bytes());
        }
    }
}

/// What one SETTINGS frame of the server sets; `None` where it leaves a value unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerSettings {
    /// How many calls the server allows at a time on the connection.
    pub(crate) max_streams: Option<u32>,
    /// The longest header list that the server takes, in bytes as HTTP/2 counts them.
    pub(crate) max_header_list: Option<u32>,
}

impl ServerSettings {
    /// Adds a setting of the frame; the last value of one counts.
    pub(crate) fn add(&mut self, setting: [u8; SETTING]) {
        let [a, b, value @ ..] = setting;
        let value = Some(u32::from_be_bytes(value));
        match u16::from_be_bytes([a, b]) {
            MAX_CONCURRENT_STREAMS => self.max_streams = value,
            MAX_HEADER_LIST_SIZE => self.max_header_list = value,
            _ => {}
        }
    }
}
