//! Datagrams over tokio.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::tokio::io::Interest;
use socket2::SockRef;

use crate::{Received, UdpOptions, UdpSocket, socket};

/// The events that end the wait for a datagram. Errors are among them: the report of a closed port
/// makes the socket neither readable nor closed, and tokio's own `poll_recv` would miss it.
const EITHER: Interest = Interest::READABLE.add(Interest::ERROR);

/// A connected UDP socket that tokio watches.
pub(super) struct TokioUdp {
    socket: Arc<::tokio::net::UdpSocket>,
    /// Ready when there is something to receive; `None` while no task waits for that.
    readable: Option<Readable>,
}

type Readable = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

impl TokioUdp {
    /// Must be called within tokio's context.
    pub(super) fn connect(
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        let socket = ::tokio::net::UdpSocket::from_std(socket::connect_udp(peer, options)?)?;
        Ok(Box::new(Self {
            socket: Arc::new(socket),
            readable: None,
        }))
    }

    /// Receives by our own system call, because tokio's does not report a truncated datagram.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        // One interest at a time: `try_io` must not be called with a combination of interests.
        match self.receive_if(Interest::READABLE, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.receive_if(Interest::ERROR, buffer)
            }
            received => received,
        }
    }

    fn receive_if(&self, interest: Interest, buffer: &mut [u8]) -> io::Result<Received> {
        let socket = SockRef::from(&*self.socket);
        self.socket
            .try_io(interest, || socket::receive(&socket, buffer))
    }
}

impl UdpSocket for TokioUdp {
    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.socket.poll_send(cx, datagram).map_ok(|_| ())
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>> {
        loop {
            if let Some(readable) = &mut self.readable {
                ready!(readable.as_mut().poll(cx))?;
                self.readable = None;
            }
            match self.receive(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let socket = self.socket.clone();
                    let readable = async move { socket.ready(EITHER).await.map(|_| ()) };
                    self.readable = Some(Box::pin(readable));
                }
                received => return Poll::Ready(received),
            }
        }
    }
}

impl std::fmt::Debug for TokioUdp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = f.debug_struct("TokioUdp");
        text.field("socket", &self.socket).finish_non_exhaustive()
    }
}
