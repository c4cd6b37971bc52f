//! Starts third-party servers on loopback, and runs a command against them.
//!
//! One DNS server serves a zone, and two others forward to it. A name of the zone,
//! `backends.trunkline.test`, has three addresses and one port. There a grpc-go server, a C-core
//! server, and a server of the command itself (written with tonic) listen.
//! Environment variables give the command the addresses ([`environment`]). Over a connection it can
//! read counters, and stop and start servers ([`control`]).

mod backends;
pub(crate) mod build;
mod control;
mod environment;
mod forwarders;
mod nameserver;
pub(crate) mod packages;
pub(crate) mod server;
mod suite;
mod zone;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;
use crate::process::Run;
use crate::step::Done;
use backends::Backends;
use server::Server;
pub(crate) use suite::Options;
use zone::Zone;

/// Limit for the tests. Without the build they take six minutes on an idle machine; tests that take longer
/// than this hang.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// All servers that were started. They end when this is dropped.
pub(crate) struct Interop {
    dns: Server,
    forwarders: Vec<Server>,
    backends: Backends,
    zone: Zone,
    /// The address at which the command must serve. No other server uses it.
    own: SocketAddr,
    control: SocketAddr,
    /// The servers that are not available on this machine, and why.
    missing: Vec<String>,
}

impl Interop {
    /// Builds the servers that are not in the cache, and starts all of them.
    pub(crate) fn start(context: &Context) -> Result<Self, Failure> {
        let folder = context.root.join("target/xtask/interop");
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::new(format!("cannot make {}: {error}", folder.display())))?;
        let mut missing = Vec::new();
        let own = free_port()?;
        let backends = Backends::start(context, &folder, own.port(), &mut missing)?;
        let zone = Zone::write(&folder, own, &backends.addresses())?;
        let dns = nameserver::start(context, &folder, &zone, &mut missing)?;
        let forwarders = forwarders::start(context, &folder, dns.address, &mut missing)?;
        let control = control::listen(&backends)?;
        Ok(Self {
            dns,
            forwarders,
            backends,
            zone,
            own,
            control,
            missing,
        })
    }

    /// Returns a line for each server that runs.
    fn lines(&self) -> Vec<String> {
        let nameservers = self.nameservers();
        let nameservers = nameservers.map(|server| (server.name, server.address));
        let all = nameservers.chain(self.backends.addresses());
        all.map(|(name, address)| format!("{name} at {address}"))
            .collect()
    }

    /// Returns the DNS servers, first the one that serves the zone.
    fn nameservers(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.dns).chain(&self.forwarders)
    }
}

impl Drop for Interop {
    fn drop(&mut self) {
        // The thread of `control` shares the backends and lives longer, so end them here.
        self.backends.end();
    }
}

/// Starts the servers and runs the tests against them. Reports servers or tests that are missing.
pub(crate) fn check(context: &Context) -> Result<Done, Failure> {
    let interop = Interop::start(context)?;
    let mut lines = interop.lines();
    let Some(tests) = tests(context)? else {
        return Ok(Done::Skipped(format!(
            "the servers start ({}), but no package has a target `interop` to test against them",
            lines.join(", ")
        )));
    };
    tests.build(context)?;
    let run = context.run(&tests.run).limit(LIMIT);
    let run = suite::with_environment(context, run, Options::default())?;
    let output = interop.with_environment(run).succeed()?;
    let mut missing = interop.missing.clone();
    for line in output.lines() {
        match line.strip_prefix("skipped: ") {
            Some(why) => missing.push(why.to_owned()),
            None => lines.push(line.to_owned()),
        }
    }
    Ok(Done::Partly { lines, missing })
}

/// Starts the servers and runs `command` against them, or the tests if `command` is empty.
pub(crate) fn run(context: &Context, command: &[String]) -> Result<(), Failure> {
    let interop = Interop::start(context)?;
    interop.lines().iter().for_each(|line| println!("{line}"));
    interop
        .missing
        .iter()
        .for_each(|why| println!("skipped: {why}"));
    let run: Run = match command.split_first() {
        Some((program, args)) => context.program(program).args(args),
        None => {
            let tests = required_tests(context)?;
            tests.build(context)?;
            context.run(&tests.run)
        }
    };
    let run = suite::with_environment(context, run, Options::default())?;
    interop.with_environment(run).attached()
}

/// The parts of the tests that need none of these servers.
pub(crate) const ALONE: [&str; 13] = [
    "suite",
    "rotation",
    "ejection",
    "weights",
    "traces",
    "channelz",
    "csds",
    "xds",
    "xds-steps",
    "xds-mesh",
    "xds-churn",
    "xds-partition",
    "xds-soak",
];

/// Runs one of [`ALONE`].
pub(crate) fn run_alone(context: &Context, part: &str, options: Options) -> Result<(), Failure> {
    let tests = required_tests(context)?;
    tests.build(context)?;
    let run = context.run(&tests.run).args(["--", part]);
    suite::with_environment(context, run, options)?.attached()
}

/// The tests: a binary, example or test named `interop` of any package.
struct Tests {
    /// The command line that builds them.
    build: String,
    /// The command line that runs them.
    run: String,
}

impl Tests {
    /// Builds the tests. This may take minutes, so it does not count against the limit of the run.
    fn build(&self, context: &Context) -> Result<(), Failure> {
        context.run(&self.build).succeed().map(|_| ())
    }
}

/// Finds the tests, which must exist.
fn required_tests(context: &Context) -> Result<Tests, Failure> {
    tests(context)?.ok_or_else(|| {
        Failure::new("no package of the workspace has a target `interop`")
            .remedy("name a command: cargo xtask interop -- COMMAND")
    })
}

/// Finds the tests. A line of their output that begins with `skipped: ` names what was not possible
/// here.
fn tests(context: &Context) -> Result<Option<Tests>, Failure> {
    for package in context.metadata()?.members() {
        for target in package
            .targets
            .iter()
            .filter(|target| target.name == "interop")
        {
            let name = &package.name;
            let (build, run) = match target.kind.as_str() {
                "bin" => ("build --bin", "run --quiet --bin"),
                "example" => ("build --example", "run --quiet --example"),
                "test" => ("test --no-run --test", "test --quiet --test"),
                _ => continue,
            };
            return Ok(Some(Tests {
                build: format!("cargo {build} interop -p {name}"),
                run: format!("cargo {run} interop -p {name}"),
            }));
        }
    }
    Ok(None)
}

/// Returns the address at which the command serves. Its port was free a moment ago, also at the
/// addresses of the other servers.
fn free_port() -> Result<SocketAddr, Failure> {
    let free = |last: u8, port: u16| {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), port))?;
        listener.local_addr()
    };
    let everywhere = || {
        let own = free(1, 0)?;
        backends::LAST_BYTES
            .into_iter()
            .try_for_each(|last| free(last, own.port()).map(|_| ()))?;
        Ok::<SocketAddr, std::io::Error>(own)
    };
    let found = (0..10).find_map(|_| everywhere().ok());
    found.map_or_else(everywhere, Ok).map_err(|error| {
        Failure::new(format!(
            "no port is free on 127.0.0.1 to 127.0.0.3: {error}"
        ))
    })
}
