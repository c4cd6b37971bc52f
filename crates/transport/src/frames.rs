//! Watching HTTP/2 frames go by.
//!
//! h2 does not tell everything that a gRPC client must know: when the server's SETTINGS came, that a
//! GOAWAY came while calls still run, what its debug data said, and which request headers were
//! really written. All of it can be read off the frame headers.

use crate::go_away::GoAway;

/// Octets of a frame header.
///
/// Source: [RFC 9113 section 4.1](https://www.rfc-editor.org/rfc/rfc9113#section-4.1).
const HEADER: usize = 9;

/// The most of a GOAWAY's payload that is kept.
const KEPT: usize = 8 + 256;

const HEADERS_FRAME: u8 = 0x1;
const SETTINGS_FRAME: u8 = 0x4;
const GOAWAY_FRAME: u8 = 0x7;
const ACK: u8 = 0x1;

/// The octets that a client sends before its first frame.
pub(crate) const CLIENT_PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();

/// Something that went by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The header of a SETTINGS frame that is no acknowledgement.
    Settings,
    /// The header of a HEADERS frame of this stream.
    Headers { stream: u32 },
    /// A whole GOAWAY frame.
    GoAway(GoAway),
    /// The first frame is something else: this is not HTTP/2.
    NotHttp2,
}

/// Finds frame headers in one direction of a connection, however the octets are cut into pieces.
#[derive(Debug)]
pub(crate) struct FrameWatch {
    /// Octets that come before the next frame header.
    skip: usize,
    /// What has come of the header, or of a payload that is kept.
    partial: Vec<u8>,
    /// The length of the payload that is being kept.
    keeping: Option<usize>,
    /// Octets of that payload that come after what is kept.
    skip_after: usize,
    /// Whether the next frame is the peer's first, which must be SETTINGS.
    expects_settings: bool,
}

impl FrameWatch {
    /// Watches what a server sends.
    pub(crate) fn of_server() -> Self {
        Self {
            skip: 0,
            partial: Vec::with_capacity(KEPT),
            keeping: None,
            skip_after: 0,
            expects_settings: true,
        }
    }

    /// Watches what a client sends.
    pub(crate) fn of_client() -> Self {
        let partial = Vec::with_capacity(HEADER);
        Self {
            skip: CLIENT_PREFACE,
            partial,
            keeping: None,
            skip_after: 0,
            expects_settings: false,
        }
    }

    /// Takes the next octets, and tells what is in them.
    pub(crate) fn feed(&mut self, mut octets: &[u8], mut tell: impl FnMut(Seen)) {
        while !octets.is_empty() {
            let skipped = self.skip.min(octets.len());
            self.skip -= skipped;
            octets = &octets[skipped..];
            let wanted = self.keeping.unwrap_or(HEADER) - self.partial.len();
            let taken = wanted.min(octets.len());
            if self.partial.is_empty() && self.keeping.is_none() && octets.len() >= HEADER {
                // The common case: a whole header in one piece is not copied.
                let header: [u8; HEADER] = octets[..HEADER].try_into().unwrap_or_default();
                octets = &octets[HEADER..];
                self.header(header, &mut tell);
                continue;
            }
            self.partial.extend_from_slice(&octets[..taken]);
            octets = &octets[taken..];
            if taken < wanted || taken == 0 {
                continue;
            }
            match self.keeping.take() {
                None => {
                    let header: [u8; HEADER] = self.partial[..].try_into().unwrap_or_default();
                    self.partial.clear();
                    self.header(header, &mut tell);
                }
                Some(_) => {
                    if let Some(go_away) = GoAway::read(&self.partial) {
                        tell(Seen::GoAway(go_away));
                    }
                    self.partial.clear();
                    self.skip = std::mem::take(&mut self.skip_after);
                }
            }
        }
    }

    fn header(&mut self, header: [u8; HEADER], tell: &mut impl FnMut(Seen)) {
        let [a, b, c, kind, flags, stream @ ..] = header;
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        self.skip = len;
        let is_settings = kind == SETTINGS_FRAME && flags & ACK == 0 && stream == 0;
        if std::mem::take(&mut self.expects_settings) && !(is_settings && len.is_multiple_of(6)) {
            tell(Seen::NotHttp2);
        } else if is_settings {
            tell(Seen::Settings);
        } else if kind == HEADERS_FRAME {
            tell(Seen::Headers { stream });
        } else if kind == GOAWAY_FRAME && len >= 8 {
            // The end of a payload that is longer is skipped once its start has come.
            self.keeping = Some(len.min(KEPT));
            self.skip = 0;
            self.skip_after = len - len.min(KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// The same is seen however the octets are cut into pieces.
    fn check(mut watch: impl FnMut() -> FrameWatch, octets: &[u8], expected: &[Seen]) {
        for piece in 1..=octets.len() {
            let mut watch = watch();
            let mut seen = Vec::new();
            for octets in octets.chunks(piece) {
                watch.feed(octets, |what| seen.push(what));
            }
            assert_eq!(seen, expected, "in pieces of {piece}");
        }
    }

    /// A server preface is a SETTINGS frame, which may be empty. (RFC 9113 section 3.4)
    #[test]
    fn the_servers_settings_are_seen() {
        let mut octets = frame(SETTINGS_FRAME, 0, 0, &[0, 3, 0, 0, 0, 100]);
        octets.extend(frame(SETTINGS_FRAME, ACK, 0, &[]));
        octets.extend(frame(0, 0, 1, &[SETTINGS_FRAME; 20]));
        check(FrameWatch::of_server, &octets, &[Seen::Settings]);
    }

    /// Any other first frame is no HTTP/2.
    #[test]
    fn anything_else_first_is_not_http2() {
        let http1 = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        check(FrameWatch::of_server, &http1[..9], &[Seen::NotHttp2]);
        let ack_first = frame(SETTINGS_FRAME, ACK, 0, &[]);
        check(FrameWatch::of_server, &ack_first, &[Seen::NotHttp2]);
    }

    /// Both GOAWAYs of a graceful shutdown are seen, with their debug data.
    #[test]
    fn goaways_are_seen_whole() {
        let mut octets = frame(SETTINGS_FRAME, 0, 0, &[]);
        octets.extend(go_away(0x7fff_ffff, 0, b""));
        octets.extend(frame(6, 0, 0, &[7; 8]));
        octets.extend(go_away(5, 11, b"too_many_pings"));
        octets.extend(frame(0, 1, 5, b"data"));
        let expected = [
            Seen::Settings,
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
        ];
        check(FrameWatch::of_server, &octets, &expected);
    }

    /// Of long debug data only the start is kept, and what follows is still understood.
    #[test]
    fn long_debug_data_is_cut() {
        let mut octets = frame(SETTINGS_FRAME, 0, 0, &[]);
        octets.extend(go_away(1, 0, &[b'x'; 1000]));
        octets.extend(go_away(0, 0, b""));
        let expected = [
            Seen::Settings,
            Seen::GoAway(GoAway {
                last_stream: 1,
                code: 0,
                debug: vec![b'x'; KEPT - 8],
            }),
            Seen::GoAway(GoAway {
                last_stream: 0,
                code: 0,
                debug: Vec::new(),
            }),
        ];
        check(FrameWatch::of_server, &octets, &expected);
    }

    /// What a client writes: preface, SETTINGS, requests.
    #[test]
    fn the_clients_headers_are_seen() {
        let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        octets.extend(frame(SETTINGS_FRAME, 0, 0, &[]));
        octets.extend(frame(HEADERS_FRAME, 4, 1, b"headers"));
        octets.extend(frame(0, 1, 1, b"data"));
        octets.extend(frame(HEADERS_FRAME, 4, 3, b""));
        let expected = [
            Seen::Settings,
            Seen::Headers { stream: 1 },
            Seen::Headers { stream: 3 },
        ];
        check(FrameWatch::of_client, &octets, &expected);
    }

    /// No octets make it panic or stop.
    #[test]
    fn any_octets_are_survived() {
        let mut state = 1_u32;
        for _ in 0..2_000 {
            let octets: Vec<u8> = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8 & if state & 0x1000 == 0 { 0x0f } else { 0xff }
                })
                .collect();
            let mut watch = FrameWatch::of_server();
            for piece in octets.chunks(7) {
                watch.feed(piece, |_| {});
            }
        }
    }
}
