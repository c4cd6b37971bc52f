//! The lines between the coordinator of `rpc` and its clients, which programs in other languages
//! can exchange too: one JSON object a line. `benches/README.md` is the guide for such a program.

use std::fmt::Write;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// The version of the protocol. It changes with each change that an older client cannot follow.
pub const VERSION: u32 = 1;

/// What texts are filled with.
const FILLER: &str = match str::from_utf8(&[b'x'; 4096]) {
    Ok(filler) => filler,
    Err(_) => unreachable!(),
};

/// What a client writes on its standard output.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FromClient {
    /// The first line, before anything is read.
    Hello(Hello),
    /// The answer to each round.
    Result(Cost),
    /// The answer to a round that failed, in words. The coordinator ends the client.
    Failure(String),
}

/// What the coordinator writes to the standard input of a client, which ends when its input does.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToClient {
    /// The first line. It has no answer.
    Setup(Setup),
    /// A round of calls.
    Round(Round),
}

/// What a client is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Hello {
    /// [`VERSION`].
    pub protocol: u32,
    /// Its name in tables, such as `grpc-go`.
    pub name: String,
    /// The version of what it measures, such as `1.85.0`.
    pub version: String,
    /// What its rounds can have. A case that needs more is not measured.
    pub can: Vec<Ability>,
}

/// Something that a case can need.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Unary calls.
    Unary,
    /// One stream with messages each way.
    Stream,
    /// Calls that are spread over several backends in turn.
    RoundRobin,
    /// Calls over TLS.
    Tls,
    /// Calls with a timeout.
    Timeout,
    /// Channels that are built for one call each.
    Cold,
    /// A channel with many backends that stays.
    Resident,
}

/// Whom a client calls, and with how many threads.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Setup {
    /// Three backends in plaintext, each an IP address with a port. A case with one backend calls
    /// the first one.
    pub backends: Vec<String>,
    /// The same three backends for TLS.
    pub tls_backends: Vec<String>,
    /// The root certificate of the backends, in PEM.
    pub root_pem: String,
    /// The name in their certificate.
    pub server_name: String,
    /// How many threads may run callers and connections.
    pub threads: usize,
}

/// A round of calls.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Round {
    /// What is measured.
    pub case: Case,
    /// The number of calls, or of messages in each direction of the stream.
    pub calls: usize,
    /// Which figures count. The others cost time to take, and may be `null`.
    pub measure: Measure,
}

/// The figures of a round.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The CPU time, with nothing beside the calls that takes any.
    Cpu,
    /// The time that each call takes.
    Latency,
    /// The number of allocations.
    Allocations,
}

/// What kind of calls a round makes.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Case {
    /// The kind of calls.
    pub kind: Kind,
    /// Length of the field in the message, in bytes, which the reply repeats.
    pub bytes: usize,
    /// Number of callers, each of which has one call in flight at a time. In a stream, the number
    /// of messages that are sent before the reply to the first one has to be read.
    pub in_flight: usize,
    /// Number of backends: 1, or 3 that get the calls in turn. With [`Kind::Resident`] any number,
    /// whose addresses [`resident_backends`] returns.
    pub backends: usize,
    /// Whether the calls go over TLS.
    pub tls: bool,
    /// Whether each call has a timeout, of 20 s.
    pub timeout: bool,
}

/// A kind of calls.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `/helloworld.Greeter/SayHello`.
    Unary,
    /// One call of `/helloworld.Greeter/SayHelloBidiStream`.
    Stream,
    /// A unary call on a channel that is built for it, and dropped after it.
    Cold,
    /// A channel with many backends, all of which are connected. It is the only round of its
    /// process.
    Resident,
}

/// What a round cost the client's process, with all its threads.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// CPU time, user and kernel, in nanoseconds.
    pub cpu_ns: u64,
    /// The median, the 90th and the 99th percentile of the time of a call, in nanoseconds.
    #[serde(default)]
    pub latency_ns: Option<[u64; 3]>,
    /// Allocations and reallocations of memory.
    #[serde(default)]
    pub allocations: Option<u64>,
    /// The most memory that the process has had so far, in bytes.
    #[serde(default)]
    pub max_rss_bytes: Option<u64>,
    /// Memory that the process has gained, of which its allocator knows, in bytes.
    #[serde(default)]
    pub heap_bytes: Option<u64>,
    /// Resident memory that the process has gained, in bytes.
    #[serde(default)]
    pub rss_bytes: Option<u64>,
    /// How often a thread gave up the core, because it had to wait.
    #[serde(default)]
    pub voluntary_switches: Option<u64>,
    /// How often a thread lost the core to another.
    #[serde(default)]
    pub involuntary_switches: Option<u64>,
}

impl Case {
    /// Returns a case of unary calls to one backend, in plaintext and without a timeout.
    #[must_use]
    pub const fn unary(bytes: usize, in_flight: usize) -> Self {
        Self {
            kind: Kind::Unary,
            bytes,
            in_flight,
            backends: 1,
            tls: false,
            timeout: false,
        }
    }

    /// Returns a case of one stream to one backend, in plaintext.
    #[must_use]
    pub const fn stream(bytes: usize, in_flight: usize) -> Self {
        let mut case = Self::unary(bytes, in_flight);
        case.kind = Kind::Stream;
        case
    }

    /// Returns a case of channels that make one call each, to one backend, in plaintext.
    #[must_use]
    pub const fn cold(in_flight: usize) -> Self {
        let mut case = Self::unary(16, in_flight);
        case.kind = Kind::Cold;
        case
    }

    /// Returns a case of one channel that stays connected to many backends, in plaintext.
    #[must_use]
    pub const fn resident(backends: usize) -> Self {
        let mut case = Self::unary(16, 1);
        case.kind = Kind::Resident;
        case.backends = backends;
        case
    }

    /// Returns the same case with three backends.
    #[must_use]
    pub const fn balanced(mut self) -> Self {
        self.backends = 3;
        self
    }

    /// Returns the same case over TLS.
    #[must_use]
    pub const fn encrypted(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Returns the same case with a timeout for each call.
    #[must_use]
    pub const fn timed(mut self) -> Self {
        self.timeout = true;
        self
    }

    /// Returns the text that a call sends and expects back. In a stream, the caller is 0, and a call is
    /// a message.
    #[must_use]
    pub fn text(&self, caller: usize, call: usize) -> String {
        let mut text = String::with_capacity(self.bytes);
        // Writing to a string never fails.
        let _ = write!(text, "{caller:04}-{call:08}-");
        // In pieces: a character at a time takes as long as the call of a long message.
        while text.len() < self.bytes {
            let piece = FILLER.len().min(self.bytes - text.len());
            text.push_str(&FILLER[..piece]);
        }
        text
    }

    /// Returns what a client must be able to do for this case.
    pub fn needs(&self) -> impl Iterator<Item = Ability> {
        let kind = match self.kind {
            Kind::Unary => Ability::Unary,
            Kind::Stream => Ability::Stream,
            Kind::Cold => Ability::Cold,
            Kind::Resident => Ability::Resident,
        };
        let others = [
            (
                self.backends > 1 && self.kind != Kind::Resident,
                Ability::RoundRobin,
            ),
            (self.tls, Ability::Tls),
            (self.timeout, Ability::Timeout),
        ];
        let needed = others.into_iter().filter(|(needs, _)| *needs);
        std::iter::once(kind).chain(needed.map(|(_, ability)| ability))
    }
}

impl Ability {
    /// Everything that a case can need.
    pub const ALL: [Self; 7] = [
        Self::Unary,
        Self::Stream,
        Self::RoundRobin,
        Self::Tls,
        Self::Timeout,
        Self::Cold,
        Self::Resident,
    ];
}

/// Returns the addresses of the backends of [`Kind::Resident`]: 127.1.0.1 and those after it, 250 in
/// each network of 256, with the port of `first`.
///
/// # Panics
///
/// When `first` is no address, or when there are more backends than addresses.
#[must_use]
pub fn resident_backends(first: &str, count: usize) -> Vec<SocketAddr> {
    let first: SocketAddr = first.parse().expect("an address");
    let addresses = (0..count).map(|at| {
        let network = u8::try_from(at / 250).expect("at most 64,000 backends");
        let host = u8::try_from(at % 250 + 1).expect("at most 250");
        SocketAddr::from(([127, 1, network, host], first.port()))
    });
    addresses.collect()
}
