//! Options of the schemes `dns` and `srv`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use trunkline_dns::{ClientConfig, Families};

use crate::Pacing;

/// How the schemes `dns` and `srv` look up names, and how often.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use trunkline_resolver::{DnsOptions, Pacing, ResolverRegistry};
///
/// let options = DnsOptions::default()
///     .with_resolv_conf_file("/run/mesh/resolv.conf")
///     .with_pacing(Pacing::default().with_min_interval(Duration::from_secs(5)));
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
    /// How often a name is resolved: minimum interval, refreshing by TTL (on or off), jitter,
    /// back-off.
    pub pacing: Pacing,
    /// Which address families are used; both by default.
    pub families: AddressFamilies,
    /// Whether addresses are sorted by RFC 6724; on by default. If off, they stay in the server's
    /// order, IPv4 first.
    pub sort: bool,
    /// Whether the scheme `dns` also looks up a service config, in the TXT records of
    /// `_grpc_config.` and the host; off by default. The first resolution has it if it arrives
    /// before the addresses do, else a later resolution has it. A lookup that fails temporarily
    /// leaves the earlier service config in place.
    ///
    /// Source: [gRFC A2](https://github.com/grpc/proposal/blob/master/A2-service-configs-in-dns.md).
    pub txt_service_config: bool,
    /// The name of this host. A choice in such a TXT record can be limited to certain host names. The
    /// default is the system's host name on Linux, and none elsewhere.
    pub host_name: Option<String>,
    /// How long the addresses of one family wait for those of the other while the channel has no
    /// addresses; 50 ms by default. Under the scheme `srv` hosts wait for other hosts in the same
    /// way.
    ///
    /// Source: [RFC 8305 section 3](https://www.rfc-editor.org/rfc/rfc8305#section-3).
    pub resolution_delay: Duration,
}

/// Which address families are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressFamilies {
    /// Both. Under the scheme `dns` a backend with a record of each family is two endpoints and gets
    /// two shares of the load, because A and AAAA records do not show that they belong to one
    /// backend.
    #[default]
    Both,
    /// IPv4 only; no AAAA query is sent.
    Ipv4Only,
    /// IPv6 only; no A query is sent.
    Ipv6Only,
    /// IPv4 if there is any IPv4 address, else IPv6. Under the scheme `srv`: both, IPv4 first.
    PreferIpv4,
    /// IPv6 if there is any IPv6 address, else IPv4. Under the scheme `srv`: both, IPv6 first.
    PreferIpv6,
}

impl AddressFamilies {
    /// Returns the families to query.
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
    /// Reads servers, search list and options from this file, in the format of `resolv.conf`.
    #[must_use]
    pub fn with_resolv_conf_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.client = self.client.resolv_conf_file(path);
        self
    }

    /// Reads hosts from this file, in the format of `/etc/hosts`.
    #[must_use]
    pub fn with_hosts_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.client = self.client.hosts_file(path);
        self
    }

    /// Uses these servers in place of the system's for targets that name no server; the search list
    /// stays.
    #[must_use]
    pub fn with_servers(mut self, servers: Vec<SocketAddr>) -> Self {
        self.client = self.client.servers(servers);
        self
    }

    /// Limits one whole resolution, and each lookup in it, to this time; 30 s by default.
    #[must_use]
    pub fn with_resolving_timeout(mut self, timeout: Duration) -> Self {
        self.client = self.client.deadline(timeout);
        self
    }

    /// Sets how servers are found and asked. Default: the system's configuration, and 30 s for one
    /// resolution.
    #[must_use]
    pub fn with_client(mut self, client: ClientConfig) -> Self {
        self.client = client;
        self
    }

    /// Sets the servers that are asked after the one that a target names. Default: none.
    #[must_use]
    pub fn with_fallback_servers(mut self, servers: Vec<SocketAddr>) -> Self {
        self.fallback_servers = servers;
        self
    }

    /// Sets how often a name is resolved. Default: by TTL, once in 30 s at most; and when the channel requests
    /// it, at the end of the TTL, or after 30 s if that is earlier, also once in 30 s at most.
    #[must_use]
    pub fn with_pacing(mut self, pacing: Pacing) -> Self {
        self.pacing = pacing;
        self
    }

    /// Sets which address families are used. Default: both.
    #[must_use]
    pub fn with_families(mut self, families: AddressFamilies) -> Self {
        self.families = families;
        self
    }

    /// Sets whether addresses are sorted by RFC 6724. Default: true.
    #[must_use]
    pub fn with_sort(mut self, on: bool) -> Self {
        self.sort = on;
        self
    }

    /// Sets whether the scheme `dns` also looks up a service config in TXT records. Default: false.
    #[must_use]
    pub fn with_txt_service_config(mut self, on: bool) -> Self {
        self.txt_service_config = on;
        self
    }

    /// Sets the name of this host, which selects among the service configs of a TXT record.
    /// Default: the system's on Linux, none elsewhere.
    #[must_use]
    pub fn with_host_name(mut self, name: impl Into<String>) -> Self {
        self.host_name = Some(name.into());
        self
    }

    /// Sets how long the addresses of one family wait for those of the other while the channel has
    /// no addresses. Default: 50 ms.
    #[must_use]
    pub fn with_resolution_delay(mut self, delay: Duration) -> Self {
        self.resolution_delay = delay;
        self
    }

    /// Returns the configuration of the client for a target that names its server: the search list
    /// applies, the hosts file does not.
    pub(super) fn server_config(&self, mut servers: Vec<SocketAddr>) -> ClientConfig {
        servers.extend(&self.fallback_servers);
        self.client.clone().servers(servers).no_hosts()
    }
}
