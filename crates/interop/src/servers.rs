//! The gRPC servers: two of other projects, and one of this program.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use trunkline_testkit::backend::{Backend, Counters, Options, Program};

use crate::clock::LIMIT;
use crate::environment::Environment;
use crate::server_control::ServerControl;
use crate::wrong::Wrong;

/// The name of this program's own server, whose code tonic generates.
pub(crate) const OWN: &str = "tonic";

/// All gRPC servers.
#[derive(Debug)]
pub(crate) struct Servers {
    control: ServerControl,
    own: Backend,
    addresses: BTreeMap<&'static str, SocketAddr>,
}

/// The counters of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Calls of `SayHello`.
    pub(crate) calls: u64,
    /// Connections accepted and closed; `None` for C-core, which does not count them.
    pub(crate) connections: Option<(u64, u64)>,
}

impl Servers {
    /// Starts the own server, and connects to the control of the others.
    pub(crate) fn start(environment: &Environment) -> Result<Self, Wrong> {
        if environment.own.ip() != Ipv4Addr::LOCALHOST {
            return Err(format!("cannot serve on {}: only on 127.0.0.1", environment.own).into());
        }
        let mut addresses: BTreeMap<_, _> = environment.others.iter().copied().collect();
        addresses.insert(OWN, environment.own);
        Ok(Self {
            control: ServerControl::connect(environment.control)?,
            own: own(environment.port())?,
            addresses,
        })
    }

    /// Returns the names of the servers, sorted.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.addresses.keys().copied().collect()
    }

    /// Returns the address that a server listens on.
    pub(crate) fn address(&self, name: &str) -> Result<SocketAddr, Wrong> {
        let address = self.addresses.get(name).copied();
        address.ok_or_else(|| format!("there is no server {name}").into())
    }

    /// Returns the counters of a server since its start.
    pub(crate) fn count(&mut self, name: &str) -> Result<Counts, Wrong> {
        if name == OWN {
            return Ok(Counts::of(self.own.stats()?));
        }
        Ok(Counts::read(&self.control.ask("counts", name)?))
    }

    /// Returns the counters of each server since its start.
    pub(crate) fn counts(&mut self) -> Result<BTreeMap<&'static str, Counts>, Wrong> {
        let names = self.names();
        let each = names.into_iter();
        each.map(|name| Ok((name, self.count(name)?))).collect()
    }

    /// Stops a server by SIGTERM, waits for its end, and returns its last counters.
    pub(crate) fn terminate(&mut self, name: &str) -> Result<Counts, Wrong> {
        if name != OWN {
            return Ok(Counts::read(&self.control.ask("terminate", name)?));
        }
        self.own.sigterm()?;
        let exit = self.own.wait(LIMIT)?;
        let counters = exit
            .counters
            .ok_or_else(|| format!("{OWN} ended with {}, without a last word", exit.status))?;
        Ok(Counts::of(counters))
    }

    /// Ends a server by SIGKILL. Its connections are closed when this returns.
    pub(crate) fn kill(&mut self, name: &str) -> Result<(), Wrong> {
        if name == OWN {
            self.own.kill()?;
        } else {
            self.control.ask("kill", name)?;
        }
        Ok(())
    }

    /// Starts a server again at the same address; its counters begin at 0.
    pub(crate) fn restart(&mut self, name: &str) -> Result<(), Wrong> {
        if name == OWN {
            self.own = own(self.own.port())?;
        } else {
            self.control.ask("start", name)?;
        }
        Ok(())
    }
}

impl Counts {
    /// Returns the number of open connections.
    pub(crate) fn open(&self) -> Option<u64> {
        let open = |(accepts, closes): (u64, u64)| accepts.saturating_sub(closes);
        self.connections.map(open)
    }

    /// Returns the number of closed connections.
    pub(crate) fn closes(&self) -> Option<u64> {
        self.connections.map(|(_, closes)| closes)
    }

    /// Returns the counts of this program's own server.
    fn of(counters: Counters) -> Self {
        let total = counters.total();
        Self {
            calls: total.answers,
            connections: Some((total.accepts, total.closes)),
        }
    }

    /// Reads the counts in an answer of the control connection.
    fn read(answer: &Value) -> Self {
        Self {
            // Before the first call the method is missing in the answer.
            calls: answer["calls"]["/helloworld.Greeter/SayHello"]
                .as_u64()
                .unwrap_or(0),
            connections: answer["accepts"].as_u64().zip(answer["closes"].as_u64()),
        }
    }
}

/// Starts this program's own server.
fn own(port: u16) -> Result<Backend, Wrong> {
    let options = Options {
        port,
        ipv6: false,
        ..Options::new(OWN)
    };
    Ok(Backend::start(&Program::ThisProgram, &options)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_are_read() {
        let calls = json!({"/helloworld.Greeter/SayHello": 3});
        let answer = json!({"event": "counts", "calls": calls, "accepts": 2, "closes": 1});
        let counts = Counts {
            calls: 3,
            connections: Some((2, 1)),
        };
        assert_eq!(Counts::read(&answer), counts);
        assert_eq!(Counts::read(&json!({"calls": {}})), Counts::default());
    }
}
