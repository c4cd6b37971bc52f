//! Whom to ask: the client for a target's lookups.

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

/// The clients of one factory: resolvers that are built again find what was learned about servers.
#[derive(Debug)]
pub(super) struct ClientCache {
    options: Arc<DnsOptions>,
    cached: Lock<CachedClients>,
}

#[derive(Debug, Default)]
struct CachedClients {
    /// The runtime that the clients live on.
    runtime: Option<Arc<dyn Runtime>>,
    /// By the servers that a target named; `None` for those that named none.
    clients: Vec<(Option<Vec<SocketAddr>>, Client)>,
}

/// So many clients are kept; a process that asks more servers than this gains nothing from them.
const KEPT: usize = 32;

impl ClientCache {
    pub(super) fn new(options: Arc<DnsOptions>) -> Self {
        Self {
            options,
            cached: Lock::default(),
        }
    }

    /// The client that asks `servers`, or the ones of the configuration.
    fn get(&self, runtime: &Arc<dyn Runtime>, servers: Option<&[SocketAddr]>) -> Client {
        let mut cached = self.cached.lock();
        let same = cached
            .runtime
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, runtime));
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
        if cached.clients.len() == KEPT {
            cached.clients.remove(0);
        }
        cached
            .clients
            .push((servers.map(<[SocketAddr]>::to_vec), client.clone()));
        client
    }
}

/// Whom one target asks.
#[derive(Debug)]
pub(super) struct Nameserver {
    clients: Arc<ClientCache>,
    runtime: Arc<dyn Runtime>,
    /// The server that the target names by a name.
    name: Option<HostPort>,
    /// The client to ask, where it is known.
    client: Option<Client>,
    /// When the server's address must be looked up anew.
    expires: Option<Instant>,
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

    /// Ready with the client to ask, once the server's own address is known.
    ///
    /// The server's name is looked up by the system's configuration, again when its TTL has run out
    /// or [`doubt`](Self::doubt) was called; while that fails, the address that was known is used.
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
        // What comes in between does not matter here.
        while ready!(lookup.poll_event(cx)).is_some() {}
        let result = ready!(Pin::new(lookup).poll(cx));
        self.lookup = None;
        Poll::Ready(self.found(result))
    }

    /// The server did not answer: it may have moved.
    pub(super) fn doubt(&mut self, now: Instant) {
        self.expires = Some(now);
    }

    /// What the server is called, for messages.
    pub(super) fn name(&self) -> Option<&HostPort> {
        self.name.as_ref()
    }

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

/// That the *server* does not exist says nothing about the name that it was to be asked for.
fn not_found(server: &HostPort, error: LookupError) -> ResolveError {
    let kind = match error.kind() {
        LookupErrorKind::NotFound | LookupErrorKind::NoData => ResolveErrorKind::Unavailable,
        kind => failure::kind(kind),
    };
    failure::convert(kind, error, |text| {
        format!("the DNS server {server}, which the target names, was not found: {text}")
    })
}

fn unnamed() -> ResolveError {
    ResolveError::new(ResolveErrorKind::Unavailable, "no DNS server is known")
}
