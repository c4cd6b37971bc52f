//! The configuration of a client.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Hosts, Name, ResolvConf};

/// The origin of a part of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin<T> {
    /// The part is empty.
    None,
    /// The caller gave the value.
    Value(T),
    /// A file, which is read again when it changes.
    File(PathBuf),
}

/// The configuration of a client: where servers, search list and hosts come from, and how servers
/// are asked.
///
/// Options that are set here override those of `resolv.conf`.
///
/// # Examples
///
/// ```
/// use trunkline_dns::ClientConfig;
///
/// // The configuration of the system, read again when it changes.
/// let system = ClientConfig::system();
/// // One given server; search list and options from the system, no hosts file.
/// let own = ClientConfig::system().servers(vec!["127.0.0.1:1053".parse()?]).no_hosts();
/// // Nothing from the system.
/// let bare = ClientConfig::with_servers(vec!["127.0.0.1:1053".parse()?]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientConfig {
    pub(crate) resolv_conf: Origin<ResolvConf>,
    pub(crate) hosts: Origin<Hosts>,
    /// True when `LOCALDOMAIN` and `RES_OPTIONS` apply.
    pub(crate) environment: bool,
    pub(crate) servers: Option<Vec<SocketAddr>>,
    pub(crate) search: Option<Vec<Name>>,
    pub(crate) ndots: Option<u8>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) attempts: Option<u8>,
    pub(crate) deadline: Duration,
    pub(crate) tcp_only: Option<bool>,
    pub(crate) tcp_idle: Duration,
    pub(crate) edns: bool,
    pub(crate) case_randomization: bool,
    pub(crate) cookies: bool,
    pub(crate) udp_pool: bool,
    pub(crate) cache_entries: usize,
    pub(crate) max_ttl: Duration,
}

impl ClientConfig {
    /// Returns the configuration of the system: `/etc/resolv.conf`, `/etc/hosts`, and the
    /// environment variables `LOCALDOMAIN` and `RES_OPTIONS`.
    ///
    /// A lookup checks whether the files have changed, at most every 5 s, and then reads them
    /// again. Where `/etc/resolv.conf` is missing, the servers are `127.0.0.1` and `::1`.
    pub fn system() -> Self {
        Self {
            resolv_conf: Origin::File("/etc/resolv.conf".into()),
            hosts: Origin::File("/etc/hosts".into()),
            environment: true,
            ..Self::bare()
        }
    }

    /// Returns a configuration with these servers in this order, no search list, no hosts file.
    pub fn with_servers(servers: Vec<SocketAddr>) -> Self {
        Self {
            servers: Some(servers),
            ..Self::bare()
        }
    }

    fn bare() -> Self {
        Self {
            resolv_conf: Origin::None,
            hosts: Origin::None,
            environment: false,
            servers: None,
            search: None,
            ndots: None,
            timeout: None,
            attempts: None,
            deadline: Duration::from_secs(30),
            tcp_only: None,
            tcp_idle: Duration::from_secs(10),
            edns: true,
            case_randomization: false,
            cookies: false,
            udp_pool: false,
            cache_entries: 0,
            max_ttl: Duration::from_secs(86_400),
        }
    }

    /// Takes servers, search list and options from this file instead of the system's, and reads it
    /// again when it changes. The environment variables do not apply.
    pub fn resolv_conf_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.resolv_conf = Origin::File(path.into());
        self.environment = false;
        self
    }

    /// Takes servers, search list and options from this value. The environment variables do not
    /// apply.
    pub fn resolv_conf(mut self, conf: ResolvConf) -> Self {
        self.resolv_conf = Origin::Value(conf);
        self.environment = false;
        self
    }

    /// Takes hosts from this file instead of the system's, and reads it again when it changes.
    pub fn hosts_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.hosts = Origin::File(path.into());
        self
    }

    /// Takes hosts from this value.
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = Origin::Value(hosts);
        self
    }

    /// Uses no hosts file.
    pub fn no_hosts(mut self) -> Self {
        self.hosts = Origin::None;
        self
    }

    /// Asks these servers, in this order, instead of those of `resolv.conf`. Its search list and
    /// options still apply. With an empty list every lookup that needs a server fails.
    pub fn servers(mut self, servers: Vec<SocketAddr>) -> Self {
        self.servers = Some(servers);
        self
    }

    /// Sets the search list, in place of that of `resolv.conf`.
    pub fn search(mut self, search: Vec<Name>) -> Self {
        self.search = Some(search);
        self
    }

    /// Sets the number of dots with which a name is tried as it is before the search list; default
    /// 1, at most 15.
    pub fn ndots(mut self, ndots: u8) -> Self {
        self.ndots = Some(ndots.min(15));
        self
    }

    /// Sets the time after which the next server is asked, for a server of which nothing is known;
    /// default 2 s. A server whose round trips were measured gets 5 times their mean, between 250
    /// ms and 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout.max(Duration::from_millis(1)));
        self
    }

    /// Sets how often the list of servers is asked at least; default 2, between 1 and 5.
    pub fn attempts(mut self, attempts: u8) -> Self {
        self.attempts = Some(attempts.clamp(1, 5));
        self
    }

    /// Sets the time for one whole lookup, with search list and retries; default 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns the time for one whole lookup, as set by [`deadline`](Self::deadline).
    #[must_use]
    pub fn lookup_deadline(&self) -> Duration {
        self.deadline
    }

    /// Sets whether servers are asked over TCP from the start; default: as in `resolv.conf`, else
    /// no.
    pub fn tcp_only(mut self, on: bool) -> Self {
        self.tcp_only = Some(on);
        self
    }

    /// Sets the time for which a TCP connection stays open after its last lookup, for the next one;
    /// default 10 s. With zero it is closed at once.
    pub fn tcp_idle(mut self, idle: Duration) -> Self {
        self.tcp_idle = idle;
        self
    }

    /// Sets whether queries carry EDNS (RFC 6891), so that replies may have 1232 bytes in a
    /// datagram; default yes. A server that does not support it, or is silent until the last attempt,
    /// is asked without for 600 s.
    pub fn edns(mut self, on: bool) -> Self {
        self.edns = on;
        self
    }

    /// Sets whether names are sent in random letter case (draft-vixie-dnsext-dns0x20), which an
    /// off-path attacker must guess too; default no. A reply over UDP in another letter case is not
    /// used: the query goes over TCP.
    pub fn case_randomization(mut self, on: bool) -> Self {
        self.case_randomization = on;
        self
    }

    /// Sets whether queries carry a DNS cookie (RFC 7873, RFC 9018); default no. Once a server has
    /// sent its own, replies over UDP without it are not used, until the server has sent none for
    /// 120 s. A server that sends none is asked without cookies for 300 s.
    pub fn cookies(mut self, on: bool) -> Self {
        self.cookies = on;
        self
    }

    /// Sets whether lookups share UDP sockets, each for at most 64 lookups, instead of opening one
    /// each; default no. Sharing halves the cost, but a port is used for longer, so that an
    /// off-path attacker has more time to guess it.
    pub fn udp_pool(mut self, on: bool) -> Self {
        self.udp_pool = on;
        self
    }

    /// Sets how many answers, positive and negative, are kept until their TTL expires; at most
    /// 65,536, default 0: a resolver that asks again *because* a TTL has expired needs no cache.
    pub fn cache(mut self, entries: usize) -> Self {
        self.cache_entries = entries.min(65_536);
        self
    }

    /// Sets the bound of TTLs: longer ones count as this; default one day.
    pub fn max_ttl(mut self, max_ttl: Duration) -> Self {
        self.max_ttl = max_ttl;
        self
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self::system()
    }
}
