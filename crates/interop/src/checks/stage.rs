//! The servers and clients that the checks share.

use std::net::SocketAddr;

use crate::clients::{Client, NamedRuntime};
use crate::environment::Environment;
use crate::servers::{OWN, Servers};
use crate::traffic::Traffic;
use crate::wrong::Wrong;
use crate::zone::Zone;

/// The servers, the zone and the runtimes of all checks.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(super) environment: Environment,
    pub(super) servers: Servers,
    /// The zone file; `None` if the DNS server does not read it again after a change.
    pub(super) zone: Option<Zone>,
    pub(super) runtimes: &'a [NamedRuntime; 3],
}

impl<'a> Stage<'a> {
    /// Reads the environment, and starts this program's own server.
    pub(crate) fn start(runtimes: &'a [NamedRuntime; 3]) -> Result<Self, Wrong> {
        let environment = Environment::read()?;
        let zone = environment.zone_file.clone();
        let zone = zone.map(|file| Zone::read(file, &environment.name));
        Ok(Self {
            servers: Servers::start(&environment)?,
            zone: zone.transpose()?,
            environment,
            runtimes,
        })
    }

    /// Returns the targets that resolve to all servers, under `dns` and `srv`, each with the DNS server
    /// in it.
    pub(super) fn targets(&self) -> [String; 2] {
        let environment = &self.environment;
        let (dns, name) = (environment.dns, &environment.name);
        [
            format!("dns://{dns}/{name}:{}", environment.port()),
            format!("srv://{dns}/_grpc._tcp.{name}"),
        ]
    }

    /// Returns the servers with their addresses, this program's own first.
    pub(super) fn all(&self) -> Vec<(&'static str, SocketAddr)> {
        let mut all = vec![(OWN, self.environment.own)];
        all.extend(&self.environment.others);
        all
    }

    /// Starts calls to `target` on each runtime, `rate` a second.
    pub(super) fn traffic(&self, target: &str, rate: u32) -> Result<Vec<Traffic>, Wrong> {
        let each = self.runtimes.iter();
        each.map(|on| Ok(Traffic::start(Client::new(target, on)?, rate)))
            .collect()
    }
}
