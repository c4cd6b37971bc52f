//! DNS servers that forward to the server of the zone: unbound resolves names for its clients and
//! caches the answers, dnsmasq forwards the queries and caches the answers.
//!
//! Both answer for names below `local` in the zone from their own configuration.

use std::net::SocketAddr;
use std::path::Path;

use super::nameserver::free_port;
use super::packages::Packages;
use super::server::Server;
use super::zone::ZONE;
use crate::context::Context;
use crate::failure::Failure;

/// Starts the servers that are available. They query only the server at `zone`.
pub(super) fn start(
    context: &Context,
    folder: &Path,
    zone: SocketAddr,
    missing: &mut Vec<String>,
) -> Result<Vec<Server>, Failure> {
    let packages = Packages::get(context);
    let mut servers = Vec::new();
    for forwarder in [UNBOUND, DNSMASQ] {
        let name = forwarder.name;
        match packages.command(context, name) {
            Ok(mut command) => {
                let address = free_port()?;
                let config = folder.join(format!("{name}.conf"));
                let text = (forwarder.config)(address, zone);
                std::fs::write(&config, text).map_err(|error| {
                    Failure::new(format!("cannot write {}: {error}", config.display()))
                })?;
                command.args(forwarder.args).arg(&config);
                let ready = forwarder.ready;
                let server = Server::start_foreign(name, command, folder, address, ready);
                servers.push(server.map_err(|failure| packages.explain(failure))?);
            }
            Err(why) => missing.push(format!("{name}: {why}")),
        }
    }
    Ok(servers)
}

struct Forwarder {
    name: &'static str,
    /// Options to stay in the foreground, and to read the configuration from the file that follows.
    args: &'static [&'static str],
    /// Text in its log when it is ready.
    ready: &'static str,
    /// Returns the configuration for its own address and the address of the zone's server.
    config: fn(SocketAddr, SocketAddr) -> String,
}

const UNBOUND: Forwarder = Forwarder {
    name: "unbound",
    args: &["-d", "-c"],
    ready: "start of service",
    config: unbound,
};

const DNSMASQ: Forwarder = Forwarder {
    name: "dnsmasq",
    args: &["--keep-in-foreground", "-C"],
    ready: "started, version",
    config: dnsmasq,
};

/// Returns a configuration that refuses names outside of the zone, so it never queries the root. It
/// has no validator, because the zone is not signed.
fn unbound(own: SocketAddr, zone: SocketAddr) -> String {
    let at = |address: SocketAddr| format!("{}@{}", address.ip(), address.port());
    format!(
        r#"server:
  interface: {own}
  outgoing-interface: {own_ip}
  do-not-query-localhost: no
  module-config: "iterator"
  num-threads: 1
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  local-zone: "." refuse
  local-zone: "{ZONE}." transparent
  local-zone: "local.{ZONE}." static
  local-data: "host.local.{ZONE}. A 127.0.0.8"
  local-data: "host.local.{ZONE}. AAAA ::8"
  local-data: "_sip._tcp.host.local.{ZONE}. SRV 1 2 5060 host.local.{ZONE}."
remote-control:
  control-enable: no
stub-zone:
  name: "{ZONE}."
  stub-addr: {zone}
"#,
        own = at(own),
        own_ip = own.ip(),
        zone = at(zone),
    )
}

/// Returns a configuration that refuses names outside of the zone.
fn dnsmasq(own: SocketAddr, zone: SocketAddr) -> String {
    format!(
        "listen-address={own_ip}
port={own_port}
bind-interfaces
user=
group=
pid-file=
log-facility=-
no-resolv
no-hosts
server=/{ZONE}/{zone_ip}#{zone_port}
local=/local.{ZONE}/
host-record=host.local.{ZONE},127.0.0.8,::8
srv-host=_sip._tcp.host.local.{ZONE},host.local.{ZONE},5060,1,2
",
        own_ip = own.ip(),
        own_port = own.port(),
        zone_ip = zone.ip(),
        zone_port = zone.port(),
    )
}
