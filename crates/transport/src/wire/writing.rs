//! What h2 writes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;

use super::{Wire, WireFacts, open};
use crate::buffers::{release_write_buffer, take_write_buffer};
use crate::codes::{FRAME_TYPE_AT, SETTINGS_FRAME};
use crate::frames::Seen;
use crate::settings::announce_header_list;

/// How many bytes of small writes are gathered before they are written without a flush.
const WRITE_BUFFER: usize = 64 * 1024;

/// A gathered write failed; h2 gets the error with its next read or write.
#[derive(Debug)]
pub(crate) struct WriteFailed;

impl Wire {
    /// Ends a poll of the connection: writes to the stream what was gathered, as far as it takes that.
    ///
    /// h2 gets an error of the stream with its next read or write.
    pub(crate) fn drain(&mut self, cx: &mut Context<'_>) -> Result<WireFacts, WriteFailed> {
        self.refill_budget();
        let drained = self.poll_hand_over(cx);
        self.state.admission.close(self.streams.take_closed());
        self.publish();
        if let Poll::Ready(Err(error)) = drained {
            self.failure = Some(error);
            return Err(WriteFailed);
        }
        Ok(self.facts(drained.is_pending()))
    }

    /// Writes to the stream what is in `write`, and records for the calls how far that got.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = self.poll_write_all(cx);
        self.unfinished.show(&self.state.unfinished);
        if self.is_stuck != poll.is_pending() {
            self.is_stuck = poll.is_pending();
            self.state.set_stuck(self.is_stuck);
        }
        poll
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.write.len() {
            let stream = open(&mut self.stream)?;
            let n = ready!(stream.poll_write(cx, &self.write[self.written..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += n;
            self.counts.bytes_sent += n as u64;
            self.progress += n as u64;
            self.state.set_last_sent(self.last_headers);
        }
        release_write_buffer(&mut self.write);
        self.written = 0;
        // A stream with a buffer of its own, such as that of TLS, has not sent all of it yet.
        match &mut self.stream {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.check()?;
        if this.write.len() + bytes.len() > WRITE_BUFFER && !this.write.is_empty() {
            ready!(this.poll_hand_over(cx))?;
        }
        let n = bytes.len().min(WRITE_BUFFER);
        let (streams, counts) = (&mut this.streams, &mut this.counts);
        let (last_headers, unfinished) = (&mut this.last_headers, &mut this.unfinished);
        this.outgoing.feed(&bytes[..n], |seen| match seen {
            Seen::Headers { stream, is_end } => {
                // Later HEADERS of a stream are trailers.
                if stream > *last_headers {
                    *last_headers = stream;
                    streams.open(stream);
                    if !is_end {
                        unfinished.begin(stream);
                    }
                } else if is_end {
                    unfinished.end(stream);
                }
                if is_end {
                    streams.end_client(stream);
                }
            }
            Seen::Data {
                stream,
                len,
                is_end,
            } => {
                counts.send_window -= len as i64;
                if is_end {
                    unfinished.end(stream);
                    streams.end_client(stream);
                }
            }
            Seen::Reset(stream) => {
                unfinished.end(stream);
                streams.reset(stream);
            }
            Seen::WindowUpdate(increment) => counts.receive_window += i64::from(increment),
            _ => {}
        });
        take_write_buffer(&mut this.write);
        let start = this.write.len();
        this.write.extend_from_slice(&bytes[..n]);
        // The preface is a write of its own; the next one begins with SETTINGS.
        let begins_with_settings = || bytes.get(FRAME_TYPE_AT) == Some(&SETTINGS_FRAME);
        if let Some(limit) = this.announced.take_if(|_| begins_with_settings()) {
            announce_header_list(&mut this.write[start..], limit);
        }
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        self.poll_hand_over(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        ready!(self.poll_hand_over(cx))?;
        open(&mut self.stream)?.poll_close(cx)
    }
}
