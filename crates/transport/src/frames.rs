//! Watches the frames of a connection as they go by.
//!
//! h2 does not report everything that a gRPC client must know: the server's SETTINGS, that
//! a GOAWAY came while calls still run, its debug data, and which request headers were really
//! written. All of it can be read from the frames.

use crate::codes::{
    CONTINUATION_FRAME, DATA_FRAME, FRAME_HEADER, GOAWAY_FIXED, GOAWAY_FRAME, HEADERS_FRAME,
    PADDED, RST_STREAM_FRAME, SETTING, SETTINGS_FRAME, WINDOW_UPDATE, WINDOW_UPDATE_FRAME,
    WrongFirstFrame,
};
use crate::go_away::{GoAway, STREAM_BITS};
use crate::settings::ServerSettings;

/// The flag of a SETTINGS frame that is an acknowledgement.
///
/// Source: [RFC 9113 section 6.5](https://www.rfc-editor.org/rfc/rfc9113#section-6.5).
const ACK: u8 = 0x1;

/// The flag of a DATA or HEADERS frame that is the last of its side of the stream.
///
/// Source: [RFC 9113 section 5.1](https://www.rfc-editor.org/rfc/rfc9113#section-5.1).
const END_STREAM: u8 = 0x1;

/// How much is kept of a GOAWAY's payload, in bytes: 256 of debug data.
const GOAWAY_KEPT: usize = GOAWAY_FIXED + 256;

/// The number of bytes that a client sends before its first frame.
///
/// Source: [RFC 9113 section 3.4](https://www.rfc-editor.org/rfc/rfc9113#section-3.4).
const CLIENT_PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// Something that was seen on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole SETTINGS frame that is not an acknowledgement.
    Settings(ServerSettings),
    /// The header of a HEADERS frame, which may end its side of the stream.
    Headers { stream: u32, is_end: bool },
    /// The header of a DATA frame whose payload has `len` bytes. It may end its side of the stream.
    Data {
        stream: u32,
        len: usize,
        is_end: bool,
    },
    /// The header of an RST_STREAM frame on this stream.
    Reset(u32),
    /// A whole WINDOW_UPDATE frame for the connection, with this increment.
    WindowUpdate(u32),
    /// More of a header list than the limit has come on this stream, still encoded.
    LongHeaders { stream: u32 },
    /// A whole GOAWAY frame.
    GoAway(GoAway),
    /// The first frame is neither SETTINGS nor GOAWAY.
    WrongFirstFrame(WrongFirstFrame),
    /// The first bytes are no HTTP/2 frame: the peer does not speak HTTP/2.
    NotHttp2,
}

/// A part of a payload that is kept until all of it has come.
#[derive(Clone, Copy, Debug)]
enum Kept {
    /// The first bytes of a GOAWAY: as many as this number.
    GoAway(usize),
    /// One setting.
    Setting,
    /// A WINDOW_UPDATE.
    WindowUpdate,
}

impl Kept {
    fn len(self) -> usize {
        match self {
            Self::GoAway(len) => len,
            Self::Setting => SETTING,
            Self::WindowUpdate => WINDOW_UPDATE,
        }
    }
}

/// The length below which a DATA frame counts as small, in bytes: h2 takes about as much memory for
/// a frame beside its data.
pub(crate) const SMALL_DATA: usize = 256;

/// The numbers of frames that began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameCounts {
    /// All frames.
    pub(crate) all: usize,
    /// Small DATA frames without a flag except that of padding.
    pub(crate) small_data: usize,
    /// Empty DATA frames without a flag. They mean nothing.
    pub(crate) empty_data: usize,
    /// HEADERS frames.
    pub(crate) headers: usize,
    /// SETTINGS frames that are not empty.
    pub(crate) settings: usize,
}

/// The header of a frame.
///
/// Source: [RFC 9113 section 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1).
#[derive(Clone, Copy, Debug)]
struct FrameHeader {
    /// The length of the payload.
    len: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl FrameHeader {
    fn read([a, b, c, kind, flags, stream @ ..]: [u8; FRAME_HEADER]) -> Self {
        Self {
            len: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & STREAM_BITS,
        }
    }

    /// Returns whether this is the header of a SETTINGS frame that is not an acknowledgement.
    fn is_settings(self) -> bool {
        self.kind == SETTINGS_FRAME && self.flags & ACK == 0 && self.stream == 0
    }
}

/// Finds frames in one direction of a connection, however the bytes are cut into pieces.
#[derive(Debug)]
pub(crate) struct FrameWatch {
    /// The number of bytes before the next frame header.
    skip: usize,
    /// The part that has arrived of a frame header, or of a payload that is kept.
    partial: Vec<u8>,
    /// What is being kept of a payload; `None` outside of such a payload.
    keeping: Option<Kept>,
    /// The number of bytes of that payload after the part that is being kept.
    after: usize,
    /// The settings that have arrived of a SETTINGS frame.
    settings: ServerSettings,
    /// How much of a header list may come in several frames before that is reported, in bytes.
    header_limit: usize,
    /// The number of bytes that have arrived of a header list in several frames.
    header_bytes: usize,
    /// True when the next frame is the peer's first, which must be SETTINGS.
    expects_settings: bool,
    /// The frames that began since [`take_counts`](Self::take_counts).
    counts: FrameCounts,
}

impl FrameWatch {
    /// Watches what a server sends; reports longer header lists than `header_limit` bytes.
    pub(crate) fn of_server(header_limit: u32) -> Self {
        Self {
            skip: 0,
            partial: Vec::new(),
            keeping: None,
            after: 0,
            settings: ServerSettings::default(),
            header_limit: header_limit as usize,
            header_bytes: 0,
            expects_settings: true,
            counts: FrameCounts::default(),
        }
    }

    /// Watches what a client sends.
    pub(crate) fn of_client() -> Self {
        Self {
            skip: CLIENT_PREFACE,
            partial: Vec::new(),
            keeping: None,
            after: 0,
            settings: ServerSettings::default(),
            header_limit: usize::MAX,
            header_bytes: 0,
            expects_settings: false,
            counts: FrameCounts::default(),
        }
    }

    /// Returns the numbers of frames that began since the last call.
    pub(crate) fn take_counts(&mut self) -> FrameCounts {
        std::mem::take(&mut self.counts)
    }

    /// Returns where in `bytes`, which come next, the first frame begins; `None` when that is not
    /// known yet.
    pub(crate) fn next_frame(&self, bytes: &[u8]) -> Option<usize> {
        let partial = self.partial.len();
        if let Some(kept) = self.keeping {
            return Some(kept.len() - partial + self.after);
        }
        if partial == 0 {
            return Some(self.skip);
        }
        // The rest of a header, and the payload whose length it begins with.
        let mut header = self.partial.iter().chain(bytes);
        let mut next = || header.next().copied();
        let len = u32::from_be_bytes([0, next()?, next()?, next()?]) as usize;
        Some(FRAME_HEADER - partial + len)
    }

    /// Returns how many bytes have arrived of a frame header that is not whole.
    pub(crate) fn partial_header(&self) -> usize {
        match self.keeping {
            None => self.partial.len(),
            Some(_) => 0,
        }
    }

    /// Handles the next bytes, and reports what is in them.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], mut report: impl FnMut(Seen)) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let wanted = self.keeping.map_or(FRAME_HEADER, Kept::len) - self.partial.len();
            let taken = wanted.min(bytes.len());
            if self.partial.is_empty() && self.keeping.is_none() && bytes.len() >= FRAME_HEADER {
                // The common case: the header is in one piece, and need not be copied.
                let header: [u8; FRAME_HEADER] =
                    bytes[..FRAME_HEADER].try_into().unwrap_or_default();
                bytes = &bytes[FRAME_HEADER..];
                self.header(header, &mut report);
                continue;
            }
            self.partial.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if taken < wanted || taken == 0 {
                continue;
            }
            match self.keeping.take() {
                None => {
                    let header: [u8; FRAME_HEADER] =
                        self.partial[..].try_into().unwrap_or_default();
                    self.partial.clear();
                    self.header(header, &mut report);
                }
                Some(Kept::GoAway(_)) => {
                    if let Some(go_away) = GoAway::read(&self.partial) {
                        report(Seen::GoAway(go_away));
                    }
                    self.partial.clear();
                    self.skip = std::mem::take(&mut self.after);
                }
                Some(Kept::WindowUpdate) => {
                    let increment = self.partial[..].try_into().unwrap_or_default();
                    self.partial.clear();
                    report(Seen::WindowUpdate(
                        u32::from_be_bytes(increment) & STREAM_BITS,
                    ));
                }
                Some(Kept::Setting) => {
                    let setting = self.partial[..].try_into().unwrap_or_default();
                    self.settings.add(setting);
                    self.partial.clear();
                    self.keep_settings(self.after, &mut report);
                }
            }
        }
    }

    fn header(&mut self, header: [u8; FRAME_HEADER], report: &mut impl FnMut(Seen)) {
        let header = FrameHeader::read(header);
        let FrameHeader {
            len,
            kind,
            flags,
            stream,
        } = header;
        self.skip = len;
        self.counts.all += 1;
        let is_end = flags & END_STREAM != 0;
        if self.expects_settings {
            self.first_header(header, report);
        } else if kind == HEADERS_FRAME {
            self.header_bytes = len;
            self.counts.headers += 1;
            report(Seen::Headers { stream, is_end });
        } else if kind == DATA_FRAME {
            self.counts.small_data += usize::from(len < SMALL_DATA && flags & !PADDED == 0);
            self.counts.empty_data += usize::from(len == 0 && flags == 0);
            report(Seen::Data {
                stream,
                len,
                is_end,
            });
        } else {
            self.other_header(header, report);
        }
    }

    /// Handles the header of the peer's first frame.
    #[cold]
    fn first_header(&mut self, header: FrameHeader, report: &mut impl FnMut(Seen)) {
        self.expects_settings = false;
        let first = WrongFirstFrame(header.kind);
        if !first.fits(header.len, header.stream) {
            report(Seen::NotHttp2);
        } else if !header.is_settings() && header.kind != GOAWAY_FRAME {
            report(Seen::WrongFirstFrame(first));
        } else {
            self.other_header(header, report);
        }
    }

    /// Handles the header of a frame that most calls have none of.
    #[cold]
    fn other_header(&mut self, header: FrameHeader, report: &mut impl FnMut(Seen)) {
        let FrameHeader {
            len, kind, stream, ..
        } = header;
        if header.is_settings() && len.is_multiple_of(SETTING) {
            self.skip = 0;
            self.counts.settings += usize::from(len > 0);
            self.keep_settings(len, report);
        } else if kind == RST_STREAM_FRAME {
            report(Seen::Reset(stream));
        } else if kind == WINDOW_UPDATE_FRAME && stream == 0 && len == WINDOW_UPDATE {
            self.skip = 0;
            self.keeping = Some(Kept::WindowUpdate);
        } else if kind == CONTINUATION_FRAME {
            let before = self.header_bytes;
            self.header_bytes = before.saturating_add(len);
            if before <= self.header_limit && self.header_bytes > self.header_limit {
                report(Seen::LongHeaders { stream });
            }
        } else if kind == GOAWAY_FRAME && len >= GOAWAY_FIXED {
            // The end of a longer payload is skipped once the part that is kept has come.
            let kept = len.min(GOAWAY_KEPT);
            self.keeping = Some(Kept::GoAway(kept));
            self.skip = 0;
            self.after = len - kept;
        }
    }

    /// Keeps the next setting of a SETTINGS frame, of which `len` bytes follow, or reports the frame.
    fn keep_settings(&mut self, len: usize, report: &mut impl FnMut(Seen)) {
        if len == 0 {
            report(Seen::Settings(std::mem::take(&mut self.settings)));
        } else {
            self.keeping = Some(Kept::Setting);
            self.after = len - SETTING;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING_FRAME: u8 = 0x6;

    const HEADER_LIMIT: u32 = 50;

    fn of_server() -> FrameWatch {
        FrameWatch::of_server(HEADER_LIMIT)
    }

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(payload.len())
            .expect("a short payload")
            .to_be_bytes();
        let mut frame = len[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    fn go_away(last_stream: u32, code: u32, debug: &[u8]) -> Vec<u8> {
        let mut payload = last_stream.to_be_bytes().to_vec();
        payload.extend(code.to_be_bytes());
        payload.extend(debug);
        frame(GOAWAY_FRAME, 0, 0, &payload)
    }

    fn headers(stream: u32, is_end: bool) -> Seen {
        Seen::Headers { stream, is_end }
    }

    fn data(stream: u32, len: usize, is_end: bool) -> Seen {
        Seen::Data {
            stream,
            len,
            is_end,
        }
    }

    /// Checks that the same is seen however the bytes are cut into pieces.
    fn check(mut watch: impl FnMut() -> FrameWatch, bytes: &[u8], expected: &[Seen]) {
        for piece in 1..=bytes.len() {
            let mut watch = watch();
            let mut seen = Vec::new();
            for bytes in bytes.chunks(piece) {
                watch.feed(bytes, |what| seen.push(what));
            }
            assert_eq!(seen, expected, "in pieces of {piece}");
        }
    }

    /// The preface of a server is a SETTINGS frame, which may be empty. (RFC 9113 section 3.4)
    #[test]
    fn the_servers_settings_are_seen() {
        let mut bytes = frame(SETTINGS_FRAME, 0, 0, &[0, 3, 0, 0, 0, 100]);
        bytes.extend(frame(SETTINGS_FRAME, ACK, 0, &[]));
        bytes.extend(frame(0, 0, 1, &[SETTINGS_FRAME; 20]));
        let settings = [0, 6, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 6, 0, 2, 0, 0];
        bytes.extend(frame(SETTINGS_FRAME, 0, 0, &settings));
        bytes.extend(frame(SETTINGS_FRAME, 0, 0, &[]));
        let max_streams = ServerSettings {
            max_streams: Some(100),
            max_header_list: None,
        };
        let max_header_list = ServerSettings {
            max_streams: None,
            max_header_list: Some(0x2_0000),
        };
        let expected = [
            Seen::Settings(max_streams),
            data(1, 20, false),
            Seen::Settings(max_header_list),
            Seen::Settings(ServerSettings::default()),
        ];
        check(of_server, &bytes, &expected);
    }

    /// SETTINGS count only when their last byte has come.
    #[test]
    fn half_settings_are_not_seen() {
        let bytes = frame(SETTINGS_FRAME, 0, 0, &[0, 3, 0, 0, 0, 100]);
        let (half, rest) = bytes.split_at(bytes.len() - 1);
        check(of_server, half, &[]);
        let mut watch = of_server();
        watch.feed(half, |seen| panic!("{seen:?}"));
        let mut seen = Vec::new();
        watch.feed(rest, |what| seen.push(what));
        assert!(matches!(seen[..], [Seen::Settings(_)]), "{seen:?}");
    }

    /// A peer whose first bytes are no frame does not speak HTTP/2.
    #[test]
    fn anything_else_first_is_not_http2() {
        let http1 = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        check(of_server, &http1[..9], &[Seen::NotHttp2]);
        for broken in [
            frame(SETTINGS_FRAME, 0, 0, &[0; 7]),
            frame(PING_FRAME, 0, 0, &[0; 7]),
            frame(PING_FRAME, 0, 1, &[0; 8]),
            frame(HEADERS_FRAME, 0, 0, &[0; 8]),
            frame(0x40, 0, 1, &[0; 8]),
        ] {
            check(of_server, &broken[..FRAME_HEADER], &[Seen::NotHttp2]);
        }
    }

    /// A peer whose first frame is another one than SETTINGS speaks HTTP/2, but breaks it. A GOAWAY is
    /// read. (RFC 9113 section 3.4)
    #[test]
    fn another_first_frame_is_named() {
        for (kind, flags, stream, payload) in [
            (SETTINGS_FRAME, ACK, 0, &[][..]),
            (PING_FRAME, 0, 0, &[0; 8]),
            (HEADERS_FRAME, 4, 1, b"headers"),
        ] {
            let bytes = frame(kind, flags, stream, payload);
            let first = Seen::WrongFirstFrame(WrongFirstFrame(kind));
            check(of_server, &bytes[..FRAME_HEADER], &[first]);
        }
        let expected = GoAway {
            last_stream: 0,
            code: 11,
            debug: b"full".to_vec(),
        };
        let bytes = go_away(0, 11, b"full");
        check(of_server, &bytes, &[Seen::GoAway(expected)]);
    }

    /// Both GOAWAYs of a graceful shutdown are seen, with their debug data.
    #[test]
    fn goaways_are_seen_whole() {
        let mut bytes = frame(SETTINGS_FRAME, 0, 0, &[]);
        bytes.extend(go_away(0x7fff_ffff, 0, b""));
        bytes.extend(frame(6, 0, 0, &[7; 8]));
        bytes.extend(go_away(5, 11, b"too_many_pings"));
        bytes.extend(frame(0, 1, 5, b"data"));
        let expected = [
            Seen::Settings(ServerSettings::default()),
            Seen::GoAway(GoAway {
                last_stream: 0x7fff_ffff,
                code: 0,
                debug: Vec::new(),
            }),
            Seen::GoAway(GoAway {
                last_stream: 5,
                code: 11,
                debug: b"too_many_pings".to_vec(),
            }),
            data(5, 4, true),
        ];
        check(of_server, &bytes, &expected);
    }

    /// Only the start of long debug data is kept, and the frames after it are still found.
    #[test]
    fn long_debug_data_is_cut() {
        let mut bytes = frame(SETTINGS_FRAME, 0, 0, &[]);
        bytes.extend(go_away(1, 0, &[b'x'; 1000]));
        bytes.extend(go_away(0, 0, b""));
        let expected = [
            Seen::Settings(ServerSettings::default()),
            Seen::GoAway(GoAway {
                last_stream: 1,
                code: 0,
                debug: vec![b'x'; GOAWAY_KEPT - GOAWAY_FIXED],
            }),
            Seen::GoAway(GoAway {
                last_stream: 0,
                code: 0,
                debug: Vec::new(),
            }),
        ];
        check(of_server, &bytes, &expected);
    }

    /// A header list in several frames is reported once it is over the limit, before its end.
    #[test]
    fn long_header_lists_are_seen() {
        let mut bytes = frame(SETTINGS_FRAME, 0, 0, &[]);
        for lengths in [&[50, 0][..], &[20, 30], &[20, 30, 1, 7], &[3, 48], &[90]] {
            for (at, len) in lengths.iter().enumerate() {
                let kind = if at == 0 {
                    HEADERS_FRAME
                } else {
                    CONTINUATION_FRAME
                };
                bytes.extend(frame(kind, 0, 7, &vec![0; *len]));
            }
        }
        let headers = headers(7, false);
        let long = Seen::LongHeaders { stream: 7 };
        let expected = [
            Seen::Settings(ServerSettings::default()),
            headers.clone(),
            headers.clone(),
            headers.clone(),
            long.clone(),
            headers.clone(),
            long,
            headers,
        ];
        check(of_server, &bytes, &expected);
    }

    /// A client writes its preface, SETTINGS, then requests, whose HEADERS are seen.
    #[test]
    fn the_clients_headers_are_seen() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(SETTINGS_FRAME, 0, 0, &[]));
        bytes.extend(frame(HEADERS_FRAME, 4, 1, b"headers"));
        bytes.extend(frame(0, 1, 1, b"data"));
        bytes.extend(frame(HEADERS_FRAME, 5, 3, b""));
        bytes.extend(frame(HEADERS_FRAME, 4, 5, b""));
        bytes.extend(frame(0, 0, 5, b"data"));
        bytes.extend(frame(RST_STREAM_FRAME, 0, 5, &[0; 4]));
        let expected = [
            Seen::Settings(ServerSettings::default()),
            headers(1, false),
            data(1, 4, true),
            headers(3, true),
            headers(5, false),
            data(5, 4, false),
            Seen::Reset(5),
        ];
        check(FrameWatch::of_client, &bytes, &expected);
    }

    /// The ends of streams are seen, and what the server lets be sent on the connection.
    #[test]
    fn ends_and_windows_are_seen() {
        let mut bytes = frame(SETTINGS_FRAME, 0, 0, &[]);
        bytes.extend(frame(WINDOW_UPDATE_FRAME, 0, 0, &[0x80, 0, 1, 0]));
        bytes.extend(frame(WINDOW_UPDATE_FRAME, 0, 1, &[0, 0, 0, 1]));
        bytes.extend(frame(HEADERS_FRAME, 5, 1, b"headers"));
        bytes.extend(frame(RST_STREAM_FRAME, 0, 3, &[0; 4]));
        let expected = [
            Seen::Settings(ServerSettings::default()),
            Seen::WindowUpdate(256),
            headers(1, true),
            Seen::Reset(3),
        ];
        check(of_server, &bytes, &expected);
    }

    /// The place of the next frame is known wherever the bytes before were cut.
    #[test]
    fn the_next_frame_is_found() {
        let mut bytes = frame(
            SETTINGS_FRAME,
            0,
            0,
            &[0, 3, 0, 0, 0, 100, 0, 6, 0, 1, 0, 0],
        );
        bytes.extend(go_away(0x7fff_ffff, 0, &[b'x'; 300]));
        bytes.extend(frame(DATA_FRAME, 0, 1, b"data"));
        let mut starts = Vec::new();
        for cut in 0..=bytes.len() {
            let mut watch = of_server();
            watch.feed(&bytes[..cut], |_| {});
            let next = watch.next_frame(&bytes[cut..]);
            starts.extend(next.map(|next| cut + next));
        }
        starts.dedup();
        assert_eq!(starts, [0, 21, 338, 351]);
    }

    /// Random bytes cause no panic and no endless loop.
    #[test]
    fn any_bytes_are_survived() {
        let mut state = 1_u32;
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8 & if state & 0x1000 == 0 { 0x0f } else { 0xff }
                })
                .collect();
            let mut watch = of_server();
            for piece in bytes.chunks(7) {
                watch.feed(piece, |_| {});
            }
        }
    }
}
