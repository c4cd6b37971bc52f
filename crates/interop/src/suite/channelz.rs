//! A foreign client of channelz reads the channels of this program, while they make calls and after that. It
//! is no part of gRPC's suite.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};
use trunkline::Tls;
use trunkline_channelz::Channelz;
use trunkline_testkit::backend::{Backend, Options, Program};
use trunkline_testkit::closed::ClosedTcp;

use super::admin_server::AdminServer;
use super::cases::MAX_STREAMS;
use super::certificates::Certificates;
use super::foreign::command;
use super::proto::SimpleRequest;
use super::reader::Reader;
use super::stub::{Place, Stub};
use super::tonic_server::TonicServer;
use crate::clients::{Client, NamedRuntime};
use crate::clock::until;
use crate::traffic::{Traffic, more};
use crate::wrong::Wrong;

/// The calls per second of each channel.
const RATE: u32 = 100;

/// The calls that each channel makes before the first reading, and between two.
const CALLS: u64 = 50;

/// The concurrent streams that a backend allows.
const BACKEND_STREAMS: u32 = 1_000;

/// The most channels of a page: fewer than there are.
const PAGE: usize = 2;

/// Reads the channels with the stubs of grpcio-channelz, compares them with what the clients and the servers
/// counted, and prints the result.
///
/// # Errors
///
/// When the client reads something else.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let command = match command("channelz")? {
        Ok(command) => command,
        Err(why) => {
            println!("skipped: the channelz client of grpcio: {why}");
            return Ok(());
        }
    };
    let channelz = Channelz::new();
    let admin = AdminServer::start(channelz.service())?;
    let reader = Reader {
        name: "channelz",
        command,
        address: admin.address,
    };
    let page = PAGE.to_string();
    let read = || reader.read(&["--page-size", &page]);
    let start = |name| Backend::start(&Program::ThisProgram, &Options::new(name));
    let mut backends = [start("a")?, start("b")?];
    let program = Channels::start(&channelz, runtimes, &backends)?;

    more(&program.loaded, CALLS)?;
    let during = read()?;
    program.check_during(&during)?;
    more(&program.loaded, CALLS)?;
    for traffic in &program.loaded {
        traffic.settle()?;
        traffic.none_lost("both backends run")?;
    }

    let expected = program.expected();
    let mut found = Value::Null;
    // The numbers of a connection follow its calls by a moment.
    let compared = until("channelz shows what the clients counted", || {
        found = program.comparable(read()?);
        Ok(found == expected)
    });
    compared.map_err(|wrong| format!("{wrong}\nexpected {expected}\nfound    {found}"))?;
    let calls = program.compare_with_servers(&mut backends, &expected)?;
    drop(program);
    until("channels that ended disappear", || {
        Ok(read()?["channels"] == json!([]))
    })?;
    println!(
        "the stubs of grpcio-channelz read 7 channels in pages of {PAGE}, over plaintext and TLS, with their subchannels and sockets: {calls} calls, as the clients and the servers counted them; none is left when they have ended"
    );
    Ok(())
}

/// The channels of this program, in the order in which they were built.
struct Channels {
    /// Each balances calls over both backends.
    loaded: Vec<Traffic>,
    /// The addresses of the backends, and of the server with TLS.
    backends: [SocketAddr; 2],
    server: TonicServer,
    /// The server's certificate in hexadecimal digits.
    certificate: String,
    /// A channel with one call, by TLS.
    _secure: Stub,
    /// A channel to an address where nothing listens, with one call.
    _failing: Client,
    nowhere: ClosedTcp,
    /// A channel without a call.
    _unused: Client,
}

impl Channels {
    fn start(
        channelz: &Channelz,
        runtimes: &[NamedRuntime; 3],
        backends: &[Backend; 2],
    ) -> Result<Self, Wrong> {
        let [a, b] = backends.each_ref().map(Backend::address_v4);
        let client = |target: &str, on| {
            Client::new_with(target, on, |builder| builder.telemetry(channelz.clone()))
        };
        let mut loaded = Vec::new();
        for on in runtimes.iter().chain(&runtimes[..1]) {
            let client = client(&format!("ipv4:{a},{b}"), on)?;
            loaded.push(Traffic::start(client, RATE));
        }

        let certificates = Certificates::make()?;
        let server = TonicServer::start(&certificates)?;
        let tls = Tls::new().with_ca_pem(certificates.root_pem());
        let place = Place::several(&[server.addresses.tls], Some(tls));
        let on = &runtimes[0];
        let secure = Stub::new_with(&place, on, |builder| builder.telemetry(channelz.clone()))?;
        let mut tests = secure.tests();
        let call = async move { tests.unary_call(SimpleRequest::default()).await };
        on.wait(call)?.map_err(|status| status.to_string())?;
        let certificate = certificates.server.chain.first();
        let certificate = certificate.ok_or("no certificate")?.iter();

        let nowhere = ClosedTcp::new()?;
        let address = nowhere.address();
        let failing = client(&format!("ipv4:{address}"), on)?;
        if let Ok(peer) = failing.greet_now() {
            return Err(
                format!("a call to {address}, where nothing listens, reached {peer}").into(),
            );
        }
        Ok(Self {
            loaded,
            backends: [a, b],
            server,
            certificate: certificate.map(|byte| format!("{byte:02x}")).collect(),
            _secure: secure,
            _failing: failing,
            nowhere,
            _unused: client("ipv4:127.0.0.1:1", on)?,
        })
    }

    /// Checks what is true while calls are made.
    fn check_during(&self, found: &Value) -> Result<(), Wrong> {
        let channels = found["channels"].as_array().ok_or("no channels")?;
        for channel in &channels[..self.loaded.len()] {
            let calls = &channel["calls"];
            let [started, succeeded, failed] = [0, 1, 2].map(|at| calls[at].as_u64());
            let ready = channel["state"] == "READY";
            if !ready || failed != Some(0) || started < Some(CALLS) || succeeded > started {
                return Err(format!("while calls are made: {channel}").into());
            }
        }
        Ok(())
    }

    /// Returns what the client reads once all calls have ended.
    fn expected(&self) -> Value {
        let loaded = self
            .loaded
            .iter()
            .map(|traffic| self.expected_loaded(traffic));
        let mut channels: Vec<Value> = loaded.collect();
        let secure = self.server.addresses.tls;
        channels.push(json!({
            "name": format!("ipv4:{secure}"),
            "target": format!("ipv4:{secure}"),
            "state": "READY",
            "calls": [1, 1, 0],
            "subchannels": [self.expected_subchannel(secure, 1, true)],
        }));
        channels.push(json!({
            "name": format!("ipv4:{}", self.nowhere.address()),
            "target": format!("ipv4:{}", self.nowhere.address()),
            "state": "TRANSIENT_FAILURE",
            "calls": [1, 0, 1],
            "subchannels": [{
                "name": self.nowhere.address().to_string(),
                "target": self.nowhere.address().to_string(),
                "calls": [0, 0, 0],
                "max_connections": 1,
                "sockets": [],
            }],
        }));
        channels.push(json!({
            "name": "ipv4:127.0.0.1:1",
            "target": "ipv4:127.0.0.1:1",
            "state": "IDLE",
            "calls": [0, 0, 0],
            "subchannels": [],
        }));
        json!({
            "pages": [2, 2, 2, 1],
            "channels": channels,
            "servers": [0, true],
            "unknown": ["NOT_FOUND", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"],
        })
    }

    fn expected_loaded(&self, traffic: &Traffic) -> Value {
        let [a, b] = self.backends;
        let outcome = traffic.outcome();
        let calls: BTreeMap<String, u64> = self
            .backends
            .iter()
            .map(|address| {
                let calls = outcome.peers.get(address).copied().unwrap_or(0);
                (address.to_string(), calls)
            })
            .collect();
        // The client sorts by name.
        let mut backends = self.backends.map(|address| (address.to_string(), address));
        backends.sort();
        let subchannels =
            backends.map(|(name, address)| self.expected_subchannel(address, calls[&name], false));
        json!({
            "name": format!("ipv4:{a},{b}"),
            "target": format!("ipv4:{a},{b}"),
            "state": "READY",
            "calls": [outcome.made, outcome.answered, 0],
            "subchannels": subchannels,
        })
    }

    fn expected_subchannel(&self, address: SocketAddr, calls: u64, is_secure: bool) -> Value {
        let (cipher, certificate, max_streams) = if is_secure {
            let certificate = self.certificate.as_str();
            ("TLS_AES_256_GCM_SHA384", certificate, MAX_STREAMS)
        } else {
            ("", "", BACKEND_STREAMS)
        };
        json!({
            "name": address.to_string(),
            "target": address.to_string(),
            "state": "READY",
            "calls": [calls, calls, 0],
            "max_connections": 1,
            "sockets": [{
                "name": address.to_string(),
                "local": "127.0.0.1",
                "remote": address.to_string(),
                "streams": [calls, calls, 0],
                "messages": [calls, calls],
                "windows": [true, true],
                "peer_max_concurrent_streams": max_streams,
                "cipher": cipher,
                "certificate": certificate,
            }],
        })
    }

    /// Removes what depends on time: the texts of events, and the state of the subchannel that fails.
    fn comparable(&self, mut found: Value) -> Value {
        let channels = found["channels"].as_array_mut();
        for channel in channels.into_iter().flatten() {
            let fails = channel["state"] == "TRANSIENT_FAILURE";
            remove(channel, "events");
            let subchannels = channel["subchannels"].as_array_mut();
            for subchannel in subchannels.into_iter().flatten() {
                remove(subchannel, "events");
                if fails {
                    remove(subchannel, "state");
                }
            }
        }
        found
    }

    /// Compares the calls of the subchannels with those that the backends counted, and returns the number of
    /// calls.
    fn compare_with_servers(
        &self,
        backends: &mut [Backend; 2],
        expected: &Value,
    ) -> Result<u64, Wrong> {
        let mut total = 0;
        for (backend, address) in backends.iter_mut().zip(self.backends) {
            let counted = backend.stats()?.total().answers;
            let channels = expected["channels"].as_array().into_iter().flatten();
            let subchannels = channels.filter_map(|channel| channel["subchannels"].as_array());
            let own = subchannels
                .flatten()
                .filter(|one| one["name"] == address.to_string());
            let shown: u64 = own.filter_map(|one| one["calls"][0].as_u64()).sum();
            if counted != shown || shown == 0 {
                return Err(format!("{address} counted {counted} calls, channelz {shown}").into());
            }
            total += shown;
        }
        Ok(total)
    }
}

fn remove(value: &mut Value, key: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(key);
    }
}
