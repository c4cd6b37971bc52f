//! The environment variables for the command.

use super::{Interop, nameserver};
use crate::process::Run;

impl Interop {
    /// Adds to `run`:
    ///
    /// | variable | value |
    /// |---|---|
    /// | `TRUNKLINE_INTEROP_DNS` | address of the DNS server of the zone |
    /// | `TRUNKLINE_INTEROP_COREDNS`, `.._NSD` | the same, under the server's name |
    /// | `TRUNKLINE_INTEROP_UNBOUND`, `.._DNSMASQ` | address of a DNS server that forwards to it; unset if there is none |
    /// | `TRUNKLINE_INTEROP_NAME` | name of all backends: A records, and SRV records below `_grpc._tcp` |
    /// | `TRUNKLINE_INTEROP_PORT` | port of all backends, which have different addresses |
    /// | `TRUNKLINE_INTEROP_ZONE_FILE` | file of the zone, which the server reads again when the serial has changed; unset if the server does not do so |
    /// | `TRUNKLINE_INTEROP_OWN` | address at which the command must serve; it is one of the name's addresses |
    /// | `TRUNKLINE_INTEROP_GRPC_GO` | address of the grpc-go server; unset if there is none |
    /// | `TRUNKLINE_INTEROP_C_CORE` | address of the C-core server; unset if there is none |
    /// | `TRUNKLINE_INTEROP_CONTROL` | address of the control connection: [`control`](super::control) |
    pub(super) fn with_environment(&self, run: Run) -> Run {
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
