//! `resolv.conf`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::{Name, ScopedIp};

/// The maximum number of name servers that are kept, so that a hostile or broken file costs little.
const MAX_NAMESERVERS: usize = 32;
/// The maximum number of unusable `nameserver` lines that are kept, and of characters of each line,
/// for the same reason.
const MAX_UNUSABLE: usize = 8;
const MAX_UNUSABLE_TEXT: usize = 64;
/// The maximum number of search domains that are kept, for the same reason.
const MAX_SEARCH: usize = 32;
/// The port of DNS (RFC 1035 section 4.2).
pub(crate) const DNS_PORT: u16 = 53;

/// The contents of a `resolv.conf`.
///
/// Parsing never fails: a line that cannot be read is left out, as every libc does. A file without
/// a name server means the servers on this machine (`127.0.0.1` and `::1`). The error of a failed
/// lookup names `nameserver` lines that cannot be used.
///
/// Source: resolv.conf(5). Deviations: all name servers count, not only the first three; a name
/// server may have a port (`127.0.0.1:5353`, `[::1]:5353`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvConf {
    /// The servers, in order, each once.
    pub nameservers: Vec<Nameserver>,
    /// The values of `nameserver` lines that are no address with an optional interface and port. Of
    /// these, 8 are kept, and 64 characters of each.
    pub unusable_nameservers: Vec<String>,
    /// The search list, of absolute names, from the last `search` or `domain` line.
    pub search: Vec<Name>,
    /// The options of all `options` lines.
    pub options: ResolvOptions,
}

/// A `nameserver` line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nameserver {
    /// The address.
    pub ip: IpAddr,
    /// The interface of a link-local address, by name or by number: `eth0` in `fe80::1%eth0`.
    pub zone: Option<String>,
    /// The port; 53 where the line has none.
    pub port: u16,
}

/// The options of a `resolv.conf`; `None` for an option that the file does not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvOptions {
    /// `ndots:n`, 0 to 15: the number of dots with which a name is tried as it is before the search
    /// list.
    pub ndots: Option<u8>,
    /// `timeout:n`, 1 to 30 s: the timeout for one server.
    pub timeout: Option<Duration>,
    /// `attempts:n`, 1 to 5: how often the list of servers is asked.
    pub attempts: Option<u8>,
    /// `rotate`: each lookup starts at a random server of the list.
    pub rotate: bool,
    /// `use-vc`, `usevc`, `tcp`: servers are asked over TCP from the start.
    pub use_tcp: bool,
    /// `single-request`: AAAA is asked for only after A has been answered.
    pub single_request: bool,
    /// `single-request-reopen`: A and AAAA are asked from different sockets.
    pub single_request_reopen: bool,
    /// `no-reload`: the file is read once.
    pub no_reload: bool,
    /// `no-aaaa`: IPv6 addresses are not asked for.
    pub no_aaaa: bool,
}

impl ResolvConf {
    /// Parses the text of a file, which may have any bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use trunkline_dns::ResolvConf;
    ///
    /// let conf = ResolvConf::parse(b"search prod.svc cluster.local\nnameserver 10.0.0.10\noptions ndots:5\n");
    /// assert_eq!(conf.search.len(), 2);
    /// assert_eq!(conf.options.ndots, Some(5));
    /// ```
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut conf = Self::default();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for line in text.split(|&byte| byte == b'\n') {
            conf.parse_line(line);
        }
        conf
    }

    /// Applies the environment variables that every libc applies: `LOCALDOMAIN` replaces the search
    /// list, `RES_OPTIONS` adds to the options.
    pub fn apply_environment(&mut self, localdomain: Option<&str>, res_options: Option<&str>) {
        if let Some(domains) = localdomain {
            self.search = search_list(domains.split_ascii_whitespace());
        }
        if let Some(options) = res_options {
            for option in options.split_ascii_whitespace() {
                self.options.parse_option(option);
            }
        }
    }

    /// Returns the addresses of the servers, or those on this machine where the file has none.
    ///
    /// `interface` returns the index of an interface by its name. A server whose interface is not
    /// known is left out, see [`unusable`](Self::unusable).
    pub fn servers(&self, interface: impl Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
        if self.nameservers.is_empty() {
            return local_servers();
        }
        self.nameservers
            .iter()
            .filter_map(|server| server.address(&interface))
            .collect()
    }

    /// Returns a sentence for each `nameserver` line that cannot be used: the line, and why.
    ///
    /// `interface` returns the index of an interface by its name.
    pub fn unusable(&self, interface: impl Fn(&str) -> Option<u32>) -> Vec<String> {
        let unread = self.unusable_nameservers.iter().map(|word| {
            let word = word.escape_debug();
            format!("the line `nameserver {word}` cannot be used: it is not an IP address")
        });
        let unreachable = self.nameservers.iter().filter_map(|server| {
            let zone = server.zone.as_ref()?.escape_debug();
            if server.address(&interface).is_some() {
                return None;
            }
            let ip = server.ip;
            Some(format!(
                "the line `nameserver {ip}%{zone}` cannot be used: there is no network interface \
                 {zone} on this machine"
            ))
        });
        unread.chain(unreachable).collect()
    }

    /// Returns whether a server is at an interface that is given by its name.
    pub(crate) fn has_interface(&self) -> bool {
        self.nameservers.iter().any(|server| server.zone.is_some())
    }

    fn parse_line(&mut self, line: &[u8]) {
        // `#` and `;` start a comment, also within a line, as in musl and Go.
        let end = line.iter().position(|byte| matches!(byte, b'#' | b';' | 0));
        let line = String::from_utf8_lossy(&line[..end.unwrap_or(line.len())]);
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("nameserver") if self.nameservers.len() < MAX_NAMESERVERS => {
                let word = words.next().unwrap_or_default();
                match Nameserver::parse(word) {
                    Some(server) if self.nameservers.contains(&server) => {}
                    Some(server) => self.nameservers.push(server),
                    None if self.unusable_nameservers.len() < MAX_UNUSABLE => {
                        let text = word.chars().take(MAX_UNUSABLE_TEXT).collect();
                        self.unusable_nameservers.push(text);
                    }
                    None => {}
                }
            }
            Some("domain") => self.search = search_list(words.take(1)),
            Some("search") => self.search = search_list(words),
            Some("options") => words.for_each(|option| self.options.parse_option(option)),
            _ => {}
        }
    }
}

/// Returns the servers for a file that has none (resolv.conf(5): "the default is to use the name
/// server on the local machine").
pub(crate) fn local_servers() -> Vec<SocketAddr> {
    vec![
        SocketAddr::from(([127, 0, 0, 1], DNS_PORT)),
        SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], DNS_PORT)),
    ]
}

fn search_list<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Name> {
    let mut list: Vec<Name> = Vec::new();
    for word in words {
        if let Ok(name) = Name::parse(word) {
            let name = name.to_absolute();
            if !list.contains(&name) && list.len() < MAX_SEARCH {
                list.push(name);
            }
        }
    }
    list
}

impl Nameserver {
    /// Returns the address; `None` where its interface is not known.
    fn address(&self, interface: impl Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
        let scope_id = match &self.zone {
            None => 0,
            Some(zone) => zone.parse().ok().or_else(|| interface(zone))?,
        };
        let ip = self.ip;
        Some(ScopedIp { ip, scope_id }.with_port(self.port))
    }

    fn parse(word: &str) -> Option<Self> {
        let (host, port) = match word.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                let port = match rest.strip_prefix(':') {
                    Some(port) => port.parse().ok()?,
                    None if rest.is_empty() => DNS_PORT,
                    None => return None,
                };
                (host, port)
            }
            None => match word.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, port.parse().ok()?),
                _ => (word, DNS_PORT),
            },
        };
        let (ip, zone) = match host.split_once('%') {
            Some((ip, zone)) if !zone.is_empty() => (ip, Some(zone.to_owned())),
            Some(_) => return None,
            None => (host, None),
        };
        let ip: IpAddr = ip.parse().ok()?;
        // The zone of an IPv4 address has no meaning.
        let zone = zone.filter(|_| ip.is_ipv6());
        (port != 0).then_some(Self { ip, zone, port })
    }
}

impl ResolvOptions {
    fn parse_option(&mut self, option: &str) {
        let (name, value) = match option.split_once(':') {
            Some((name, value)) => (name, value.parse::<u64>().ok()),
            None => (option, None),
        };
        let clamped = |low: u64, high: u64| {
            let value = value?.clamp(low, high);
            u8::try_from(value).ok()
        };
        match name {
            "ndots" => self.ndots = clamped(0, 15).or(self.ndots),
            "timeout" => {
                let seconds = clamped(1, 30).map(|value| Duration::from_secs(value.into()));
                self.timeout = seconds.or(self.timeout);
            }
            "attempts" => self.attempts = clamped(1, 5).or(self.attempts),
            "rotate" => self.rotate = true,
            "use-vc" | "usevc" | "tcp" => self.use_tcp = true,
            "single-request" => self.single_request = true,
            "single-request-reopen" => self.single_request_reopen = true,
            "no-reload" => self.no_reload = true,
            "no-aaaa" => self.no_aaaa = true,
            // `edns0` is always on; `trust-ad`, `strict-error` and all others are ignored.
            _ => {}
        }
    }
}
