//! A backend with several addresses: grpc-go in a process of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::process::Process;
use crate::wrong::Wrong;

/// The header in which a client names itself to the backends.
pub(super) const CLIENT: &str = "x-client";

/// A running backend.
#[derive(Debug)]
pub(super) struct Backend {
    process: Process,
    /// Its addresses, in the order of the arguments.
    pub(super) addresses: Vec<SocketAddr>,
}

/// The connections that one client has made to one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Connections {
    pub(super) accepted: usize,
    /// How many of them are closed.
    pub(super) closed: usize,
}

/// The connections of each client to each address. The client of a connection without a call is empty.
pub(super) type Counts = BTreeMap<(String, SocketAddr), Connections>;

impl Backend {
    /// Starts a backend that listens at these addresses; port 0 takes a free one.
    pub(super) fn start(command: &[String], listen: &[&str]) -> Result<Self, Wrong> {
        let mut args = vec!["backend"];
        for address in listen {
            args.extend(["-listen", address]);
        }
        let (process, ready) = Process::start("a grpc-go backend", command, &args, &[])?;
        let addresses = ready["addresses"].as_array().ok_or("no addresses")?;
        let address = |value: &Value| -> Result<SocketAddr, Wrong> {
            Ok(value.as_str().unwrap_or_default().parse()?)
        };
        let addresses = addresses.iter().map(address).collect::<Result<_, _>>()?;
        Ok(Self { process, addresses })
    }

    /// Ends an address as a host does that is gone: no more connections, and resets on those that it has.
    pub(super) fn cut(&mut self, address: SocketAddr) -> Result<(), Wrong> {
        self.obey("cut", address)
    }

    /// Listens at an address again.
    pub(super) fn listen(&mut self, address: SocketAddr) -> Result<(), Wrong> {
        self.obey("listen", address)
    }

    fn obey(&mut self, command: &str, address: SocketAddr) -> Result<(), Wrong> {
        let command = json!({"command": command, "address": address.to_string()});
        self.process.ask(&command, "done").map(drop)
    }

    /// Returns the connections since the start.
    pub(super) fn counts(&mut self) -> Result<Counts, Wrong> {
        let answer = self.process.ask(&json!({"command": "counts"}), "counts")?;
        let mut counts = Counts::new();
        for connection in answer["connections"].as_array().into_iter().flatten() {
            let text = |field: &str| connection[field].as_str().unwrap_or_default();
            let key = (text("client").to_owned(), text("address").parse()?);
            let found: &mut Connections = counts.entry(key).or_default();
            found.accepted += 1;
            found.closed += usize::from(connection["closed"] == true);
        }
        Ok(counts)
    }
}
