//! The server's tasks.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use trunkline_runtime::{PeerAddr, Runtime, Stream};

use super::answer::answer;
use super::query::Parsed;
use super::{DnsServer, Query};
use crate::{Listener, Net, Sim, UdpListener};

/// What the tasks share.
#[derive(Clone)]
struct Server {
    dns: DnsServer,
    net: Net,
    runtime: Arc<dyn Runtime>,
}

pub(super) fn start(sim: &Sim, dns: &DnsServer) {
    let address = dns.address;
    let server = Server {
        dns: dns.clone(),
        net: sim.net(),
        runtime: sim.runtime(),
    };
    let bound = sim.net().bind_udp(address);
    let udp = bound.unwrap_or_else(|error| panic!("cannot start a DNS server: {error}"));
    let bound = sim.net().listen(address);
    let tcp = bound.unwrap_or_else(|error| panic!("cannot start a DNS server: {error}"));
    sim.spawn(&format!("DNS over UDP {address}"), server.clone().udp(udp));
    sim.spawn(&format!("DNS over TCP {address}"), server.tcp(tcp));
}

impl Server {
    async fn udp(self, mut socket: UdpListener) {
        // Ends when the host is killed.
        while let Ok((datagram, from)) = socket.recv_from().await {
            let Some((delay, answer)) = self.handle(&datagram, from, false) else {
                continue;
            };
            if delay.is_zero() {
                socket.send_to(&answer, from);
                continue;
            }
            let server = self.clone();
            self.runtime.spawn(Box::pin(async move {
                server.wait(delay).await;
                server.net.inject(server.dns.address, from, &answer);
            }));
        }
    }

    async fn tcp(self, mut listener: Listener) {
        while let Ok((stream, PeerAddr::Ip(from))) = listener.accept().await {
            let server = self.clone();
            self.runtime.spawn(Box::pin(async move {
                // The client's end of the connection is also the end of the matter.
                let _ = server.connection(stream, from).await;
            }));
        }
    }

    async fn connection(&self, mut stream: Box<dyn Stream>, from: SocketAddr) -> io::Result<()> {
        loop {
            let mut len = [0; 2];
            read_exact(&mut *stream, &mut len).await?;
            let mut query = vec![0; usize::from(u16::from_be_bytes(len))];
            read_exact(&mut *stream, &mut query).await?;
            let Some((delay, answer)) = self.handle(&query, from, true) else {
                continue;
            };
            self.wait(delay).await;
            let mut framed = (answer.len() as u16).to_be_bytes().to_vec();
            framed.extend_from_slice(&answer);
            write_all(&mut *stream, &framed).await?;
        }
    }

    /// Notes a query; returns its answer, and how long that takes.
    fn handle(&self, octets: &[u8], from: SocketAddr, tcp: bool) -> Option<(Duration, Vec<u8>)> {
        let query = Parsed::from_wire(octets)?;
        let at = self.net.elapsed();
        let mut state = self.dns.lock();
        state.queries.push(Query {
            at,
            name: query.name.clone(),
            kind: query.kind,
            tcp,
            from,
        });
        let behaviour = state.zone.behaviour(&query.name, query.kind);
        if behaviour.drop {
            return None;
        }
        Some((behaviour.delay, answer(&state.zone, &query, tcp)))
    }

    async fn wait(&self, delay: Duration) {
        let deadline = self.runtime.now() + delay;
        self.runtime.sleep_until(deadline).await;
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

async fn write_all(stream: &mut dyn Stream, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        let len = poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, octets)).await?;
        octets = &octets[len..];
    }
    Ok(())
}
