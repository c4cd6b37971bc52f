//! A TLS session over a byte stream.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use rustls::ClientConnection;
use trunkline_runtime::{PeerAddr, Stream};

use super::error::TlsError;
use super::explain::{Situation, broken, closed, ended_after_handshake, explain};
use super::material::Described;
use super::observed::observe;

/// The maximum number of bytes that one read of the stream takes: a record of the largest size.
const READ_BUFFER: usize = 17 * 1024;

/// How many reads one poll makes that yield no data. A peer that sends only records without data,
/// such as session tickets, would otherwise keep the thread from all other tasks.
const READS_WITHOUT_DATA: u32 = 32;

/// How many of the first bytes of a server are kept, for the text of an error.
const FIRST_BYTES: usize = 64;

/// A TLS session over a byte stream.
///
/// At the end of the peer's data, a close without `close_notify` is an end as any other: HTTP/2 marks
/// the ends of its messages itself (RFC 9113 section 8.1), so a cut is detected there.
pub(super) struct TlsStream {
    session: ClientConnection,
    stream: Box<dyn Stream>,
    buffer: Box<[u8]>,
    /// The part of `buffer` that the session has not taken yet.
    unread: Range<usize>,
    /// The first bytes that the server sent.
    first_bytes: Vec<u8>,
    /// What the texts of errors name.
    described: Arc<Described>,
    /// True when the server asked for a client certificate.
    wants_certificate: bool,
    /// True when the server has sent data, so it has accepted the client.
    has_data: bool,
    is_closing: bool,
}

impl TlsStream {
    pub(super) fn new(
        session: ClientConnection,
        stream: Box<dyn Stream>,
        described: Arc<Described>,
    ) -> Self {
        Self {
            session,
            stream,
            buffer: vec![0; READ_BUFFER].into(),
            unread: 0..0,
            first_bytes: Vec::new(),
            described,
            wants_certificate: false,
            has_data: false,
            is_closing: false,
        }
    }

    pub(super) fn session(&self) -> &ClientConnection {
        &self.session
    }

    /// Returns whether the server asked for a client certificate.
    pub(super) fn wants_certificate(&self) -> bool {
        self.wants_certificate
    }

    /// Does the handshake.
    pub(super) async fn handshake(&mut self) -> Result<(), TlsError> {
        poll_fn(|cx| self.poll_handshake(cx)).await
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TlsError>> {
        for _ in 0..READS_WITHOUT_DATA {
            match self.poll_send(cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.write_failed(error, cx))),
                Poll::Ready(Ok(())) if !self.session.is_handshaking() => {
                    return Poll::Ready(Ok(()));
                }
                // What the server sends is read even if it does not read.
                _ => {}
            }
            match ready!(self.poll_receive(cx)) {
                Ok(0) => return Poll::Ready(Err(closed(&self.first_bytes))),
                Ok(_) => {}
                Err(ReceiveError::Tls(error)) => return Poll::Ready(Err(error)),
                Err(ReceiveError::Io(error)) => {
                    return Poll::Ready(Err(broken(error, &self.first_bytes)));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Returns the reason why a write failed: what the server sent before, if that explains it.
    fn write_failed(&mut self, error: io::Error, cx: &mut Context<'_>) -> TlsError {
        for _ in 0..READS_WITHOUT_DATA {
            match self.poll_receive(cx) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Err(ReceiveError::Tls(error))) => return error,
                _ => break,
            }
        }
        broken(error, &self.first_bytes)
    }

    /// Gives the session what the server sent: returns the number of bytes, 0 at the end.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, ReceiveError>> {
        if self.unread.is_empty() {
            let n = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut self.buffer))
                .map_err(ReceiveError::Io)?;
            let room = FIRST_BYTES - self.first_bytes.len();
            self.first_bytes
                .extend_from_slice(&self.buffer[..n.min(room)]);
            self.unread = 0..n;
        }
        let mut bytes = &self.buffer[self.unread.clone()];
        let n = self
            .session
            .read_tls(&mut bytes)
            .map_err(ReceiveError::Io)?;
        self.unread.start += n;
        let is_handshaking = self.session.is_handshaking();
        let processed = if is_handshaking {
            let (processed, observed) = observe(|| self.session.process_new_packets());
            self.wants_certificate |= observed.wants_certificate;
            processed.map_err(|error| (error, observed.rejected.unwrap_or_default()))
        } else {
            let processed = self.session.process_new_packets();
            processed.map_err(|error| (error, Vec::new()))
        };
        Poll::Ready(match processed {
            Ok(_) => Ok(n),
            Err((error, rejected)) => {
                // The alert has the reason for the server. It is not waited for.
                let _ = self.poll_send(cx);
                let error = explain(
                    error,
                    Situation {
                        first_bytes: &self.first_bytes,
                        rejected,
                        roots: &self.described.roots,
                        identity: self.described.identity.as_ref(),
                        wants_certificate: self.wants_certificate,
                        has_data: self.has_data,
                    },
                );
                Err(ReceiveError::Tls(error))
            }
        })
    }

    /// Writes what the session has to send.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            let mut sink = Sink {
                stream: &mut *self.stream,
                cx,
            };
            match self.session.write_tls(&mut sink) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// As [`poll_send`](Self::poll_send); a failure is explained by what the server sent before.
    fn poll_send_explained(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx).map_err(|error| {
            // Data that was received stays readable; only the reason of the end is of interest.
            match self.poll_receive(cx) {
                Poll::Ready(Err(ReceiveError::Tls(explained))) => explained.into_io(),
                _ => self.explain_end(error),
            }
        })
    }

    /// Explains an end without an alert by the client certificate that the server asked for, if it has
    /// sent no data since.
    fn explain_end(&self, error: io::Error) -> io::Error {
        if self.wants_certificate && !self.has_data {
            ended_after_handshake(error, self.described.identity.as_ref()).into_io()
        } else {
            error
        }
    }

    /// Returns the result of a read at the end of what the server sends.
    fn end(&self) -> io::Result<usize> {
        if self.wants_certificate && !self.has_data {
            return Err(self.explain_end(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(0)
    }
}

/// Why nothing more can be received.
enum ReceiveError {
    Io(io::Error),
    Tls(TlsError),
}

/// Writes to a stream without waiting.
struct Sink<'a, 'b> {
    stream: &'a mut dyn Stream,
    cx: &'a mut Context<'b>,
}

impl Sink<'_, '_> {
    fn ready(poll: Poll<io::Result<usize>>) -> io::Result<usize> {
        match poll {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Sink<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::ready(Pin::new(&mut *self.stream).poll_write(self.cx, bytes))
    }

    fn write_vectored(&mut self, parts: &[io::IoSlice<'_>]) -> io::Result<usize> {
        Self::ready(Pin::new(&mut *self.stream).poll_write_vectored(self.cx, parts))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for TlsStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        for _ in 0..READS_WITHOUT_DATA {
            match this.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(this.end());
                }
                Ok(0) if !buffer.is_empty() => return Poll::Ready(this.end()),
                Ok(n) => {
                    this.has_data |= n > 0;
                    return Poll::Ready(Ok(n));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            // Answers to what was read, such as to a key update. An error comes with the next read.
            let _ = this.poll_send(cx);
            match ready!(this.poll_receive(cx)) {
                Ok(_) => {}
                Err(ReceiveError::Tls(error)) => return Poll::Ready(Err(error.into_io())),
                Err(ReceiveError::Io(error)) => return Poll::Ready(Err(this.explain_end(error))),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl AsyncWrite for TlsStream {
    /// Takes as much as fits into the session's buffer, once that is empty. A flush, or a later
    /// write, waits until the stream has taken it.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_send_explained(cx))?;
        let n = this.session.writer().write(bytes)?;
        if let Poll::Ready(Err(error)) = this.poll_send_explained(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_explained(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.is_closing, true) {
            self.session.send_close_notify();
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

impl Stream for TlsStream {
    fn peer_addr(&self) -> PeerAddr {
        self.stream.peer_addr()
    }

    fn local_addr(&self) -> Option<PeerAddr> {
        self.stream.local_addr()
    }

    fn abort(self: Box<Self>) {
        self.stream.abort();
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("stream", &self.stream)
            .finish_non_exhaustive()
    }
}
