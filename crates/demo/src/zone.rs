//! The contents of DNS: a service as SRV records, and the addresses of each backend.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use trunkline_testkit::dns::{Data, DnsServer, Reply, Type};

/// The name of the service.
const SERVICE: &str = "_grpc._tcp.greeter.demo.test";

/// The TTL of every record.
pub(crate) const TTL_SECS: u32 = 1;

/// A DNS server for one service.
#[derive(Debug)]
pub(crate) struct DnsZone {
    server: DnsServer,
    /// The port of each backend, by name.
    backends: BTreeMap<String, u16>,
}

impl DnsZone {
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self {
            server: DnsServer::start()?,
            backends: BTreeMap::new(),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns the target for the channel.
    pub(crate) fn target(&self) -> String {
        format!("srv://{}/{SERVICE}", self.address())
    }

    /// Returns the number of queries that the server received.
    pub(crate) fn questions(&self) -> usize {
        self.server.total()
    }

    pub(crate) fn has(&self, backend: &str) -> bool {
        self.backends.contains_key(backend)
    }

    /// Adds a backend as a host with its own name and addresses.
    pub(crate) fn add(&mut self, backend: &str, port: u16, ipv6: bool) {
        let host = host(backend);
        let ipv4 = Reply::a(TTL_SECS, [Ipv4Addr::LOCALHOST]);
        self.server.set(&host, Type::A, ipv4);
        if ipv6 {
            let ipv6 = Reply::aaaa(TTL_SECS, [Ipv6Addr::LOCALHOST]);
            self.server.set(&host, Type::AAAA, ipv6);
        }
        self.backends.insert(backend.to_owned(), port);
        self.publish();
    }

    pub(crate) fn remove(&mut self, backend: &str) {
        self.backends.remove(backend);
        self.publish();
        self.server.remove(&host(backend));
    }

    fn publish(&self) {
        let records = self.backends.iter().map(|(backend, &port)| Data::Srv {
            priority: 10,
            weight: 10,
            port,
            target: host(backend),
        });
        self.server
            .set(SERVICE, Type::SRV, Reply::data(TTL_SECS, records));
    }
}

fn host(backend: &str) -> String {
    format!("{backend}.demo.test")
}
