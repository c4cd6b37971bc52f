//! `trunkline resolve` among servers that lie, fail, are silent, or are not there: the answer is
//! correct, comes without a wait that nobody needs, and an error says who did what.

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

/// What an honest server has for each name.
const V4: [u8; 4] = [192, 0, 2, 1];
const V6: &str = "2001:db8::1";
/// The same, as the command prints it.
const BOTH: [&str; 2] = ["192.0.2.1:1", "[2001:db8::1]:1"];
/// What nobody should be told.
const EVIL: [u8; 4] = [6, 6, 6, 6];

/// What a server makes of a query.
type Made<T> = fn(&Query) -> T;

/// What the command said about `dns:///NAME:1`.
#[derive(Debug)]
struct Told {
    status: i32,
    object: Value,
}

/// Resolves `name` with these servers, these further lines of a `resolv.conf`, and no hosts.
fn resolve(servers: &[SocketAddr], lines: &str, name: &str) -> Told {
    resolve_target(servers, lines, "", &[&format!("dns:///{name}:1")])
}

/// The same, with a hosts file and arguments of one's own.
fn resolve_target(servers: &[SocketAddr], lines: &str, hosts: &str, args: &[&str]) -> Told {
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
    // The order of the servers, so that what is printed does not depend on this machine's routes.
    let common = ["--no-sort", "--resolv-conf", &conf, "--hosts", &hosts];
    let (status, object) = object(&[&["resolve"], args, &common].concat());
    std::fs::remove_dir_all(&folder).expect("a clean end");
    Told { status, object }
}

fn write(folder: &std::path::Path, name: &str, text: &str) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("UTF-8").to_owned()
}

impl Told {
    /// The addresses, in order.
    fn addresses(&self) -> Vec<&str> {
        let endpoints = self.object["endpoints"].as_array();
        let endpoints = endpoints.map_or(&[][..], Vec::as_slice);
        let addresses = endpoints.iter().map(|endpoint| &endpoint["addresses"][0]);
        addresses.filter_map(Value::as_str).collect()
    }

    /// The kind of the error; empty where there is none.
    fn kind(&self) -> &str {
        self.object["error"]["kind"].as_str().unwrap_or_default()
    }

    /// What the servers did with the questions of one type, in order.
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

    /// These addresses and nothing missing.
    #[track_caller]
    fn expect(&self, what: &str, addresses: &[&str]) {
        assert_eq!(self.status, 0, "{what}: {self:?}");
        assert_eq!(self.addresses(), addresses, "{what}: {self:?}");
        assert!(!self.is_partial(), "{what}: {self:?}");
    }

    /// An error of this kind, which the servers caused with these outcomes for A.
    #[track_caller]
    fn expect_error(&self, what: &str, kind: &str, outcomes: &[&str]) {
        assert_eq!((self.status, self.kind()), (1, kind), "{what}: {self:?}");
        assert_eq!(self.outcomes("A"), outcomes, "{what}: {self:?}");
    }
}

/// A server that does the same with every question.
fn server(reply: Reply) -> DnsServer {
    let server = DnsServer::start().expect("a DNS server");
    server.set_default(reply);
    server
}

/// A server that answers every question for an address.
fn honest() -> DnsServer {
    server(telling(|query| vec![truth(query)]))
}

fn telling(forge: impl Fn(&Query) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Reply {
    Reply::forged(forge)
}

/// The message of an honest server.
fn truth(query: &Query) -> Vec<u8> {
    let v6: Data = Data::Aaaa(V6.parse().expect("an address"));
    let data = match query.record_type {
        Type::A => vec![Data::A(V4.into())],
        Type::AAAA => vec![v6],
        _ => Vec::new(),
    };
    message(query, &Reply::data(60, data))
}

/// A message that would be an answer, and a lie.
fn lie(query: &Query) -> Vec<u8> {
    message(query, &Reply::data(60, [evil(query.record_type)]))
}

/// An address of the liar's.
fn evil(record_type: Type) -> Data {
    match record_type {
        Type::AAAA => Data::Aaaa("2001:db8::6666".parse().expect("an address")),
        _ => Data::A(EVIL.into()),
    }
}

/// A record of the liar's, owned by the name that was asked for.
fn evil_record(query: &Query) -> Record {
    Record::new(evil(query.record_type))
}

/// The message that a server makes of this reply.
fn message(query: &Query, reply: &Reply) -> Vec<u8> {
    let mut script = Script::default();
    script.set_default(reply.clone());
    let response = script.respond(&query.message, query.transport, query.from);
    let mut messages = response.expect("a query").messages;
    messages.pop().expect("a message")
}

/// With these octets at this offset.
fn patched(mut message: Vec<u8>, at: usize, octets: &[u8]) -> Vec<u8> {
    message[at..at + octets.len()].copy_from_slice(octets);
    message
}
