//! The servers' end of a connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

/// The number of connections that were closed, of all servers of a process.
pub(crate) type Closed = Arc<AtomicU64>;

/// A connection that is counted, and that can hide the server's limit of header lists.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    closed: Closed,
    /// True until SETTINGS were written, if they must not announce the limit of header lists.
    hides_limit: bool,
}

const FRAME_HEADER: usize = 9;
const SETTING: usize = 6;

/// `SETTINGS_MAX_HEADER_LIST_SIZE`.
///
/// Source: [RFC 9113 section 6.5.2](https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2).
const MAX_HEADER_LIST_SIZE: [u8; 2] = [0, 6];

/// An identifier that no setting has; a peer must ignore it.
const NO_SETTING: [u8; 2] = [0xf0, 0x0f];

impl Socket {
    pub(crate) fn new(stream: TcpStream, closed: Closed, hides_limit: bool) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        Self {
            stream,
            closed,
            hides_limit,
        }
    }
}

/// Returns these bytes, which begin with a SETTINGS frame, without the limit of header lists.
fn without_limit(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let len = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
    for setting in bytes[FRAME_HEADER..][..len].chunks_exact_mut(SETTING) {
        if setting[..2] == MAX_HEADER_LIST_SIZE {
            setting[..2].copy_from_slice(&NO_SETTING);
        }
    }
    bytes
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.hides_limit {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        let changed = without_limit(bytes);
        let n = ready!(Pin::new(&mut self.stream).poll_write(cx, &changed))?;
        assert_eq!(n, bytes.len(), "a new connection has room for SETTINGS");
        self.hides_limit = false;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connected for Socket {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.closed.fetch_add(1, Relaxed);
    }
}
