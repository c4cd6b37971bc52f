//! Joins small DATA frames before h2 gets them.

use crate::codes::{
    DATA_FRAME, FRAME_HEADER, GOAWAY_FRAME, HEADERS_FRAME, PADDED, PUSH_PROMISE_FRAME,
    RST_STREAM_FRAME,
};
use crate::go_away::STREAM_BITS;

/// The flag of HEADERS that no CONTINUATION follows.
///
/// Source: [RFC 9113 section 6.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.2).
const END_HEADERS: u8 = 0x4;

/// The most streams whose data is joined at a time. With more, each gets few bytes of a read, and to
/// look for the right one takes longer.
const MOST_STREAMS: usize = 64;

/// Joins the small DATA frames of each stream into one.
///
/// h2 takes some 250 bytes of memory for each frame that the application has not read yet, which is
/// 250 times the data when frames have one byte. Joined, the data that came in one read takes one
/// frame for each stream. Neither the bytes of a stream nor what flow control counts changes.
#[derive(Debug, Default)]
pub(crate) struct Coalescer {
    /// The frames that result.
    output: Vec<u8>,
    /// The streams with data that is not in `output` yet.
    streams: Vec<StreamData>,
    /// Those that are not used now; their buffers are.
    spare: Vec<StreamData>,
}

#[derive(Debug, Default)]
struct StreamData {
    stream: u32,
    data: Vec<u8>,
    /// The number of bytes that padding took in the frames, with its lengths: flow control counts
    /// them.
    overhead: usize,
}

/// The most bytes that padding takes in a frame: a length of one byte, and as many as that.
const MOST_OVERHEAD: usize = 256;

impl StreamData {
    /// Writes all data as one frame, and empties this. Padding that does not fit there goes into frames
    /// before it, of one byte each.
    fn write_to(&mut self, output: &mut Vec<u8>) {
        let mut rest = &self.data[..];
        while self.overhead > MOST_OVERHEAD {
            let (first, others) = rest.split_at(rest.len().min(1));
            write_frame(output, self.stream, first, MOST_OVERHEAD);
            self.overhead -= MOST_OVERHEAD;
            rest = others;
        }
        write_frame(output, self.stream, rest, self.overhead);
        self.overhead = 0;
        self.data.clear();
    }
}

/// Writes a DATA frame in which padding takes `overhead` bytes, at most [`MOST_OVERHEAD`].
fn write_frame(output: &mut Vec<u8>, stream: u32, data: &[u8], overhead: usize) {
    // The data of one read is shorter than the longest frame that is allowed, 16,384 bytes.
    let len = u32::try_from(data.len() + overhead).unwrap_or_default();
    output.extend_from_slice(&len.to_be_bytes()[1..]);
    let padding = overhead.checked_sub(1);
    output.extend_from_slice(&[DATA_FRAME, padding.map_or(0, |_| PADDED)]);
    output.extend_from_slice(&stream.to_be_bytes());
    output.extend(padding.map(|padding| u8::try_from(padding).unwrap_or(u8::MAX)));
    output.extend_from_slice(data);
    output.resize(output.len() + padding.unwrap_or_default(), 0);
}

/// Returns the data of a DATA frame that can be joined with others of its stream. `None` for one with
/// another flag than that of padding, or with more padding than payload, which breaks HTTP/2.
fn data_of(flags: u8, payload: &[u8]) -> Option<&[u8]> {
    match flags {
        0 => Some(payload),
        PADDED => {
            let (padding, rest) = payload.split_first()?;
            rest.get(..rest.len().checked_sub(usize::from(*padding))?)
        }
        _ => None,
    }
}

impl Coalescer {
    /// Joins the DATA frames in `bytes`, which begin with a frame. The result is no longer; it takes
    /// their place. Returns its length, and the number of bytes at the end of `bytes` that are not
    /// in it: a frame that has not come whole.
    ///
    /// A DATA frame at the end of its stream is left as it is. Empty ones are left out: h2 ends a connection for the 101st of them.
    pub(crate) fn join(&mut self, bytes: &mut [u8]) -> (usize, usize) {
        self.output.clear();
        let mut rest = &*bytes;
        while let Some((header, payload)) = rest.split_first_chunk::<FRAME_HEADER>() {
            let [a, b, c, kind, flags, stream @ ..] = *header;
            let len = u32::from_be_bytes([0, a, b, c]) as usize;
            let stream = u32::from_be_bytes(stream) & STREAM_BITS;
            let Some(payload) = payload.get(..len) else {
                break;
            };
            // DATA on stream 0 breaks HTTP/2, which h2 reports.
            let data = (kind == DATA_FRAME && stream != 0).then(|| data_of(flags, payload));
            if let Some(data) = data.flatten() {
                let overhead = len - data.len();
                if len > 0 {
                    self.add(stream, data, overhead);
                }
            } else {
                match kind {
                    // Nothing may come between this and its CONTINUATION frames.
                    HEADERS_FRAME | PUSH_PROMISE_FRAME if flags & END_HEADERS == 0 => {
                        self.flush(|_| true);
                    }
                    // These follow the data that the server has sent on their stream.
                    DATA_FRAME | HEADERS_FRAME | RST_STREAM_FRAME | PUSH_PROMISE_FRAME => {
                        self.flush(|own| own == stream);
                    }
                    GOAWAY_FRAME => self.flush(|_| true),
                    // The others have nothing to do with data, or follow HEADERS at once.
                    _ => {}
                }
                self.output.extend_from_slice(&rest[..FRAME_HEADER + len]);
            }
            rest = &rest[FRAME_HEADER + len..];
        }
        let left = rest.len();
        self.flush(|_| true);
        bytes[..self.output.len()].copy_from_slice(&self.output);
        (self.output.len(), left)
    }

    fn add(&mut self, stream: u32, data: &[u8], overhead: usize) {
        let at = self.streams.iter().position(|own| own.stream == stream);
        let at = at.unwrap_or_else(|| {
            if self.streams.len() == MOST_STREAMS {
                self.flush(|_| true);
            }
            let mut own = self.spare.pop().unwrap_or_default();
            own.stream = stream;
            self.streams.push(own);
            self.streams.len() - 1
        });
        self.streams[at].data.extend_from_slice(data);
        self.streams[at].overhead += overhead;
    }

    /// Moves the data of some streams to the output, each as one frame.
    fn flush(&mut self, mut is_meant: impl FnMut(u32) -> bool) {
        let mut at = 0;
        while at < self.streams.len() {
            if !is_meant(self.streams[at].stream) {
                at += 1;
                continue;
            }
            let mut own = self.streams.remove(at);
            own.write_to(&mut self.output);
            self.spare.push(own);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const PING_FRAME: u8 = 0x6;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let len = u32::try_from(payload.len()).expect("a short payload");
        let mut frame = len.to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    fn check(frames: &[Vec<u8>], expected: &[Vec<u8>], left: usize) {
        let mut bytes = frames.concat();
        let mut coalescer = Coalescer::default();
        let (len, rest) = coalescer.join(&mut bytes);
        assert_eq!(bytes[..len], expected.concat());
        assert_eq!(rest, left);
        assert!(coalescer.streams.is_empty());
    }

    /// Data of one stream is joined, also when other frames come in between.
    #[test]
    fn the_data_of_a_stream_is_joined() {
        let ping = frame(PING_FRAME, 0, 0, &[7; 8]);
        let frames = [
            frame(0, 0, 1, b"a"),
            frame(0, 0, 3, b"x"),
            ping.clone(),
            frame(0, 0, 1, b"bc"),
            frame(0, 0, 3, b"y"),
            frame(0, 0, 1, b"cut")[..11].to_vec(),
        ];
        let expected = [ping, frame(0, 0, 1, b"abc"), frame(0, 0, 3, b"xy")];
        check(&frames, &expected, 11);
    }

    /// Empty DATA frames mean nothing, except at the end of their stream. (RFC 9113 section 6.1)
    #[test]
    fn empty_data_is_left_out() {
        let (empty, end) = (frame(0, 0, 1, b""), frame(0, 1, 1, b""));
        let frames = [
            empty.clone(),
            frame(0, 0, 1, b"a"),
            empty.clone(),
            frame(0, 0, 3, b""),
            end.clone(),
        ];
        check(&frames, &[frame(0, 0, 1, b"a"), end], 0);
    }

    /// Padded data is joined too. What padding takes stays the same, because flow control counts it; one
    /// frame has room for 256 bytes of it. (RFC 9113 section 6.1)
    #[test]
    fn padded_data_is_joined() {
        let padded = |data: &[u8], padding: u8| {
            let zeros = vec![0; usize::from(padding)];
            frame(0, PADDED, 1, &[&[padding], data, &zeros].concat())
        };
        let frames = [padded(b"a", 0), padded(b"bc", 3), frame(0, 0, 1, b"d")];
        check(&frames, &[padded(b"abcd", 4)], 0);
        let frames = [padded(b"a", 200), padded(b"bc", 54), padded(b"d", 255)];
        check(&frames, &[padded(b"a", 255), padded(b"bcd", 255)], 0);
        let frames = [padded(b"", 255), padded(b"", 0)];
        check(&frames, &[padded(b"", 255), padded(b"", 0)], 0);
        // More padding than there is payload breaks HTTP/2, which h2 reports.
        let broken = frame(0, PADDED, 1, &[2, 0]);
        let broken = [broken];
        check(&broken, &broken, 0);
    }

    /// Other frames of a stream stay after its data, and ends stay as they are.
    #[test]
    fn the_order_of_a_stream_is_kept() {
        let (end, trailers) = (frame(0, 1, 1, b"c"), frame(HEADERS_FRAME, 5, 3, b"t"));
        let padded = frame(0, 9, 5, b"\x01p\0");
        let frames = [
            frame(0, 0, 1, b"a"),
            frame(0, 0, 3, b"x"),
            frame(0, 0, 5, b"o"),
            frame(0, 0, 1, b"b"),
            end.clone(),
            trailers.clone(),
            padded.clone(),
            frame(0, 0, 5, b"q"),
        ];
        let expected = [
            frame(0, 0, 1, b"ab"),
            end,
            frame(0, 0, 3, b"x"),
            trailers,
            frame(0, 0, 5, b"o"),
            padded,
            frame(0, 0, 5, b"q"),
        ];
        check(&frames, &expected, 0);
    }

    /// No data comes between HEADERS and their CONTINUATION.
    #[test]
    fn header_lists_stay_whole() {
        let headers = frame(HEADERS_FRAME, 0, 3, b"t");
        let frames = [frame(0, 0, 1, b"a"), frame(0, 0, 1, b"b"), headers.clone()];
        check(&frames, &[frame(0, 0, 1, b"ab"), headers], 0);
    }

    /// Of the frames of a stream, the data, what flow control counts, and the end stay the same.
    fn sums(bytes: &[u8]) -> BTreeMap<u32, (Vec<u8>, usize, usize)> {
        let mut sums = BTreeMap::<_, (Vec<u8>, usize, usize)>::new();
        let mut rest = bytes;
        while let Some((header, payload)) = rest.split_first_chunk::<FRAME_HEADER>() {
            let [a, b, c, kind, flags, stream @ ..] = *header;
            let len = u32::from_be_bytes([0, a, b, c]) as usize;
            let sum = sums.entry(u32::from_be_bytes(stream)).or_default();
            if kind == DATA_FRAME {
                let padded = data_of(flags & PADDED, &payload[..len]);
                sum.0.extend(padded.expect("correct padding"));
                sum.1 += len;
            }
            sum.2 += usize::from(kind != DATA_FRAME || flags & 1 != 0);
            rest = &payload[len..];
        }
        sums.retain(|_, sum| *sum != (Vec::new(), 0, 0));
        sums
    }

    /// Random frames keep their data, their sizes for flow control and their ends, and take no more room.
    #[test]
    fn random_frames_keep_their_sums() {
        let mut state = 1_u64;
        let mut below = |bound: u64| {
            // The generator of Knuth's MMIX.
            state = state.wrapping_mul(6_364_136_223_846_793_005);
            state = state.wrapping_add(1_442_695_040_888_963_407);
            usize::try_from((state >> 33) % bound).expect("a small number")
        };
        for _ in 0..500 {
            let mut bytes = Vec::new();
            for _ in 0..below(60) {
                let stream = [1, 3, 5][below(3)];
                let data = vec![u8::try_from(below(256)).expect("a byte"); below(20)];
                let padding = [0, 1, 100, 255][below(4)];
                let zeros = vec![0; padding];
                let padded = [&[u8::try_from(padding).expect("a byte")], &*data, &zeros].concat();
                bytes.extend(match below(8) {
                    0 => frame(HEADERS_FRAME, END_HEADERS, stream, b"t"),
                    1 => frame(DATA_FRAME, 1, stream, &data),
                    2 => frame(PING_FRAME, 0, 0, &[7; 8]),
                    3 | 4 => frame(DATA_FRAME, PADDED, stream, &padded),
                    _ => frame(DATA_FRAME, 0, stream, &data),
                });
            }
            let expected = sums(&bytes);
            let mut joined = bytes.clone();
            let (len, left) = Coalescer::default().join(&mut joined);
            assert_eq!(left, 0);
            assert!(len <= bytes.len());
            assert_eq!(sums(&joined[..len]), expected);
        }
    }

    /// More streams than are joined at a time lose nothing, and no bytes panic.
    #[test]
    fn any_frames_are_joined() {
        let frames: Vec<_> = (0..100).map(|stream| frame(0, 0, stream, b"z")).collect();
        check(&frames, &frames, 0);
        for len in 0..20 {
            let mut bytes = vec![0xff; len];
            assert_eq!(Coalescer::default().join(&mut bytes), (0, len));
        }
    }
}
