//! What a target means to the resolver of its scheme.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::encode::{decode, decode_text};
use crate::facts::{Facts, ViewFacts, facts};
use crate::host_port::{HostPort as HostPortFacts, host_port};
use crate::ip;
use crate::split::Split;

/// The port of a target that gives none, by gRPC's naming document.
pub const DEFAULT_PORT: u16 = 443;

/// The port of a DNS server that is named without one.
pub const DEFAULT_DNS_PORT: u16 = 53;

/// What a target means, by its scheme.
///
/// Everything in it has been checked: what no resolver could ever use is an error of the parser.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TargetView {
    /// `dns:[//server/]host[:port]`: a name to be looked up, or an IP address.
    Dns {
        /// The name or address; `localhost` where the target is a port alone.
        host: Host,
        /// As written, or 443.
        port: u16,
        /// The DNS server to ask, in place of the system's; port 53 unless written.
        server: Option<HostPort>,
    },
    /// `srv:[//server/]name`: SRV records to be looked up. A scheme of Trunkline's.
    Srv {
        /// The owner of the records, such as `_grpc._tcp.example.com`.
        name: String,
        /// As for `dns`.
        server: Option<HostPort>,
    },
    /// `unix:path` or `unix:///absolute/path`: a socket in the file system.
    Unix {
        /// 1 to 107 octets without NUL; not always UTF-8.
        path: Vec<u8>,
    },
    /// `unix-abstract:name`: a socket in Linux's abstract namespace.
    UnixAbstract {
        /// 1 to 107 octets, without the leading NUL.
        name: Vec<u8>,
    },
    /// `ipv4:address[:port],..`: at least one, in the order written; port 443 unless written.
    Ipv4(Vec<SocketAddr>),
    /// `ipv6:address,..` or `ipv6:[address]:port,..`; as for `ipv4`.
    Ipv6(Vec<SocketAddr>),
    /// `vsock:cid:port`: a virtual machine or its host.
    Vsock {
        /// The context id.
        cid: u32,
        /// The port.
        port: u32,
    },
    /// `passthrough:///anything`: handed to the connector as it is.
    Passthrough {
        /// The endpoint, never empty.
        address: String,
        /// The endpoint as a host and a port, where it is that.
        host_port: Option<HostPort>,
    },
    /// `xds:[//authority/]name`: a listener of an xDS server.
    Xds {
        /// The authority of the bootstrap file to use.
        authority: Option<String>,
        /// The listener's name, never empty.
        name: String,
    },
    /// Any other scheme: its resolver knows.
    Other,
}

/// A host: a name or an IP literal.
///
/// Prints without brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host {
    text: String,
    ip: Option<IpAddr>,
}

impl Host {
    fn new(text: &str) -> Self {
        // A port alone means this host (gRPC's naming document, as all implementations read it).
        let text = if text.is_empty() { "localhost" } else { text };
        Self {
            text: text.to_string(),
            ip: ip::any(text.as_bytes()),
        }
    }

    /// The name or literal, without brackets and escapes, with its zone.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address, where it is a literal; without its zone.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The zone of an IPv6 literal, such as `eth0` or `2` (RFC 4007 section 11).
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.ip?;
        self.text.split_once('%').map(|(_, zone)| zone)
    }

    /// The text by value.
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
/// Prints as `host:port`, an IPv6 literal in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl HostPort {
    /// The socket address, where the host is a literal without a zone or with a numbered one.
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

/// Builds the view of a text that has been read.
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

/// The path with the slash that `unix:///path` and a text without a scheme begin with.
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
