//! The processes that are compared, from the view of the coordinator.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use trunkline_benches::child::Child;
use trunkline_benches::protocol::{
    Case, Cost, FromClient, Hello, Measure, Round, Setup, ToClient, VERSION,
};
use trunkline_benches::results::Side;

use crate::server::{self, Backends};
use crate::variant::{Stack, Variant};

/// Environment variable with the role of a child that is this program.
pub(crate) const ROLE: &str = "TRUNKLINE_BENCH_RPC";

/// A child that does not answer within this time hangs. A round takes a second or two, on a machine
/// with other work a minute.
const ANSWER_LIMIT: Duration = Duration::from_secs(180);

/// The cores of the clients and of the server, when each has its own.
const CLIENT_CORE: usize = 0;
const SERVER_CORE: usize = 1;

/// A kind of client.
pub(crate) struct Contestant {
    pub(crate) label: String,
    pub(crate) start: Start,
    pub(crate) threads: usize,
}

/// How a client is started.
pub(crate) enum Start {
    /// A variant, in this build or in another one.
    Variant(Variant, PathBuf),
    /// A program from outside, with its arguments.
    Peer(String),
}

impl Contestant {
    pub(crate) fn own(variant: Variant) -> Self {
        Self {
            label: variant.name.to_owned(),
            start: Start::Variant(variant, own_program()),
            threads: variant.threads,
        }
    }

    /// Returns a variant in another build.
    pub(crate) fn other(variant: Variant, program: &Path) -> Self {
        Self {
            label: format!("{}, other build", variant.name),
            start: Start::Variant(variant, program.to_owned()),
            threads: variant.threads,
        }
    }

    /// Returns a client from outside, with the name that it gives itself.
    pub(crate) fn peer(line: &str, threads: usize) -> Result<Self, String> {
        let mut peer = Self {
            label: line.to_owned(),
            start: Start::Peer(line.to_owned()),
            threads,
        };
        let hello = peer.launch(None)?.1;
        peer.label = hello.name;
        Ok(peer)
    }

    /// Returns what its rows in tables are of.
    pub(crate) fn side(&self) -> Side {
        match &self.start {
            Start::Peer(_) => Side::Peer,
            Start::Variant(variant, _) => match variant.stack {
                Stack::Bare | Stack::BareWithUserAgent => Side::Floor,
                Stack::Tonic => Side::Peer,
                Stack::Trunkline => Side::Ours,
            },
        }
    }

    fn command(&self) -> Command {
        let mut command = match &self.start {
            Start::Variant(variant, program) => {
                let mut command = Command::new(program);
                command.env(ROLE, variant.name);
                command
            }
            Start::Peer(line) => {
                let mut words = line.split_whitespace();
                let mut command = Command::new(words.next().unwrap_or_default());
                command.args(words);
                command
            }
        };
        let threads = self.threads.to_string();
        command
            .env("ASYNC_STD_THREAD_COUNT", &threads)
            .env("SMOL_THREADS", &threads);
        command
    }

    /// Starts it, and waits until it has introduced itself.
    fn launch(&self, core: Option<usize>) -> Result<(Child, Hello), String> {
        let mut child = start(self.label.clone(), self.command(), core);
        match read(&mut child)? {
            FromClient::Hello(hello) if hello.protocol == VERSION => Ok((child, hello)),
            FromClient::Hello(hello) => Err(format!("it speaks version {}", hello.protocol)),
            other => Err(format!("its first line is {other:?}")),
        }
    }
}

/// A client that runs, until it fails.
pub(crate) struct Client {
    child: Child,
    pub(crate) hello: Hello,
}

impl Client {
    pub(crate) fn start(
        contestant: &Contestant,
        backends: &Backends,
        is_pinned: bool,
    ) -> Result<Self, String> {
        let (mut child, hello) = contestant.launch(is_pinned.then_some(CLIENT_CORE))?;
        let setup = ToClient::Setup(Setup {
            backends: backends.plaintext.clone(),
            tls_backends: backends.tls.clone(),
            root_pem: backends.root_pem.clone(),
            server_name: server::NAME.to_owned(),
            threads: contestant.threads,
        });
        child.send(&serde_json::to_string(&setup).expect("plain data"));
        Ok(Self { child, hello })
    }

    /// Returns whether it can do what a case needs.
    pub(crate) fn can(&self, case: &Case) -> bool {
        case.needs().all(|need| self.hello.can.contains(&need))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Makes the client run a round of calls.
    pub(crate) fn round(
        &mut self,
        case: &Case,
        calls: usize,
        measure: Measure,
    ) -> Result<Cost, String> {
        let round = ToClient::Round(Round {
            case: *case,
            calls,
            measure,
        });
        let line = serde_json::to_string(&round).expect("plain data");
        self.child
            .try_send(&line)
            .map_err(|error| error.to_string())?;
        match read(&mut self.child)? {
            FromClient::Result(cost) => Ok(cost),
            FromClient::Failure(text) => Err(text),
            FromClient::Hello(_) => Err("a second hello".to_owned()),
        }
    }
}

/// The server, which ends on drop.
pub(crate) struct Server {
    _child: Child,
    pub(crate) backends: Backends,
}

impl Server {
    pub(crate) fn start(is_pinned: bool) -> Self {
        let mut command = Command::new(own_program());
        command.env(ROLE, server::ROLE);
        let core = is_pinned.then_some(SERVER_CORE);
        let mut child = start("the server".to_owned(), command, core);
        let line = child.line(ANSWER_LIMIT);
        Self {
            _child: child,
            backends: serde_json::from_str(&line).expect("the addresses of the server"),
        }
    }
}

/// Returns the path of this program.
fn own_program() -> PathBuf {
    env::current_exe().expect("the path of this program")
}

/// Starts a child on one core, or on all. A child has the cores of the thread that starts it.
fn start(name: String, command: Command, core: Option<usize>) -> Child {
    let before = sched_getaffinity(None).ok();
    if let Some(core) = core {
        let mut set = CpuSet::new();
        set.set(core);
        // On a machine with one core this fails, and all processes share that core.
        let _ = sched_setaffinity(None, &set);
    }
    let child = Child::start(name, command);
    if let Some(before) = before {
        let _ = sched_setaffinity(None, &before);
    }
    child
}

/// Waits for the next line of a client.
fn read(child: &mut Child) -> Result<FromClient, String> {
    let line = child
        .try_line(ANSWER_LIMIT)
        .map_err(|error| error.to_string())?;
    serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))
}
