//! The DNS server of the zone: CoreDNS if Go is installed, else nsd.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

use super::build;
use super::server::{Server, logging};
use super::zone::{ZONE, Zone};
use crate::context::Context;
use crate::failure::Failure;

/// The name of the server that reads a changed zone by itself.
pub(super) const COREDNS: &str = "coredns";

/// Starts the server on a free port of loopback.
pub(super) fn start(
    context: &Context,
    folder: &Path,
    zone: &Zone,
    missing: &mut Vec<String>,
) -> Result<Server, Failure> {
    match build::coredns(context)? {
        Ok((program, _)) => {
            let mut command = Command::new(program);
            command.args(["-zone", ZONE, "-file"]).arg(&zone.file);
            Server::start(COREDNS, command, folder)
        }
        Err(why) => {
            missing.push(format!("coredns: {why}; nsd in its place"));
            nsd(context, folder, zone)
        }
    }
}

/// Starts nsd. It reads a changed zone only on request (`nsd-control`).
fn nsd(context: &Context, folder: &Path, zone: &Zone) -> Result<Server, Failure> {
    if context.run("nsd -v").finish().is_err() {
        return Err(Failure::new("neither Go nor nsd is on this machine")
            .remedy("install Go, or the system's package nsd"));
    }
    let address = free_port()?;
    let config = folder.join("nsd.conf");
    let text = format!(
        "server:\n ip-address: {}@{}\n username: \"\"\n pidfile: \"\"\n database: \"\"\n \
         zonesdir: \"{folder}\"\n xfrdfile: \"{folder}/nsd.xfrd\"\n zonelistfile: \"{folder}/nsd.zones\"\n \
         server-count: 1\nremote-control:\n control-enable: no\nzone:\n name: {ZONE}\n zonefile: \"{}\"\n",
        address.ip(),
        address.port(),
        zone.file.display(),
        folder = folder.display(),
    );
    std::fs::write(&config, text)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", config.display())))?;
    let mut command = logging(Path::new("nsd"));
    command.args(["-d", "-V", "1", "-c"]).arg(&config);
    Server::start_foreign("nsd", command, folder, address, "nsd started")
}

/// Returns an address on loopback that was free for both UDP and TCP a moment ago.
pub(super) fn free_port() -> Result<SocketAddr, Failure> {
    let free = || {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        UdpSocket::bind(address)?.local_addr()
    };
    let found = (0..10).find_map(|_| free().ok());
    found
        .map_or_else(free, Ok)
        .map_err(|error| Failure::new(format!("no port is free for both UDP and TCP: {error}")))
}
