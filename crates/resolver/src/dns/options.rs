//! How names are looked up, and how often.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use trunkline_dns::{ClientConfig, Families};

use crate::Pacing;

/// How names are looked up, and how often; for the schemes `dns` and `srv`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use trunkline_resolver::{DnsOptions, ResolverRegistry};
///
/// let mut options = DnsOptions::default().resolv_conf_file("/run/mesh/resolv.conf");
/// options.pacing.min_interval = Duration::from_secs(5);
/// let registry = ResolverRegistry::standard().with_dns(options);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DnsOptions {
    /// How servers are found and asked, and how long one resolution may take; the system's
    /// configuration and 30 s by default.
    pub client: ClientConfig,
    /// Servers that are asked after the one that a target names (`dns://server/host`); none by
    /// default.
    pub fallback_servers: Vec<SocketAddr>,
    /// How often a name is resolved: minimum interval, TTL refresh and its off switch, jitter,
    /// back-off.
    pub pacing: Pacing,
    /// Which families of addresses are used; both by default.
    pub families: AddressFamilies,
    /// Whether addresses are sorted by RFC 6724; on by default. Off, they stay in the server's
    /// order, IPv4 first.
    pub sort: bool,
    /// Whether the scheme `dns` also looks for a service config in the TXT records of
    /// `_grpc_config.` and the host; off by default. It comes with the addresses or, where it takes
    /// longer than they do, by an update; that it cannot be looked up changes nothing.
    ///
    /// Source: [gRFC A2](https://github.com/grpc/proposal/blob/master/A2-service-configs-in-dns.md).
    pub txt_service_config: bool,
    /// The name of this host, which a choice in such a TXT record may ask for; what the system says
    /// by default (on Linux; elsewhere none).
    pub host_name: Option<String>,
    /// How long addresses of one family wait for the other while the channel has none; 50 ms by
    /// default.
    ///
    /// Source: [RFC 8305 section 3](https://www.rfc-editor.org/rfc/rfc8305#section-3).
    pub resolution_delay: Duration,
}

/// Which families of addresses are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressFamilies {
    /// Both: under the scheme `dns` a backend with a record of each family is two endpoints, and
    /// gets two shares of the load, because plain DNS cannot tell that they are one backend.
    #[default]
    Both,
    /// IPv4 alone; AAAA is not asked for.
    Ipv4Only,
    /// IPv6 alone; A is not asked for.
    Ipv6Only,
    /// IPv4 where there is any, else IPv6. Under the scheme `srv`: both, IPv4 first.
    PreferIpv4,
    /// IPv6 where there is any, else IPv4. Under the scheme `srv`: both, IPv6 first.
    PreferIpv6,
}

impl AddressFamilies {
    /// What to ask for.
    pub(super) fn asked(self) -> Families {
        match self {
            Self::Both | Self::PreferIpv4 | Self::PreferIpv6 => Families::Both,
            Self::Ipv4Only => Families::Ipv4,
            Self::Ipv6Only => Families::Ipv6,
        }
    }
}

impl Default for DnsOptions {
    fn default() -> Self {
        Self {
            client: ClientConfig::system(),
            fallback_servers: Vec::new(),
            pacing: Pacing::default(),
            families: AddressFamilies::Both,
            sort: true,
            txt_service_config: false,
            host_name: None,
            resolution_delay: Duration::from_millis(50),
        }
    }
}

impl DnsOptions {
    /// Takes servers, search list and options from this file, in the format of `resolv.conf`.
    #[must_use]
    pub fn resolv_conf_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.client = self.client.resolv_conf_file(path);
        self
    }

    /// Takes hosts from this file, in the format of `/etc/hosts`.
    #[must_use]
    pub fn hosts_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.client = self.client.hosts_file(path);
        self
    }

    /// Asks these servers in place of the system's, where a target names none; the search list
    /// stays.
    #[must_use]
    pub fn servers(mut self, servers: Vec<SocketAddr>) -> Self {
        self.client = self.client.servers(servers);
        self
    }

    /// Limits one whole resolution, and each lookup in it, to this time; 30 s by default.
    #[must_use]
    pub fn resolving_timeout(mut self, timeout: Duration) -> Self {
        self.client = self.client.deadline(timeout);
        self
    }

    /// Returns the configuration of the client for a target that names its server: the search list
    /// applies, the hosts file does not.
    pub(super) fn server_config(&self, mut servers: Vec<SocketAddr>) -> ClientConfig {
        servers.extend(&self.fallback_servers);
        self.client.clone().servers(servers).no_hosts()
    }
}
