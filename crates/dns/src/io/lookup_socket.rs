//! One socket of a lookup.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use trunkline_runtime::{Received, UdpSocket};

use super::tcp::TcpShare;
use super::udp::UdpShare;

/// A UDP socket of the lookup's own, a share in one of the pool's UDP sockets, or a share in a TCP
/// connection.
pub(super) enum LookupSocket {
    OwnUdp {
        socket: Box<dyn UdpSocket>,
        unsent: VecDeque<Vec<u8>>,
    },
    PooledUdp(UdpShare),
    Tcp(TcpShare),
}

/// What arrived at a socket.
pub(super) enum Arrived {
    /// A datagram, in the buffer.
    Datagram(Received),
    Message(Vec<u8>),
    /// The connection was closed.
    End,
}

impl LookupSocket {
    pub(super) fn push(&mut self, bytes: Vec<u8>) {
        match self {
            Self::OwnUdp { unsent, .. } => unsent.push_back(bytes),
            Self::PooledUdp(share) => share.push(bytes),
            Self::Tcp(share) => share.push(&bytes),
        }
    }

    /// Sends the queries that are still to be sent, then waits for what arrives.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<Arrived>> {
        match self {
            Self::OwnUdp { socket, unsent } => {
                while let Some(datagram) = unsent.front() {
                    match socket.poll_send(cx, datagram) {
                        Poll::Ready(Ok(())) => drop(unsent.pop_front()),
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        // A send that has to wait must not keep replies from being read.
                        Poll::Pending => break,
                    }
                }
                socket.poll_recv(cx, buffer).map_ok(Arrived::Datagram)
            }
            Self::PooledUdp(share) => share.poll(cx, buffer).map_ok(Arrived::Datagram),
            Self::Tcp(share) => share
                .poll(cx)
                .map_ok(|message| message.map_or(Arrived::End, Arrived::Message)),
        }
    }
}
