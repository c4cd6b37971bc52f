//! The addresses and names that `cargo xtask interop` passes in environment variables.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::wrong::Wrong;

/// The servers that `cargo xtask interop` has started, and where this program listens.
#[derive(Debug)]
pub(crate) struct Environment {
    /// The DNS server that is authoritative for the zone.
    pub(crate) dns: SocketAddr,
    /// All DNS servers by name, the authoritative one first.
    pub(crate) nameservers: Vec<(&'static str, SocketAddr)>,
    /// The DNS name that has the addresses of all gRPC servers.
    pub(crate) name: String,
    /// The zone file; `None` if the DNS server does not read it again after a change.
    pub(crate) zone_file: Option<PathBuf>,
    /// The address that the backend of this program listens on.
    pub(crate) own: SocketAddr,
    /// The gRPC servers of other projects, by name.
    pub(crate) others: Vec<(&'static str, SocketAddr)>,
    /// The control connection to the process that runs them.
    pub(crate) control: SocketAddr,
}

impl Environment {
    /// Reads the environment variables that begin with `TRUNKLINE_INTEROP_`.
    pub(crate) fn read() -> Result<Self, Wrong> {
        Ok(Self {
            dns: required("DNS")?,
            nameservers: those_of(&["coredns", "nsd", "unbound", "dnsmasq"])?,
            name: required("NAME")?,
            zone_file: optional("ZONE_FILE")?,
            own: required("OWN")?,
            others: those_of(&["grpc-go", "c-core"])?,
            control: required("CONTROL")?,
        })
    }

    /// Returns the zone that the name is in.
    pub(crate) fn zone(&self) -> &str {
        self.name.split_once('.').map_or("", |(_, zone)| zone)
    }

    /// Returns the port that all gRPC servers listen on.
    pub(crate) fn port(&self) -> u16 {
        self.own.port()
    }
}

/// Returns the servers of this list that were started, with their addresses.
fn those_of(names: &[&'static str]) -> Result<Vec<(&'static str, SocketAddr)>, Wrong> {
    let mut servers = Vec::new();
    for name in names {
        let variable = name.to_uppercase().replace('-', "_");
        if let Some(address) = optional(&variable)? {
            servers.push((*name, address));
        }
    }
    Ok(servers)
}

/// Reads a variable, which must be set.
fn required<T>(name: &str) -> Result<T, Wrong>
where
    T: FromStr<Err: std::fmt::Display>,
{
    optional(name)?.ok_or_else(|| {
        format!("TRUNKLINE_INTEROP_{name} is not set: run `cargo xtask interop`, which starts the servers").into()
    })
}

/// Reads a variable; `None` if it is not set.
pub(crate) fn optional<T>(name: &str) -> Result<Option<T>, Wrong>
where
    T: FromStr<Err: std::fmt::Display>,
{
    let name = format!("TRUNKLINE_INTEROP_{name}");
    let Some(value) = std::env::var_os(&name) else {
        return Ok(None);
    };
    let text = value.to_string_lossy();
    match text.parse() {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(format!("{name} is `{text}`: {error}").into()),
    }
}
