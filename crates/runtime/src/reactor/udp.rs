//! Datagrams over a reactor.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use socket2::SockRef;

use super::watch::Watch;
use crate::{Received, UdpOptions, UdpSocket, socket};

/// A connected UDP socket that a reactor watches.
#[derive(Debug)]
pub(crate) struct ReactorUdp<W> {
    socket: W,
}

impl<W: Watch<std::net::UdpSocket>> ReactorUdp<W> {
    pub(crate) fn connect(
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        let socket = W::watch(socket::connect_udp(peer, options)?)?;
        Ok(Box::new(Self { socket }))
    }
}

impl<W: Watch<std::net::UdpSocket>> UdpSocket for ReactorUdp<W> {
    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        loop {
            match self.socket.socket().send(datagram) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_writable(cx))?;
                }
                sent => return Poll::Ready(sent.map(|_| ())),
            }
        }
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>> {
        loop {
            match socket::receive(&SockRef::from(self.socket.socket()), buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_readable(cx))?;
                }
                received => return Poll::Ready(received),
            }
        }
    }
}
