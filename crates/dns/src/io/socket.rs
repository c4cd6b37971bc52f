//! One socket of a lookup.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::{BoxFuture, Received, Stream, UdpSocket};

use super::pool::Member;

/// A datagram socket or a connection, with what is still to be sent over it.
pub(super) enum Socket {
    Udp {
        socket: Box<dyn UdpSocket>,
        unsent: VecDeque<Vec<u8>>,
    },
    Pooled(Member),
    Connecting {
        connect: BoxFuture<io::Result<Box<dyn Stream>>>,
        unsent: Vec<u8>,
    },
    Tcp {
        stream: Box<dyn Stream>,
        unsent: Vec<u8>,
    },
}

/// What a socket has brought.
pub(super) enum Brought {
    Datagram(Received),
    Octets(usize),
    End,
}

impl Socket {
    pub(super) fn push(&mut self, bytes: Vec<u8>) {
        match self {
            Self::Udp { unsent, .. } => unsent.push_back(bytes),
            Self::Pooled(member) => member.push(bytes),
            // One buffer, so that a length and its message leave in one write.
            Self::Connecting { unsent, .. } | Self::Tcp { unsent, .. } => unsent.extend(bytes),
        }
    }

    /// Sends what is to be sent, then waits for what comes.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<Brought>> {
        loop {
            match self {
                Self::Udp { socket, unsent } => {
                    while let Some(datagram) = unsent.front() {
                        // A send that is not ready must not hold up what comes in.
                        match socket.poll_send(cx, datagram) {
                            Poll::Ready(Ok(())) => drop(unsent.pop_front()),
                            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                            Poll::Pending => break,
                        }
                    }
                    return socket.poll_recv(cx, buffer).map_ok(Brought::Datagram);
                }
                Self::Pooled(member) => {
                    return member.poll(cx, buffer).map_ok(Brought::Datagram);
                }
                Self::Connecting { connect, unsent } => {
                    let stream = ready!(connect.as_mut().poll(cx))?;
                    let unsent = std::mem::take(unsent);
                    *self = Self::Tcp { stream, unsent };
                }
                Self::Tcp { stream, unsent } => {
                    while !unsent.is_empty() {
                        match Pin::new(&mut *stream).poll_write(cx, unsent) {
                            Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Brought::End)),
                            Poll::Ready(Ok(sent)) => drop(unsent.drain(..sent)),
                            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                            Poll::Pending => break,
                        }
                    }
                    if unsent.is_empty()
                        && let Poll::Ready(Err(error)) = Pin::new(&mut *stream).poll_flush(cx)
                    {
                        return Poll::Ready(Err(error));
                    }
                    let read = Pin::new(&mut *stream).poll_read(cx, buffer);
                    return read.map_ok(|count| match count {
                        0 => Brought::End,
                        count => Brought::Octets(count),
                    });
                }
            }
        }
    }
}
