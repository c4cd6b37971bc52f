//! The values that follow from the configuration and its files.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::plan::LookupRequest;
use crate::config::ClientConfig;
use crate::{Families, LookupError, LookupErrorKind, Name, RecordType, ResolvConf};

/// The values that follow from the configuration and its files at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The servers in order, each once.
    pub servers: Vec<SocketAddr>,
    /// For each `nameserver` line of `resolv.conf` that cannot be used, the line and why.
    pub unusable_servers: Vec<String>,
    /// The search list, of absolute names.
    pub search: Vec<Name>,
    /// The number of dots with which a name is tried as it is before the search list.
    pub ndots: u8,
    /// The timeout for a server of which nothing is known.
    pub timeout: Duration,
    /// How often the list of servers is asked at least.
    pub attempts: u8,
    /// The time for one whole lookup.
    pub deadline: Duration,
    /// True when each lookup starts at a random server of the list.
    pub rotate: bool,
    /// True when servers are asked over TCP from the start.
    pub tcp_only: bool,
    /// True when AAAA is asked for only after A has been answered.
    pub single_request: bool,
    /// True when A and AAAA are asked from different sockets.
    pub own_sockets: bool,
    /// True when lookups share UDP sockets.
    pub udp_pool: bool,
    /// True when AAAA is never asked for.
    pub no_aaaa: bool,
    /// True when queries carry EDNS.
    pub edns: bool,
    /// True when names are sent in random letter case.
    pub case_randomization: bool,
    /// True when queries carry cookies.
    pub cookies: bool,
    /// Number of answers that are kept at most.
    pub cache_entries: usize,
    /// The bound of TTLs: longer ones count as this.
    pub max_ttl: Duration,
}

impl Settings {
    /// Returns the settings that follow from a configuration and its `resolv.conf`.
    ///
    /// `interface` returns the index of an interface by its name.
    #[must_use]
    pub fn new(
        config: &ClientConfig,
        conf: &ResolvConf,
        interface: impl Fn(&str) -> Option<u32>,
    ) -> Self {
        let options = &conf.options;
        let (servers, unusable_servers) = match &config.servers {
            Some(servers) => (servers.clone(), Vec::new()),
            None => (conf.servers(&interface), conf.unusable(&interface)),
        };
        let mut distinct = Vec::with_capacity(servers.len());
        for server in servers.into_iter().map(unmapped) {
            if !distinct.contains(&server) {
                distinct.push(server);
            }
        }
        Self {
            servers: distinct,
            unusable_servers,
            search: config.search.as_ref().unwrap_or(&conf.search).clone(),
            ndots: config.ndots.or(options.ndots).unwrap_or(1),
            timeout: config
                .timeout
                .or(options.timeout)
                .unwrap_or(Duration::from_secs(2)),
            attempts: config.attempts.or(options.attempts).unwrap_or(2),
            deadline: config.deadline,
            rotate: options.rotate,
            tcp_only: config.tcp_only.unwrap_or(options.use_tcp),
            single_request: options.single_request,
            own_sockets: options.single_request_reopen,
            udp_pool: config.udp_pool,
            no_aaaa: options.no_aaaa,
            edns: config.edns,
            case_randomization: config.case_randomization,
            cookies: config.cookies,
            cache_entries: config.cache_entries,
            max_ttl: config.max_ttl,
        }
    }

    /// Returns the request for the addresses of a host.
    ///
    /// # Errors
    ///
    /// [`NoData`](LookupErrorKind::NoData) where only IPv6 addresses are wanted and `options
    /// no-aaaa` is set.
    pub fn addresses_request(
        &self,
        host: &str,
        name: Name,
        families: Families,
    ) -> Result<LookupRequest, LookupError> {
        let mut request = LookupRequest::addresses(name, families);
        if self.no_aaaa {
            request.types.retain(|&of| of != RecordType::Aaaa);
        }
        if request.types.is_empty() {
            let why = "IPv6 addresses are not asked for (`options no-aaaa`)";
            return Err(LookupError::local(LookupErrorKind::NoData, host, why));
        }
        Ok(request)
    }

    /// Returns the names to ask for, in order, each once: `name` as it is, and `name` within each
    /// domain of the search list.
    ///
    /// An absolute name is the only candidate. A name with `ndots` dots or more is tried as it is
    /// first, another one last (resolv.conf(5)).
    #[must_use]
    pub fn candidates(&self, name: &Name) -> Vec<Name> {
        let as_is = name.to_absolute();
        if name.is_absolute() {
            return vec![as_is];
        }
        let mut list = Vec::with_capacity(1 + self.search.len());
        if name.dots() >= usize::from(self.ndots) {
            list.push(as_is.clone());
        }
        let within = self.search.iter().filter_map(|suffix| name.within(suffix));
        for candidate in within.chain([as_is]) {
            if !list.contains(&candidate) {
                list.push(candidate);
            }
        }
        list
    }
}

/// Converts `::ffff:10.0.0.1` to IPv4, since an IPv6 socket may not reach it.
fn unmapped(server: SocketAddr) -> SocketAddr {
    match server.ip().to_canonical() {
        IpAddr::V4(ip) => (ip, server.port()).into(),
        IpAddr::V6(_) => server,
    }
}
