//! Datagrams over async-io.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use async_io::Async;
use socket2::SockRef;

use crate::{Received, UdpOptions, UdpSocket, socket};

/// A connected UDP socket that async-io watches.
#[derive(Debug)]
pub(crate) struct ReactorUdp {
    socket: Async<std::net::UdpSocket>,
}

impl ReactorUdp {
    pub(crate) fn connect(
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        let socket = Async::new_nonblocking(socket::connect_udp(peer, options)?)?;
        Ok(Box::new(Self { socket }))
    }
}

impl UdpSocket for ReactorUdp {
    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        loop {
            match self.socket.get_ref().send(datagram) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_writable(cx))?;
                }
                sent => return Poll::Ready(sent.map(|_| ())),
            }
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>> {
        loop {
            match socket::receive(&SockRef::from(self.socket.get_ref()), buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_readable(cx))?;
                }
                received => return Poll::Ready(received),
            }
        }
    }
}
