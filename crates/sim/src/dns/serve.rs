//! The tasks of a simulated server.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use trunkline_runtime::{BoxFuture, PeerAddr, Stream};

use super::name;
use super::query::{Query, Transport};
use super::state::{LoggedQuery, SharedDns};
use crate::executor;
use crate::net::{Listener, Net, UdpListener};
use crate::timer::sleep;
use crate::world::SharedWorld;

/// What the tasks of one server share.
#[derive(Clone)]
struct DnsTasks {
    address: SocketAddr,
    state: Arc<SharedDns>,
    net: Net,
    shared: Arc<SharedWorld>,
}

/// Binds both ports and starts their tasks. Panics when a port is taken.
pub(super) fn start(shared: &Arc<SharedWorld>, address: SocketAddr, state: &Arc<SharedDns>) {
    let tasks = DnsTasks {
        address,
        state: state.clone(),
        net: Net::new(shared.clone()),
        shared: shared.clone(),
    };
    let bound = tasks.net.bind_udp(address);
    let udp = bound.unwrap_or_else(|error| panic!("cannot start a DNS server: {error}"));
    let bound = tasks.net.listen(address);
    let tcp = bound.unwrap_or_else(|error| panic!("cannot start a DNS server: {error}"));
    let name = format!("DNS over UDP {address}");
    executor::spawn(shared, name, Box::pin(tasks.clone().udp(udp)));
    let name = format!("DNS over TCP {address}");
    executor::spawn(shared, name, Box::pin(tasks.tcp(tcp)));
}

impl DnsTasks {
    fn spawn(&self, task: BoxFuture<()>) {
        executor::spawn(&self.shared, String::new(), task);
    }

    async fn udp(self, mut socket: UdpListener) {
        // An error means that the host was killed.
        while let Ok((datagram, from)) = socket.recv_from().await {
            let Some((delay, answer)) = self.handle(&datagram, Transport::Udp, from) else {
                continue;
            };
            if delay.is_zero() {
                socket.send_to(&answer, from);
                continue;
            }
            let tasks = self.clone();
            self.spawn(Box::pin(async move {
                sleep(&tasks.shared, delay).await;
                tasks.net.inject(tasks.address, from, &answer);
            }));
        }
    }

    async fn tcp(self, mut listener: Listener) {
        while let Ok((stream, PeerAddr::Ip(from))) = listener.accept().await {
            let tasks = self.clone();
            self.spawn(Box::pin(async move {
                // An error means that the client closed the connection.
                let _ = tasks.connection(stream, from).await;
            }));
        }
    }

    async fn connection(&self, mut stream: Box<dyn Stream>, from: SocketAddr) -> io::Result<()> {
        loop {
            let mut len = [0; 2];
            read_exact(&mut *stream, &mut len).await?;
            let mut query = vec![0; usize::from(u16::from_be_bytes(len))];
            read_exact(&mut *stream, &mut query).await?;
            let Some((delay, answer)) = self.handle(&query, Transport::Tcp, from) else {
                continue;
            };
            sleep(&self.shared, delay).await;
            let mut framed = (answer.len() as u16).to_be_bytes().to_vec();
            framed.extend_from_slice(&answer);
            write_all(&mut *stream, &framed).await?;
        }
    }

    /// Logs a query; returns its answer and the delay before it. Returns `None` if there is no
    /// answer.
    fn handle(
        &self,
        message: &[u8],
        transport: Transport,
        from: SocketAddr,
    ) -> Option<(Duration, Vec<u8>)> {
        let query = Query::parse(message, transport, from)?;
        let name = name::normalized(&query.name);
        let at = self.net.elapsed();
        self.state.with(|content| {
            content.queries.push(LoggedQuery {
                at,
                name: name.clone(),
                record_type: query.record_type,
                transport,
                from,
            });
            let behaviour = content.zone.behaviour(&name, query.record_type);
            let answer = (behaviour.delay, content.zone.answer(&query));
            (!behaviour.drop).then_some(answer)
        })
    }
}

async fn read_exact(stream: &mut dyn Stream, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        let len = poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, buffer)).await?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[len..];
    }
    Ok(())
}

async fn write_all(stream: &mut dyn Stream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let len = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes)).await?;
        bytes = &bytes[len..];
    }
    Ok(())
}
