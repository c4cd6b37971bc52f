//! UDP sockets.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use trunkline_runtime::{Received, UdpSocket};

use crate::world::SharedWorld;

/// A client's socket, connected to one peer.
#[derive(Debug)]
pub(crate) struct SimUdp {
    socket: UdpBinding,
    peer: SocketAddr,
}

/// A server's UDP socket.
///
/// Dropping it closes the port.
#[derive(Debug)]
pub struct UdpListener {
    socket: UdpBinding,
}

/// A bound address, which is released on drop.
struct UdpBinding {
    shared: Arc<SharedWorld>,
    local: SocketAddr,
}

impl SimUdp {
    pub(crate) fn connect(
        shared: Arc<SharedWorld>,
        peer: SocketAddr,
        bind: Option<IpAddr>,
    ) -> io::Result<Self> {
        let local = shared.with(|world| {
            let source = world.net.source(peer.ip(), bind)?;
            let local = SocketAddr::new(source, world.net.port());
            world.bind_udp(local, Some(peer))?;
            Ok::<_, io::Error>(local)
        })?;
        let socket = UdpBinding { shared, local };
        Ok(Self { socket, peer })
    }
}

impl UdpSocket for SimUdp {
    fn poll_send(&mut self, _: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        let UdpBinding { shared, local } = &self.socket;
        Poll::Ready(shared.with(|world| {
            world.udp_error(*local)?;
            world.send_udp(*local, self.peer, self.peer.ip(), datagram.to_vec());
            Ok(())
        }))
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<Received>> {
        let UdpBinding { shared, local } = &self.socket;
        let received = shared.with(|world| world.poll_udp(*local, cx));
        received.map_ok(|(_, datagram)| {
            let len = datagram.len().min(buffer.len());
            buffer[..len].copy_from_slice(&datagram[..len]);
            Received {
                len,
                truncated: len < datagram.len(),
            }
        })
    }
}

impl UdpListener {
    pub(crate) fn bind(shared: Arc<SharedWorld>, local: SocketAddr) -> io::Result<Self> {
        shared.with(|world| world.bind_udp(local, None))?;
        Ok(Self {
            socket: UdpBinding { shared, local },
        })
    }

    /// Waits for a datagram; returns it and the address of its sender.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::ConnectionAborted`] after the host was killed.
    pub async fn recv_from(&mut self) -> io::Result<(Vec<u8>, SocketAddr)> {
        let UdpBinding { shared, local } = &self.socket;
        let received = poll_fn(|cx| shared.with(|world| world.poll_udp(*local, cx))).await;
        received.map(|(from, datagram)| (datagram, from))
    }

    /// Sends a datagram to a client.
    pub fn send_to(&self, datagram: &[u8], to: SocketAddr) {
        let UdpBinding { shared, local } = &self.socket;
        shared.with(|world| world.send_udp(*local, to, local.ip(), datagram.to_vec()));
    }
}

impl Drop for UdpBinding {
    fn drop(&mut self) {
        self.shared.with(|world| world.close_udp(self.local));
    }
}

impl fmt::Debug for UdpBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UdpBinding").field(&self.local).finish()
    }
}
