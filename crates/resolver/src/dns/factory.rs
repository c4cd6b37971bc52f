//! The factories of the schemes `dns` and `srv`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use trunkline_dns::Name;
use trunkline_dns::core::to_ascii;
use trunkline_endpoint::{Attributes, Endpoint};
use trunkline_target::{Host, HostPort, Target, TargetView};

use super::attributes::LookupReport;
use super::dns_scheme::DnsLookup;
use super::known::KnownAddresses;
use super::nameserver::{ClientCache, Nameserver};
use super::options::DnsOptions;
use super::paced::PacedResolver;
use super::srv_scheme::SrvLookup;
use super::txt_config::{ClientIdentity, TxtConfig};
use crate::address_scheme::wrong_scheme;
use crate::{
    Resolution, ResolveError, ResolveErrorKind, Resolver, ResolverFactory, ResolverOptions,
    StaticResolver,
};

/// The scheme `dns`: the A and AAAA records of a host, with one endpoint for each address.
///
/// - `dns:[//server/]host[:port]`; the default port is 443. An IP literal needs no lookup.
/// - `server` is an address or a name, with default port 53. A name is looked up with the servers
///   of the configuration. With a server in the target the search list applies, and the hosts file
///   does not.
/// - The A and AAAA queries are sent at the same time. While the channel has no address, the
///   addresses of one family wait for those of the other for the
///   [resolution delay](DnsOptions::resolution_delay); a later resolution then has both. On a
///   refresh, a family that could not be looked up keeps its addresses.
/// - The name is resolved again when its records expire, see [`Pacer`](crate::Pacer).
/// - If the name does not exist, or has no address, the error has the kind
///   [`NotFound`](ResolveErrorKind::NotFound) or [`NoData`](ResolveErrorKind::NoData), and the known
///   addresses are forgotten. Any other failure may be temporary, and they are kept. The error's
///   source is the [`LookupError`](trunkline_dns::LookupError).
/// - A service config in TXT records is looked up [if the option is on](DnsOptions::txt_service_config).
/// - Each resolution with endpoints has a [`LookupReport`] among its attributes.
///
/// Source: [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md), gRFC
/// A61. Refreshing by TTL, the resolution delay and keeping a missing family are our additions.
#[derive(Debug)]
pub struct DnsFactory {
    options: Arc<DnsOptions>,
    clients: Arc<ClientCache>,
    identity: ClientIdentity,
}

impl DnsFactory {
    /// Returns a factory with these options.
    #[must_use]
    pub fn new(options: DnsOptions) -> Self {
        let options = Arc::new(options);
        Self {
            clients: Arc::new(ClientCache::new(Arc::clone(&options))),
            options,
            identity: ClientIdentity::default(),
        }
    }

    /// Returns the lookup of this host's service config; `None` if none is wanted.
    ///
    /// Source: gRFC A10: `localhost` and IP literals have no service config.
    fn txt_config(&self, host: &str, options: &ResolverOptions) -> Option<TxtConfig> {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let local = name == "localhost" || name.ends_with(".localhost");
        let wanted = self.options.txt_service_config && !options.disable_service_config;
        (wanted && !local).then(|| {
            let own_name = self.options.host_name.as_deref();
            TxtConfig::new(host, &self.identity, &*options.runtime, own_name)
        })
    }
}

impl ResolverFactory for DnsFactory {
    fn scheme(&self) -> &str {
        "dns"
    }

    fn check(&self, target: &Target) -> Result<(), ResolveError> {
        let TargetView::Dns { host, server, .. } = target.view() else {
            return Err(wrong_scheme(self.scheme(), target));
        };
        check_host(host)?;
        check_server(server.as_ref())
    }

    fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        self.check(target)?;
        let TargetView::Dns { host, port, server } = target.view() else {
            return Err(wrong_scheme(self.scheme(), target));
        };
        let (host, port) = (host.clone(), *port);
        let literal = HostPort { host, port };
        if let Some(address) = literal.socket_addr() {
            return Ok(Box::new(literal_resolver(Endpoint::new([address]))));
        }
        let host = literal.host.into_string();
        let name = host.clone();
        let addresses = DnsLookup {
            config: self.txt_config(&host, options),
            host,
            port,
            runtime: Arc::clone(&options.runtime),
            options: Arc::clone(&self.options),
            nameserver: Nameserver::new(&self.clients, &options.runtime, server.as_ref()),
            known: KnownAddresses::default(),
            last: None,
            run: None,
        };
        let pacing = self.options.pacing.clone();
        let resolver = PacedResolver::new(addresses, &name, pacing, options);
        Ok(Box::new(resolver))
    }

    /// Returns the authority with the `xn--` form of a host that is not ASCII: the name that servers
    /// are asked for.
    fn default_authority(&self, target: &Target) -> Option<String> {
        let TargetView::Dns { host, .. } = target.view() else {
            return None;
        };
        let host = host.as_str();
        if host.is_ascii() {
            return None;
        }
        let ascii = to_ascii(host).ok()?;
        let authority = target
            .endpoint()
            .replacen(host, ascii.trim_end_matches('.'), 1);
        Some(authority)
    }
}

/// The scheme `srv`: the SRV records of a service, with one endpoint for each record, which has all
/// addresses of its host.
///
/// - `srv:[//server/]name`, such as `srv:///_grpc._tcp.orders.prod.svc.cluster.local`; the server is
///   as for [`DnsFactory`].
/// - A and AAAA records do not show which addresses belong to one backend; SRV records do. An
///   endpoint has the A and AAAA records of one host, at the port of its record, in RFC 6724 order.
///   Its attributes are the record's weight, under [`Weight`](trunkline_endpoint::Weight), and its
///   priority, under [`PriorityGroup`](trunkline_endpoint::PriorityGroup). A channel uses the hosts
///   with the lowest priority, and those of the next one while all of them fail. Where no policy is
///   chosen, the hosts of one priority share the calls by weight.
/// - Endpoints come in the order of their priority, then in the server's order. A host and port with
///   two records has the lower priority. The additional section of the reply is ignored, because it
///   is not trusted: the hosts are looked up, up to 64 at the same time, lowest priority first.
/// - A host that does not exist has no endpoint; one that could not be looked up keeps its
///   addresses. If no host has an address, the resolution is an error.
/// - A record with port 0 is not used; if all have it, the error is temporary.
/// - A record with the target `.` (the service is absent, RFC 2782) is an error of the kind
///   [`NoData`](ResolveErrorKind::NoData).
/// - The channel's authority is the name without `_service._proto.`, which is the name in the
///   service's certificates.
///
/// Source: [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782). The scheme is our addition.
#[derive(Debug)]
pub struct SrvFactory {
    options: Arc<DnsOptions>,
    clients: Arc<ClientCache>,
}

impl SrvFactory {
    /// Returns a factory with these options.
    #[must_use]
    pub fn new(options: DnsOptions) -> Self {
        let options = Arc::new(options);
        Self {
            clients: Arc::new(ClientCache::new(Arc::clone(&options))),
            options,
        }
    }
}

impl ResolverFactory for SrvFactory {
    fn scheme(&self) -> &str {
        "srv"
    }

    fn check(&self, target: &Target) -> Result<(), ResolveError> {
        let TargetView::Srv { name, server } = target.view() else {
            return Err(wrong_scheme(self.scheme(), target));
        };
        check_name(name)?;
        check_server(server.as_ref())
    }

    fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        self.check(target)?;
        let TargetView::Srv { name, server } = target.view() else {
            return Err(wrong_scheme(self.scheme(), target));
        };
        let service = SrvLookup {
            name: name.clone(),
            runtime: Arc::clone(&options.runtime),
            options: Arc::clone(&self.options),
            nameserver: Nameserver::new(&self.clients, &options.runtime, server.as_ref()),
            hosts: Vec::new(),
            run: None,
        };
        let pacing = self.options.pacing.clone();
        let resolver = PacedResolver::new(service, name, pacing, options);
        Ok(Box::new(resolver))
    }

    fn default_authority(&self, target: &Target) -> Option<String> {
        let TargetView::Srv { name, .. } = target.view() else {
            return None;
        };
        let mut labels = name.trim_end_matches('.').split('.').peekable();
        while labels.next_if(|label| label.starts_with('_')).is_some() {}
        let domain = labels.collect::<Vec<_>>().join(".");
        // `check` has accepted the name, so its ASCII form has no character that is invalid in an
        // authority.
        let domain = to_ascii(&domain).ok()?.into_owned();
        (!domain.is_empty()).then_some(domain)
    }
}

/// Returns a resolver for one endpoint that needs no lookup.
fn literal_resolver(endpoint: Endpoint) -> StaticResolver {
    let report = LookupReport::complete(Duration::ZERO);
    let attributes = Attributes::new().with::<LookupReport>(report);
    StaticResolver::new(Resolution::new([endpoint]).with_attributes(attributes))
}

/// Checks the DNS server in a target.
fn check_server(server: Option<&HostPort>) -> Result<(), ResolveError> {
    match server {
        None => Ok(()),
        Some(server) if server.port == 0 => {
            let text = format!("{server} is not a DNS server: port 0 cannot be used");
            Err(ResolveError::new(ResolveErrorKind::InvalidName, text))
        }
        Some(server) => check_host(&server.host),
    }
}

/// Checks that a host is an address, or a name that can be looked up.
fn check_host(host: &Host) -> Result<(), ResolveError> {
    match host.ip() {
        Some(_) => Ok(()),
        None => check_name(host.as_str()),
    }
}

/// Checks that a name can be looked up, so that an invalid one is an error when the channel is built.
fn check_name(name: &str) -> Result<(), ResolveError> {
    let error = |error: &dyn fmt::Display| {
        let text = format!(
            "`{}` is not a name to look up: {error}",
            name.escape_debug()
        );
        ResolveError::new(ResolveErrorKind::InvalidName, text).with_name(name)
    };
    let ascii = to_ascii(name).map_err(|lookup| error(&lookup).with_source(lookup))?;
    match Name::parse(&ascii) {
        Ok(_) => Ok(()),
        Err(parse) => Err(error(&parse).with_source(parse)),
    }
}
