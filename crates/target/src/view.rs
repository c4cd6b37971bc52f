//! Typed views: what a target means to the resolver of its scheme.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::encode::{decode, decode_text};
use crate::facts::{Facts, ViewFacts, facts};
use crate::host_port::{HostPort as HostPortFacts, host_port};
use crate::ip;
use crate::split::Split;

/// The port of a target without one, by gRPC's naming document.
pub const DEFAULT_PORT: u16 = 443;

/// The port of a DNS server without one.
pub const DEFAULT_DNS_PORT: u16 = 53;

/// What a target means by the rules of its scheme.
///
/// All of it is checked: the parser returns an error for a target that no resolver can use.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TargetView {
    /// `dns:[//server/]host[:port]`: a name to look up, or an IP address.
    Dns {
        /// The name or address; `localhost` if the target is only a port.
        host: Host,
        /// The port; 443 unless written.
        port: u16,
        /// The DNS server to ask instead of the system's; port 53 unless written.
        server: Option<HostPort>,
    },
    /// `srv:[//server/]name`: SRV records to look up. Only Trunkline has this scheme.
    Srv {
        /// The owner of the records, such as `_grpc._tcp.example.com`.
        name: String,
        /// The DNS server, as for `dns`.
        server: Option<HostPort>,
    },
    /// `unix:path` or `unix:///absolute/path`: a socket in the file system.
    Unix {
        /// 1 to 107 bytes without NUL; need not be UTF-8.
        path: Vec<u8>,
    },
    /// `unix-abstract:name`: a socket in Linux's abstract namespace.
    UnixAbstract {
        /// 1 to 107 bytes, without the leading NUL.
        name: Vec<u8>,
    },
    /// `ipv4:address[:port],..`: at least one address, in the written order; port 443 unless
    /// written.
    Ipv4(Vec<SocketAddr>),
    /// `ipv6:address,..` or `ipv6:[address]:port,..`, as for `ipv4`.
    Ipv6(Vec<SocketAddr>),
    /// `vsock:cid:port`: a virtual machine or its host.
    Vsock {
        /// The context id.
        cid: u32,
        /// The port.
        port: u32,
    },
    /// `passthrough:///anything`: passed to the connector unchanged.
    Passthrough {
        /// The endpoint, never empty.
        address: String,
        /// The endpoint as a host and a port, if it consists of both.
        host_port: Option<HostPort>,
    },
    /// `xds:[//authority/]name`: a listener of an xDS server.
    Xds {
        /// The name of the authority in the bootstrap file.
        authority: Option<String>,
        /// The listener's name, never empty.
        name: String,
    },
    /// Any other scheme: its resolver interprets the target.
    Other,
}

/// A host: a name or an IP literal.
///
/// `Display` prints it without brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host {
    text: String,
    ip: Option<IpAddr>,
}

impl Host {
    fn new(text: &str) -> Self {
        // A port without a host means the local host (gRPC's naming document, as all
        // implementations read it).
        let text = if text.is_empty() { "localhost" } else { text };
        Self {
            text: text.to_string(),
            ip: ip::any(text.as_bytes()),
        }
    }

    /// Returns the decoded name or literal, without brackets, with its zone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the address without its zone, if the host is a literal.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Returns the zone of an IPv6 literal, such as `eth0` or `2` (RFC 4007 section 11).
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.ip?;
        self.text.split_once('%').map(|(_, zone)| zone)
    }

    /// Returns the owned text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }
}

impl AsRef<str> for Host {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A host and a port.
///
/// `Display` prints `host:port`, with an IPv6 literal in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl HostPort {
    /// Returns the socket address, if the host is a literal without a zone or with a numeric one.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let scope = match self.host.zone() {
            Some(zone) => ip::decimal(zone.as_bytes())?,
            None => 0,
        };
        Some(match self.host.ip? {
            IpAddr::V4(ip) => SocketAddrV4::new(ip, self.port).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, self.port, 0, scope).into(),
        })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.ip {
            Some(IpAddr::V6(_)) => write!(f, "[{}]:{}", self.host, self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Builds the view of a parsed text.
pub(crate) fn view(text: &str, split: &Split<'_>) -> TargetView {
    let facts = &facts(text, split);
    let raw = split.endpoint(text.as_bytes()).text(text);
    let path = split.path().text(text);
    match facts.view {
        ViewFacts::Dns(found) => {
            let HostPort { host, port } = located(&decode_text(raw), &found, DEFAULT_PORT);
            TargetView::Dns {
                host,
                port,
                server: server(text, facts),
            }
        }
        ViewFacts::Srv => TargetView::Srv {
            name: decode_text(raw).into_owned(),
            server: server(text, facts),
        },
        ViewFacts::Unix => TargetView::Unix {
            path: socket_path(path, split),
        },
        ViewFacts::UnixAbstract => TargetView::UnixAbstract {
            name: socket_path(path, split),
        },
        ViewFacts::Ipv4 => TargetView::Ipv4(addresses(&decode_text(raw))),
        ViewFacts::Ipv6 => TargetView::Ipv6(addresses(&decode_text(raw))),
        ViewFacts::Vsock { cid, port } => TargetView::Vsock { cid, port },
        ViewFacts::Passthrough(found) => {
            let address = decode_text(raw);
            TargetView::Passthrough {
                host_port: found.map(|found| located(&address, &found, DEFAULT_PORT)),
                address: address.into_owned(),
            }
        }
        ViewFacts::Xds => TargetView::Xds {
            authority: facts
                .authority
                .map(|authority| decode_text(authority.whole.text(text)).into_owned()),
            name: decode_text(raw).into_owned(),
        },
        ViewFacts::Other => TargetView::Other,
    }
}

fn located(endpoint: &str, found: &HostPortFacts, default: u16) -> HostPort {
    HostPort {
        host: Host::new(found.host.text(endpoint)),
        port: found.port_or(default),
    }
}

fn server(text: &str, facts: &Facts) -> Option<HostPort> {
    let authority = facts.authority?;
    if authority.host.is_empty() && authority.colon().is_none() {
        return None;
    }
    Some(HostPort {
        host: Host::new(&decode_text(authority.host.text(text))),
        port: authority.port.unwrap_or(DEFAULT_DNS_PORT),
    })
}

/// Returns the decoded path. A text without a scheme gets the slash that its path begins with.
fn socket_path(path: &str, split: &Split<'_>) -> Vec<u8> {
    let decoded = decode(path);
    if split.fell_back {
        return [b"/", &*decoded].concat();
    }
    decoded.into_owned()
}

fn addresses(list: &str) -> Vec<SocketAddr> {
    let address = |element: &str| {
        let found = host_port(element.as_bytes()).ok()?;
        located(element, &found, DEFAULT_PORT).socket_addr()
    };
    list.split(',').filter_map(address).collect()
}
