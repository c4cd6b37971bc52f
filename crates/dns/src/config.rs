//! How a client is set up.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Hosts, Name, ResolvConf};

/// Where a part of the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin<T> {
    /// There is none.
    None,
    /// It was handed in.
    Value(T),
    /// A file, which is read again when it changes.
    File(PathBuf),
}

/// How a client is set up: where servers, search list and hosts come from, and how it asks.
///
/// Options that are set here win over those of `resolv.conf`.
///
/// # Examples
///
/// ```
/// use trunkline_dns::ClientConfig;
///
/// // What the system uses, read again when it changes.
/// let system = ClientConfig::system();
/// // One server of our own; search list and options from the system, no hosts file.
/// let own = ClientConfig::system().servers(vec!["127.0.0.1:1053".parse()?]).no_hosts();
/// // Nothing from the system at all.
/// let bare = ClientConfig::with_servers(vec!["127.0.0.1:1053".parse()?]);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientConfig {
    pub(crate) resolv_conf: Origin<ResolvConf>,
    pub(crate) hosts: Origin<Hosts>,
    /// Whether `LOCALDOMAIN` and `RES_OPTIONS` are heeded.
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
    /// What the system uses: `/etc/resolv.conf`, `/etc/hosts`, and the environment variables
    /// `LOCALDOMAIN` and `RES_OPTIONS`.
    ///
    /// The files are looked at when they are needed, at most every 5 s, and read when they have
    /// changed. Where `/etc/resolv.conf` is missing, the servers are `127.0.0.1` and `::1`.
    pub fn system() -> Self {
        Self {
            resolv_conf: Origin::File("/etc/resolv.conf".into()),
            hosts: Origin::File("/etc/hosts".into()),
            environment: true,
            ..Self::bare()
        }
    }

    /// These servers in this order, no search list, no hosts file.
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
    /// again when it changes. The environment variables are not heeded.
    pub fn resolv_conf_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.resolv_conf = Origin::File(path.into());
        self.environment = false;
        self
    }

    /// Takes servers, search list and options from this value.
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

    /// Asks these servers, in this order, whatever `resolv.conf` says; its search list and options
    /// stay. An empty list makes every lookup that needs a server fail.
    pub fn servers(mut self, servers: Vec<SocketAddr>) -> Self {
        self.servers = Some(servers);
        self
    }

    /// The search list, in place of that of `resolv.conf`.
    pub fn search(mut self, search: Vec<Name>) -> Self {
        self.search = Some(search);
        self
    }

    /// With so many dots a name is tried as it is before the search list; default 1, at most 15.
    pub fn ndots(mut self, ndots: u8) -> Self {
        self.ndots = Some(ndots.min(15));
        self
    }

    /// How long one server may take before the next one is asked, where nothing is known about it
    /// yet; default 2 s. A server whose answers were timed gets 5 times their mean, between 250 ms
    /// and 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout.max(Duration::from_millis(1)));
        self
    }

    /// How often the list of servers is gone through at least; default 2, between 1 and 5.
    pub fn attempts(mut self, attempts: u8) -> Self {
        self.attempts = Some(attempts.clamp(1, 5));
        self
    }

    /// The time for one whole lookup, search list and retries included; default 30 s.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Returns the time for one whole lookup, as set by [`deadline`](Self::deadline).
    #[must_use]
    pub fn lookup_deadline(&self) -> Duration {
        self.deadline
    }

    /// Whether to ask over TCP from the start; default: what `resolv.conf` says, else no.
    pub fn tcp_only(mut self, on: bool) -> Self {
        self.tcp_only = Some(on);
        self
    }

    /// For how long a TCP connection that no lookup uses is kept for the next one; default 10 s. With
    /// zero none is kept.
    pub fn tcp_idle(mut self, idle: Duration) -> Self {
        self.tcp_idle = idle;
        self
    }

    /// Whether queries carry EDNS (RFC 6891), so that datagrams may have 1232 octets; default yes.
    pub fn edns(mut self, on: bool) -> Self {
        self.edns = on;
        self
    }

    /// Whether letters of the name are sent in random case (draft-vixie-dnsext-dns0x20), which
    /// adds to what an attacker must guess; default no. A reply over UDP in other letters is not
    /// taken: the question goes over TCP.
    pub fn case_randomization(mut self, on: bool) -> Self {
        self.case_randomization = on;
        self
    }

    /// Whether queries carry a DNS cookie (RFC 7873, RFC 9018); default no. A server that has once
    /// sent its own is not believed over UDP without, until it has sent none for 120 s; one that
    /// sends none is asked without for 300 s.
    pub fn cookies(mut self, on: bool) -> Self {
        self.cookies = on;
        self
    }

    /// Whether lookups share UDP sockets, each for at most 64 lookups, instead of having a fresh
    /// one each; default no. It halves the cost and keeps the port for longer, which an attacker
    /// would have to guess.
    pub fn udp_pool(mut self, on: bool) -> Self {
        self.udp_pool = on;
        self
    }

    /// How many answers, positive and negative, are kept for as long as their TTL says; default 0:
    /// a resolver that asks again *because* a TTL ran out needs none.
    pub fn cache(mut self, entries: usize) -> Self {
        self.cache_entries = entries.min(65_536);
        self
    }

    /// The longest TTL that is believed; default one day.
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
