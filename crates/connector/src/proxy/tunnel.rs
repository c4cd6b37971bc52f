//! Makes a tunnel over a stream to a proxy.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::{Alarm, Runtime, Stream};

use super::error::ProxyErrorKind;
use super::handshake::{Handshake, Output};
use super::leftover::Leftover;

/// The longest wait for the body of a refusal, which is quoted.
const EXCERPT_TIMEOUT: Duration = Duration::from_secs(1);

/// The most bytes of one read.
const CHUNK: usize = 2048;

/// Why there is no tunnel: the kind of the failure, and the error of the stream if there is one.
pub(crate) type TunnelFailure = (ProxyErrorKind, Option<io::Error>);

/// Runs a handshake on `stream`, and returns the tunnel.
pub(crate) async fn tunnel(
    stream: Box<dyn Stream>,
    handshake: Handshake,
    runtime: &dyn Runtime,
    timeout: Duration,
) -> Result<Box<dyn Stream>, TunnelFailure> {
    let mut tunnel = Tunnel {
        stream,
        handshake,
        unwritten: Vec::new(),
        written: 0,
        is_flushed: true,
        alarm: Alarm::new(),
        deadline: runtime.now().checked_add(timeout),
        excerpt_deadline: None,
        timeout,
    };
    let result = poll_fn(|cx| tunnel.poll(cx, runtime)).await;
    match result {
        Ok(bytes) => Ok(Leftover::before(tunnel.stream, bytes)),
        Err(failure) => {
            tunnel.stream.abort();
            Err(failure)
        }
    }
}

struct Tunnel {
    stream: Box<dyn Stream>,
    handshake: Handshake,
    unwritten: Vec<u8>,
    written: usize,
    /// False while there is something to write.
    is_flushed: bool,
    alarm: Alarm,
    deadline: Option<Instant>,
    /// The end of the wait for the body of a refusal.
    excerpt_deadline: Option<Instant>,
    timeout: Duration,
}

impl Tunnel {
    /// Ready with the first bytes that came through the tunnel.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        runtime: &dyn Runtime,
    ) -> Poll<Result<Vec<u8>, TunnelFailure>> {
        loop {
            if self.is_flushed {
                match self.handshake.poll_output() {
                    Some(Output::Write(bytes)) => {
                        (self.unwritten, self.written) = (bytes, 0);
                        self.is_flushed = false;
                    }
                    Some(Output::Established(bytes)) => return Poll::Ready(Ok(bytes)),
                    Some(Output::Failed(kind)) => return Poll::Ready(Err((kind, None))),
                    None => {}
                }
            }
            if self.handshake.is_refused() && self.excerpt_deadline.is_none() {
                self.excerpt_deadline = runtime.now().checked_add(EXCERPT_TIMEOUT);
            }
            match self.poll_io(cx) {
                Poll::Ready(Ok(())) => continue,
                Poll::Ready(Err(_)) if self.handshake.is_refused() => {
                    self.handshake.handle_end();
                    continue;
                }
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err((ProxyErrorKind::Closed, Some(error))));
                }
                Poll::Pending => {}
            }
            let deadlines = self.excerpt_deadline.into_iter().chain(self.deadline);
            ready!(self.alarm.poll(cx, deadlines.min(), runtime));
            if !self.handshake.is_refused() {
                return Poll::Ready(Err((ProxyErrorKind::TimedOut(self.timeout), None)));
            }
            self.handshake.handle_end();
        }
    }

    /// Writes what is to be written, or else reads one piece.
    fn poll_io(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_flushed {
            ready!(self.poll_write(cx))?;
            self.is_flushed = true;
            return Poll::Ready(Ok(()));
        }
        let mut chunk = [0; CHUNK];
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut chunk))? {
            0 => self.handshake.handle_end(),
            length => self.handshake.handle_input(&chunk[..length]),
        }
        Poll::Ready(Ok(()))
    }

    /// Writes all that is to be written.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let left @ [_, ..] = &self.unwritten[self.written..] {
            let length = ready!(Pin::new(&mut self.stream).poll_write(cx, left))?;
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += length;
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}
