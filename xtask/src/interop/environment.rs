//! What the command is told, by its environment.

use super::{Interop, nameserver};
use crate::process::Run;

impl Interop {
    /// Adds to `run`:
    ///
    /// | variable | what |
    /// |---|---|
    /// | `TRUNKLINE_INTEROP_DNS` | address of the zone's DNS server |
    /// | `TRUNKLINE_INTEROP_COREDNS`, `.._NSD` | the same, under its name |
    /// | `TRUNKLINE_INTEROP_UNBOUND`, `.._DNSMASQ` | address of a DNS server that asks it; unset where there is none |
    /// | `TRUNKLINE_INTEROP_NAME` | name of all backends: A records, and SRV records below `_grpc._tcp` |
    /// | `TRUNKLINE_INTEROP_PORT` | port of all backends; they differ in their addresses |
    /// | `TRUNKLINE_INTEROP_ZONE_FILE` | file of the zone: the server reads it again when its serial has changed; unset where it does not |
    /// | `TRUNKLINE_INTEROP_OWN` | address at which the command must serve: the name has it too |
    /// | `TRUNKLINE_INTEROP_GRPC_GO` | address of the grpc-go server; unset where there is none |
    /// | `TRUNKLINE_INTEROP_C_CORE` | address of the C-core server; unset where there is none |
    /// | `TRUNKLINE_INTEROP_CONTROL` | address that answers questions about the servers: [`control`](super::control) |
    pub(super) fn tell(&self, run: Run) -> Run {
        let mut run = run
            .env("TRUNKLINE_INTEROP_DNS", self.dns.address.to_string())
            .env("TRUNKLINE_INTEROP_NAME", self.zone.name())
            .env("TRUNKLINE_INTEROP_PORT", self.own.port().to_string())
            .env("TRUNKLINE_INTEROP_OWN", self.own.to_string())
            .env("TRUNKLINE_INTEROP_CONTROL", self.control.to_string());
        if self.dns.name == nameserver::COREDNS {
            run = run.env("TRUNKLINE_INTEROP_ZONE_FILE", &self.zone.file);
        }
        let nameservers = self
            .nameservers()
            .map(|server| (server.name, server.address));
        for (name, address) in nameservers.chain(self.backends.addresses()) {
            let name = name.to_uppercase().replace('-', "_");
            run = run.env(&format!("TRUNKLINE_INTEROP_{name}"), address.to_string());
        }
        run
    }
}
