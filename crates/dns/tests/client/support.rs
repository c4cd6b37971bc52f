//! Helpers of the tests.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use trunkline_dns::io::Client;
use trunkline_dns::{
    ClientConfig, Families, IpAnswer, LookupError, LookupErrorKind, Name, ServerAttempt,
    ServerOutcome,
};

use crate::message::Asked;
use crate::sim::{Acts, Sim};

pub(crate) const ONE: &str = "10.0.0.1:53";
pub(crate) const TWO: &str = "10.0.0.2:53";

pub(crate) fn config(servers: &[&str]) -> ClientConfig {
    let parse = |server: &&str| server.parse::<SocketAddr>().expect("an address");
    ClientConfig::with_servers(servers.iter().map(parse).collect())
}

pub(crate) fn client(sim: &Sim, config: ClientConfig) -> Client {
    Client::new(Arc::new(sim.clone()), config)
}

/// A simulation with one server and a client of it.
pub(crate) fn one(script: impl FnMut(&Asked) -> Acts + Send + 'static) -> (Sim, Client) {
    let sim = Sim::new();
    sim.server(ONE, script);
    let client = client(&sim, config(&[ONE]));
    (sim, client)
}

/// A simulation with two servers and a client of both.
pub(crate) fn two(
    first: impl FnMut(&Asked) -> Acts + Send + 'static,
    second: impl FnMut(&Asked) -> Acts + Send + 'static,
) -> (Sim, Client) {
    let sim = Sim::new();
    sim.server(ONE, first);
    sim.server(TWO, second);
    let client = client(&sim, config(&[ONE, TWO]));
    (sim, client)
}

pub(crate) fn lookup(sim: &Sim, client: &Client, host: &str) -> Result<IpAnswer, LookupError> {
    sim.run(client.lookup_ip(host, Families::Both))
}

pub(crate) fn lookup4(sim: &Sim, client: &Client, host: &str) -> Result<IpAnswer, LookupError> {
    sim.run(client.lookup_ip(host, Families::Ipv4))
}

/// Returns the addresses of an answer, as text.
pub(crate) fn texts(answer: &IpAnswer) -> Vec<String> {
    answer.addresses.iter().map(ToString::to_string).collect()
}

/// Looks up both families, and compares the addresses or the kind of the error.
#[track_caller]
pub(crate) fn check(
    sim: &Sim,
    client: &Client,
    host: &str,
    expected: Result<&[&str], LookupErrorKind>,
) {
    let result = lookup(sim, client, host);
    let found = result.as_ref().map(texts).map_err(LookupError::kind);
    let expected = expected.map(|list| list.iter().map(|&ip| ip.to_owned()).collect());
    assert_eq!(found, expected, "{result:?}");
}

/// Looks up IPv4 alone, and compares the addresses or the kind of the error.
#[track_caller]
pub(crate) fn check4(
    sim: &Sim,
    client: &Client,
    host: &str,
    expected: Result<&[&str], LookupErrorKind>,
) {
    let result = lookup4(sim, client, host);
    let found = result.as_ref().map(texts).map_err(LookupError::kind);
    let expected = expected.map(|list| list.iter().map(|&ip| ip.to_owned()).collect());
    assert_eq!(found, expected, "{result:?}");
}

pub(crate) fn outcomes(attempts: &[ServerAttempt]) -> Vec<ServerOutcome> {
    attempts.iter().map(|attempt| attempt.outcome).collect()
}

pub(crate) fn names(list: &[&str]) -> Vec<Name> {
    list.iter()
        .map(|text| Name::parse(text).expect("a name"))
        .collect()
}

/// Returns the names that servers were asked for, in order.
pub(crate) fn asked(sim: &Sim) -> Vec<String> {
    sim.seen().into_iter().map(|seen| seen.asked.name).collect()
}

/// A file of one test, which is removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        Self(folder.join(format!("{name}-{}", std::process::id())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Replaces the file, as editors do, so that its inode changes.
    pub(crate) fn write(&self, text: &str) {
        let fresh = self.0.with_extension("fresh");
        fs::write(&fresh, text).expect("a file");
        fs::rename(&fresh, &self.0).expect("a file");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
