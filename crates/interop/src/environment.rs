//! What `cargo xtask interop` tells of what it started.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::wrong::Wrong;

/// Where everything is.
#[derive(Debug)]
pub(crate) struct Environment {
    /// The zone's own DNS server.
    pub(crate) dns: SocketAddr,
    /// All DNS servers, the zone's own first.
    pub(crate) nameservers: Vec<(&'static str, SocketAddr)>,
    /// The name that all servers have.
    pub(crate) name: String,
    /// The zone's file; none where the DNS server does not read it again.
    pub(crate) zone_file: Option<PathBuf>,
    /// Where this program serves.
    pub(crate) own: SocketAddr,
    /// The servers that are not ours.
    pub(crate) others: Vec<(&'static str, SocketAddr)>,
    /// Who stops, starts and asks them.
    pub(crate) control: SocketAddr,
}

impl Environment {
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

    /// The zone that the name is in.
    pub(crate) fn zone(&self) -> &str {
        self.name.split_once('.').map_or("", |(_, zone)| zone)
    }

    /// Everybody's port.
    pub(crate) fn port(&self) -> u16 {
        self.own.port()
    }
}

/// Those of these servers that were started.
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

fn required<T>(name: &str) -> Result<T, Wrong>
where
    T: FromStr<Err: std::fmt::Display>,
{
    optional(name)?.ok_or_else(|| {
        format!("TRUNKLINE_INTEROP_{name} is not set: run `cargo xtask interop`, which starts the servers").into()
    })
}

fn optional<T>(name: &str) -> Result<Option<T>, Wrong>
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
