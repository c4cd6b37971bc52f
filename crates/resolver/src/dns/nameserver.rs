//! The DNS client for the lookups of a target.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_dns::io::{Client, IpLookup};
use trunkline_dns::{Families, IpAnswer, LookupError, LookupErrorKind};
use trunkline_runtime::{Lock, Runtime};
use trunkline_target::HostPort;

use super::failure;
use super::options::DnsOptions;
use crate::{ResolveError, ResolveErrorKind};

/// The DNS clients of one factory. They outlive its resolvers, so what they have learned about servers
/// survives when a channel becomes idle.
#[derive(Debug)]
pub(super) struct ClientCache {
    options: Arc<DnsOptions>,
    cached: Lock<CachedClients>,
}

#[derive(Debug, Default)]
struct CachedClients {
    /// The runtime that the clients use.
    runtime: Option<Arc<dyn Runtime>>,
    /// The clients, oldest first, each with the addresses of the server that a target names; `None`
    /// for targets that name no server.
    clients: Vec<(Option<Vec<SocketAddr>>, Client)>,
}

/// The maximum number of clients that are kept. With more servers than this the oldest client is
/// dropped, and what it has learned about its servers is lost.
const MAX_CLIENTS: usize = 32;

impl ClientCache {
    pub(super) fn new(options: Arc<DnsOptions>) -> Self {
        Self {
            options,
            cached: Lock::default(),
        }
    }

    /// Returns the client for `servers`, or for those of the configuration if it is `None`.
    fn get(&self, runtime: &Arc<dyn Runtime>, servers: Option<&[SocketAddr]>) -> Client {
        let mut cached = self.cached.lock();
        let same = cached
            .runtime
            .as_ref()
            .is_some_and(|known| known.is_same_as(&**runtime));
        if !same {
            *cached = CachedClients {
                runtime: Some(Arc::clone(runtime)),
                clients: Vec::new(),
            };
        }
        let mut known = cached.clients.iter();
        if let Some((_, client)) = known.find(|(of, _)| of.as_deref() == servers) {
            return client.clone();
        }
        let config = match servers {
            None => self.options.client.clone(),
            Some(servers) => self.options.server_config(servers.to_vec()),
        };
        let client = Client::new(Arc::clone(runtime), config);
        if cached.clients.len() == MAX_CLIENTS {
            cached.clients.remove(0);
        }
        cached
            .clients
            .push((servers.map(<[SocketAddr]>::to_vec), client.clone()));
        client
    }
}

/// The DNS servers of one target: the one that the target names, or those of the configuration.
#[derive(Debug)]
pub(super) struct Nameserver {
    clients: Arc<ClientCache>,
    runtime: Arc<dyn Runtime>,
    /// The server in the target, if it is a name and not an address.
    name: Option<HostPort>,
    /// The client for lookups; `None` until the server's address is known.
    client: Option<Client>,
    /// When to look up the server's address again.
    expires: Option<Instant>,
    /// The lookup of the server's address, in progress.
    lookup: Option<IpLookup>,
}

impl Nameserver {
    pub(super) fn new(
        clients: &Arc<ClientCache>,
        runtime: &Arc<dyn Runtime>,
        server: Option<&HostPort>,
    ) -> Self {
        let address = server.and_then(HostPort::socket_addr);
        let client = match (server, address) {
            (None, _) => Some(clients.get(runtime, None)),
            (Some(_), Some(address)) => Some(clients.get(runtime, Some(&[address]))),
            (Some(_), None) => None,
        };
        Self {
            clients: Arc::clone(clients),
            runtime: Arc::clone(runtime),
            name: server.filter(|_| address.is_none()).cloned(),
            client,
            expires: None,
            lookup: None,
        }
    }

    /// Ready with the client for lookups when the server's own address is known.
    ///
    /// The server's name is looked up with the servers of the configuration. It is looked up again
    /// after its TTL has expired and after a call of [`doubt`](Self::doubt). If that fails, the
    /// earlier address stays in use.
    pub(super) fn poll_client(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> Poll<Result<Client, ResolveError>> {
        let Some(name) = &self.name else {
            return Poll::Ready(self.client.clone().ok_or_else(unnamed));
        };
        if let Some(client) = &self.client
            && self.lookup.is_none()
            && self.expires.is_none_or(|expires| now < expires)
        {
            return Poll::Ready(Ok(client.clone()));
        }
        let lookup = self.lookup.get_or_insert_with(|| {
            let system = self.clients.get(&self.runtime, None);
            system.lookup_ip(name.host.as_str(), Families::Both)
        });
        // Parts of the answer are of no use here: wait for the end.
        while ready!(lookup.poll_event(cx)).is_some() {}
        let result = ready!(Pin::new(lookup).poll(cx));
        self.lookup = None;
        Poll::Ready(self.found(result))
    }

    /// Makes the next lookup look up the server's address again: the server did not answer, so its
    /// address may have changed.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.expires = Some(now);
    }

    /// Returns the name of the server, for messages; `None` if the target names none, or an
    /// address.
    pub(super) fn name(&self) -> Option<&HostPort> {
        self.name.as_ref()
    }

    /// Handles the end of the lookup of the server's address, and returns the client to use.
    fn found(&mut self, result: Result<IpAnswer, LookupError>) -> Result<Client, ResolveError> {
        let Some(name) = &self.name else {
            return self.client.clone().ok_or_else(unnamed);
        };
        match result {
            Ok(answer) => {
                let addresses = answer.addresses.iter();
                let servers: Vec<SocketAddr> = addresses
                    .map(|address| address.with_port(name.port))
                    .collect();
                let client = self.clients.get(&self.runtime, Some(&servers));
                self.client = Some(client.clone());
                self.expires = answer.expires;
                Ok(client)
            }
            Err(error) => match &self.client {
                Some(client) => Ok(client.clone()),
                None => Err(not_found(name, error)),
            },
        }
    }
}

/// Returns the error for a server whose address was not found. It is never authoritative: a
/// server that does not exist proves nothing about the target's name.
fn not_found(server: &HostPort, error: LookupError) -> ResolveError {
    let kind = match error.kind() {
        LookupErrorKind::NotFound | LookupErrorKind::NoData => ResolveErrorKind::Unavailable,
        kind => failure::kind(kind),
    };
    failure::convert(kind, error, |text| {
        format!("the DNS server {server}, which the target names, was not found: {text}")
    })
}

/// Returns the error for a target without any server to query.
fn unnamed() -> ResolveError {
    ResolveError::new(ResolveErrorKind::Unavailable, "no DNS server is known")
}
