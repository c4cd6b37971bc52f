//! Tests of `trunkline resolve` with DNS servers that forge answers, fail, are silent, or do not
//! exist. The answer is correct and comes without an unnecessary wait; an error names each server
//! and what it did.

mod answers;
mod datagrams;
mod names;
mod servers;
mod transport;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use trunkline_testkit::dns::{Data, DnsServer, Query, Record, Reply, Script, Type};

use crate::command::object;

/// The IPv4 address that an honest server has for every name.
const V4: [u8; 4] = [192, 0, 2, 1];
/// The IPv6 address that an honest server has for every name.
const V6: &str = "2001:db8::1";
/// Both addresses, as the command prints them.
const BOTH: [&str; 2] = ["192.0.2.1:1", "[2001:db8::1]:1"];
/// An address that is only in forged records, and must not be printed.
const EVIL: [u8; 4] = [6, 6, 6, 6];

/// Makes a `T` from a query.
type FromQuery<T> = fn(&Query) -> T;

/// The exit status and the object that the command printed.
#[derive(Debug)]
struct CommandResult {
    status: i32,
    object: Value,
}

/// Resolves `dns:///NAME:1` with these servers, further lines for `resolv.conf`, and no hosts.
fn resolve(servers: &[SocketAddr], lines: &str, name: &str) -> CommandResult {
    resolve_target(servers, lines, "", &[&format!("dns:///{name}:1")])
}

/// Runs `trunkline resolve` with these servers, further lines for `resolv.conf`, the text of a hosts
/// file, and arguments.
fn resolve_target(
    servers: &[SocketAddr],
    lines: &str,
    hosts: &str,
    args: &[&str],
) -> CommandResult {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = format!(
        "trunkline-hostile-{}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let folder = std::env::temp_dir().join(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let named = servers
        .iter()
        .map(|server| format!("nameserver {server}\n"));
    let conf = write(&folder, "resolv.conf", &(named.collect::<String>() + lines));
    let hosts = write(&folder, "hosts", hosts);
    // `--no-sort`, so that the order of the addresses does not depend on this machine's routes.
    let common = ["--no-sort", "--resolv-conf", &conf, "--hosts", &hosts];
    let (status, object) = object(&[&["resolve"], args, &common].concat());
    std::fs::remove_dir_all(&folder).expect("the test removes its files");
    CommandResult { status, object }
}

fn write(folder: &std::path::Path, name: &str, text: &str) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

impl CommandResult {
    /// Returns the first address of each endpoint, in order.
    fn addresses(&self) -> Vec<&str> {
        let endpoints = self.object["endpoints"].as_array();
        let endpoints = endpoints.map_or(&[][..], Vec::as_slice);
        let addresses = endpoints.iter().map(|endpoint| &endpoint["addresses"][0]);
        addresses.filter_map(Value::as_str).collect()
    }

    /// Returns the kind of the error; empty without an error.
    fn kind(&self) -> &str {
        self.object["error"]["kind"].as_str().unwrap_or_default()
    }

    /// Returns the outcomes of the queries for one record type, in order.
    fn outcomes(&self, record_type: &str) -> Vec<&str> {
        let servers = self.object["error"]["servers"].as_array();
        let servers = servers.map_or(&[][..], Vec::as_slice).iter();
        let asked = servers.filter(|server| server["type"] == record_type);
        asked
            .filter_map(|server| server["outcome"].as_str())
            .collect()
    }

    fn is_partial(&self) -> bool {
        self.object["partial"] == true
    }

    /// Asserts success with these addresses, and that the answer is not partial.
    #[track_caller]
    fn expect(&self, what: &str, addresses: &[&str]) {
        assert_eq!(self.status, 0, "{what}: {self:?}");
        assert_eq!(self.addresses(), addresses, "{what}: {self:?}");
        assert!(!self.is_partial(), "{what}: {self:?}");
    }

    /// Asserts an error of this kind, with these outcomes of the queries for A.
    #[track_caller]
    fn expect_error(&self, what: &str, kind: &str, outcomes: &[&str]) {
        assert_eq!((self.status, self.kind()), (1, kind), "{what}: {self:?}");
        assert_eq!(self.outcomes("A"), outcomes, "{what}: {self:?}");
    }
}

/// Starts a server that gives the same reply to every query.
fn server(reply: Reply) -> DnsServer {
    let server = DnsServer::start().expect("a DNS server");
    server.set_default(reply);
    server
}

/// Starts a server that answers every query for an address.
fn honest() -> DnsServer {
    server(replying(|query| vec![truth(query)]))
}

fn replying(forge: impl Fn(&Query) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Reply {
    Reply::forged(forge)
}

/// Returns the reply of an honest server.
fn truth(query: &Query) -> Vec<u8> {
    let v6: Data = Data::Aaaa(V6.parse().expect("an address"));
    let data = match query.record_type {
        Type::A => vec![Data::A(V4.into())],
        Type::AAAA => vec![v6],
        _ => Vec::new(),
    };
    message(query, &Reply::data(60, data))
}

/// Returns a reply that answers the query with a forged address.
fn lie(query: &Query) -> Vec<u8> {
    message(query, &Reply::data(60, [evil(query.record_type)]))
}

/// Returns the data of a forged address record.
fn evil(record_type: Type) -> Data {
    match record_type {
        Type::AAAA => Data::Aaaa("2001:db8::6666".parse().expect("an address")),
        _ => Data::A(EVIL.into()),
    }
}

/// Returns a forged address record whose owner is the name asked.
fn evil_record(query: &Query) -> Record {
    Record::new(evil(query.record_type))
}

/// Returns the bytes with which a server sends this reply.
fn message(query: &Query, reply: &Reply) -> Vec<u8> {
    let mut script = Script::default();
    script.set_default(reply.clone());
    let response = script.respond(&query.message, query.transport, query.from);
    let mut messages = response.expect("a query").messages;
    messages.pop().expect("a message")
}

/// Replaces the bytes from the offset `at` on.
fn patched(mut message: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    message[at..at + bytes.len()].copy_from_slice(bytes);
    message
}
