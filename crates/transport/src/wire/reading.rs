//! What h2 reads.

use std::io;
use std::task::{Context, Poll, ready};

use futures_io::AsyncRead;

use super::{Wire, open};
use crate::frames::{SMALL_DATA, Seen};

/// What a frame costs beside its bytes: to handle the smallest frame takes about as long as to copy
/// this number of bytes.
const FRAME_COST: usize = 256;

/// What a SETTINGS frame costs for each open stream: h2 changes the window of each.
const SETTINGS_COST: usize = 4;

/// How many bytes h2 gets at a time where each of them may cost much. At most four SETTINGS frames fit
/// into it that are not empty.
const COSTLY_PIECE: usize = 64;
const SETTINGS_IN_PIECE: usize = 4;

/// How many HEADERS frames that do not end their stream may come, beyond two for each call: its head,
/// and an informational response before that. h2 keeps them until the application asks for the
/// response, and flow control does not count them.
const EXTRA_HEADS: u64 = 100;

/// How many small DATA frames a read must have so that they are joined. Fewer cost little.
const MANY_SMALL: usize = 16;

/// The longest part of a frame that is kept until the rest comes, in bytes. It is longer than a small
/// frame.
const MOST_HELD: usize = 1024;

impl Wire {
    /// Returns the next bytes for h2, at most `most`, which are handed over with that; none at the end of
    /// the stream.
    pub(crate) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<&[u8]>> {
        self.check()?;
        while self.unread.is_empty() {
            if self.budget == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if ready!(self.poll_fill(cx))? == 0 {
                break;
            }
        }
        let mut n = most.min(self.unread.len());
        if self.piece_cost > 0 && n > 0 {
            if self.budget == 0 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            n = n.min(COSTLY_PIECE);
            self.budget = self.budget.saturating_sub(self.piece_cost);
        }
        let start = self.unread.start;
        self.unread.start += n;
        Poll::Ready(Ok(&self.read.bytes()[start..start + n]))
    }

    /// Reads from the byte stream for h2. Returns how many bytes came; none at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let held = self.held.len();
        let stream = open(&mut self.stream)?;
        let poll = stream.poll_read(cx, &mut self.read.get()[held..]);
        if !matches!(poll, Poll::Ready(Ok(_))) {
            self.read.release();
            self.unread = 0..0;
        }
        let n = ready!(poll)?;
        self.counts.bytes_received += n as u64;
        let read = self.read.get();
        read[..held].copy_from_slice(&self.held);
        let (start, end) = (held, held + n);
        // The held part begins with a frame. Else that is where the watched frame ends.
        let frame = if held > 0 {
            Some(0)
        } else {
            self.incoming.next_frame(&read[start..end])
        };
        self.held.clear();
        self.watch_incoming(start..end)?;
        // Before h2 wakes their callers: the next call of a caller would find its last one counted.
        self.state.admission.close(self.streams.take_closed());
        let counts = self.incoming.take_counts();
        self.counts.frames_received += counts.all;
        let cost = n + counts.all * FRAME_COST;
        self.budget = self.budget.saturating_sub(cost);
        self.piece_cost = if counts.settings > 1 {
            let settings = counts.settings.min(SETTINGS_IN_PIECE);
            settings * self.state.admission.open() * SETTINGS_COST
        } else {
            0
        };
        self.unread = 0..end;
        // Most responses have one small message and two HEADERS frames: there is nothing to join.
        let is_worth = counts.small_data >= MANY_SMALL && counts.small_data > 2 * counts.headers;
        let is_worth = is_worth || counts.empty_data > 0;
        if is_worth && let Some(frame) = frame.filter(|frame| *frame < end) {
            let (joined, left) = self.coalescer.join(&mut self.read.get()[frame..end]);
            let tail = end - left..end;
            if left <= MOST_HELD {
                self.held.extend_from_slice(&self.read.bytes()[tail]);
                self.unread = 0..frame + joined;
            } else {
                self.read.get().copy_within(tail, frame + joined);
                self.unread = 0..frame + joined + left;
            }
        } else {
            // The frame that begins there may be an empty one.
            let whole = end - self.incoming.partial_header().min(end);
            self.held.extend_from_slice(&self.read.bytes()[whole..end]);
            self.unread = 0..whole;
        }
        Poll::Ready(Ok(n))
    }

    /// Watches a part of `read`; fails when the peer does not speak HTTP/2, or begins
    /// with another frame than SETTINGS.
    fn watch_incoming(&mut self, part: std::ops::Range<usize>) -> io::Result<()> {
        let bytes = &self.read.bytes()[part];
        let (state, streams) = (&self.state, &mut self.streams);
        let (counts, progress) = (&mut self.counts, &mut self.progress);
        let mut is_http2 = true;
        let mut wrong_first = None;
        let (unfinished, heads) = (&mut self.unfinished, &mut self.heads);
        let (received_data, late_frames) = (&mut self.received_data, &mut self.late_frames);
        self.incoming.feed(bytes, |seen| match seen {
            Seen::Settings(settings) => state.set_settings(settings),
            Seen::GoAway(go_away) => {
                streams.exclude_after(go_away.last_stream);
                state.set_go_away(go_away);
            }
            Seen::NotHttp2 => is_http2 = false,
            Seen::WrongFirstFrame(first) => wrong_first = Some(first),
            Seen::Headers { stream, is_end } => {
                state.set_answered(stream);
                if is_end {
                    streams.end_server(stream);
                } else {
                    *heads += 1;
                }
            }
            Seen::Data {
                stream,
                len,
                is_end,
            } => {
                *received_data += len as u64;
                counts.receive_window -= len as i64;
                if len < SMALL_DATA && !is_end && !streams.is_open(stream) {
                    *late_frames += 1;
                }
                if is_end {
                    streams.end_server(stream);
                }
            }
            Seen::Reset(stream) => {
                unfinished.end(stream);
                streams.reset(stream);
            }
            Seen::WindowUpdate(increment) => {
                counts.send_window += i64::from(increment);
                *progress += 1;
            }
            Seen::LongHeaders { stream } => state.set_long_headers(stream),
        });
        let calls = u64::from(self.last_headers / 2);
        if self.heads > 2 * calls + EXTRA_HEADS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer sends informational responses (1xx) without end",
            ));
        }
        // This finds a foreign peer also when it sends less than a frame header.
        let is_first = std::mem::take(&mut self.expects_first);
        if !is_http2 || is_first && is_foreign(bytes) {
            state.set_foreign(bytes);
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer speaks no HTTP/2",
            ));
        }
        if let Some(first) = wrong_first {
            state.set_wrong_first_frame(first);
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer's first frame is not SETTINGS",
            ));
        }
        Ok(())
    }
}

/// Returns whether the first bytes of a peer cannot begin a SETTINGS frame.
///
/// A frame begins with the high byte of its length, which is 0 for the lengths up to 16,384 that a
/// peer may send without being allowed more.
///
/// Source: [RFC 9113 section 4.2](https://www.rfc-editor.org/rfc/rfc9113#section-4.2).
fn is_foreign(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| *first != 0)
}
