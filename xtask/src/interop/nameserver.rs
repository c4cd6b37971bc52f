//! The DNS server: CoreDNS where there is Go, else nsd.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::Command;

use super::build;
use super::server::Server;
use super::zone::{ZONE, Zone};
use crate::context::Context;
use crate::failure::Failure;

/// The name of the one that reads a changed zone by itself.
pub(super) const COREDNS: &str = "coredns";

/// Starts one on a free port of loopback.
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

/// Starts nsd. It reads a changed zone only when it is told to (`nsd-control`).
fn nsd(context: &Context, folder: &Path, zone: &Zone) -> Result<Server, Failure> {
    if context.run("nsd -v").finish().is_err() {
        return Err(Failure::new("neither Go nor nsd is on this machine")
            .remedy("install Go, or the system's package nsd"));
    }
    let address = free_port()
        .map_err(|error| Failure::new(format!("no port is free for both UDP and TCP: {error}")))?;
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
    // nsd logs to standard error alone, and says there when it is ready.
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec nsd -d -V 1 -c \"$0\" 2>&1"])
        .arg(&config);
    Server::start_foreign("nsd", command, folder, address, "nsd started")
}

/// An address on loopback that was free for both UDP and TCP a moment ago.
fn free_port() -> std::io::Result<SocketAddr> {
    let mut last = None;
    for _ in 0..10 {
        let stream = TcpListener::bind("127.0.0.1:0")?;
        let address = stream.local_addr()?;
        match UdpSocket::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into()))
}
