//! One socket of a lookup.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use trunkline_runtime::{Received, UdpSocket};

use super::connection::Share;
use super::pool::Member;

/// A datagram socket, or a share in one or in a connection.
pub(super) enum Socket {
    Udp {
        socket: Box<dyn UdpSocket>,
        unsent: VecDeque<Vec<u8>>,
    },
    Pooled(Member),
    Tcp(Share),
}

/// What a socket has brought.
pub(super) enum Brought {
    Datagram(Received),
    Message(Vec<u8>),
    End,
}

impl Socket {
    pub(super) fn push(&mut self, bytes: Vec<u8>) {
        match self {
            Self::Udp { unsent, .. } => unsent.push_back(bytes),
            Self::Pooled(member) => member.push(bytes),
            Self::Tcp(share) => share.push(&bytes),
        }
    }

    /// Sends what is to be sent, then waits for what comes.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<Brought>> {
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
                socket.poll_recv(cx, buffer).map_ok(Brought::Datagram)
            }
            Self::Pooled(member) => member.poll(cx, buffer).map_ok(Brought::Datagram),
            Self::Tcp(share) => share
                .poll(cx)
                .map_ok(|message| message.map_or(Brought::End, Brought::Message)),
        }
    }
}
