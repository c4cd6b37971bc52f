//! The server's SETTINGS.

/// The length of one setting, in bytes: an identifier of two, and a value of four.
///
/// Source: [RFC 9113 section 6.5.1](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.1).
pub(crate) const SETTING: usize = 6;

/// The settings that are used here.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
const MAX_CONCURRENT_STREAMS: u16 = 0x3;
const MAX_HEADER_LIST_SIZE: u16 = 0x6;

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
