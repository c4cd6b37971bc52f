//! Other people's servers on loopback, and a command that is run against them.
//!
//! A DNS server has a zone, and two others ask it. A name of the zone, `backends.trunkline.test`, has
//! three addresses and one port. Behind them are a grpc-go server, a C-core server, and one that the
//! command itself brings (it is written with tonic).
//! The command is told where everything is by its environment ([`environment`]), and asks for
//! counters, stops and starts over a connection ([`control`]).

mod backends;
mod build;
mod control;
mod environment;
mod forwarders;
mod nameserver;
mod packages;
mod server;
mod zone;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use crate::context::Context;
use crate::failure::Failure;
use crate::process::Run;
use crate::step::Done;
use backends::Backends;
use server::Server;
use zone::Zone;

/// The tests take a minute once they are built; ones that take longer than this hang.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// Everything that was started; all of it ends when this is dropped.
pub(crate) struct Interop {
    dns: Server,
    forwarders: Vec<Server>,
    backends: Backends,
    zone: Zone,
    /// Where the command is to serve; nobody else does.
    own: SocketAddr,
    control: SocketAddr,
    /// What could not be had on this machine, and why.
    missing: Vec<String>,
}

impl Interop {
    /// Builds what is not in the cache, and starts everything.
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

    /// What runs, a line each.
    fn lines(&self) -> Vec<String> {
        let nameservers = self.nameservers();
        let nameservers = nameservers.map(|server| (server.name, server.address));
        let all = nameservers.chain(self.backends.addresses());
        all.map(|(name, address)| format!("{name} at {address}"))
            .collect()
    }

    /// The DNS servers, the zone's own first.
    fn nameservers(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.dns).chain(&self.forwarders)
    }
}

impl Drop for Interop {
    fn drop(&mut self) {
        // The thread that answers the command holds them too, and outlives this.
        self.backends.end();
    }
}

/// Starts everything and runs the tests against it; says so where parts or the tests are missing.
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
    let output = interop.tell(run).succeed()?;
    let mut missing = interop.missing.clone();
    for line in output.lines() {
        match line.strip_prefix("skipped: ") {
            Some(why) => missing.push(why.to_owned()),
            None => lines.push(line.to_owned()),
        }
    }
    Ok(Done::Partly { lines, missing })
}

/// Starts everything and runs `command` against it, or the tests where it is empty.
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
            let tests = tests(context)?.ok_or_else(|| {
                Failure::new("no package of the workspace has a target `interop`")
                    .remedy("name a command: cargo xtask interop -- COMMAND")
            })?;
            tests.build(context)?;
            context.run(&tests.run)
        }
    };
    interop.tell(run).attached()
}

/// The tests: a binary, example or test with the name `interop` of any package.
struct Tests {
    /// The command line that builds them.
    build: String,
    /// The command line that runs them.
    run: String,
}

impl Tests {
    /// Builds them, which may take minutes, and has a limit of its own.
    fn build(&self, context: &Context) -> Result<(), Failure> {
        context.run(&self.build).succeed().map(|_| ())
    }
}

/// Looks for the tests. A line of their output that begins with `skipped: ` tells what could not be
/// done here.
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

/// The address at which the command serves: a moment ago its port was free at the addresses of the
/// others too.
fn free_port() -> Result<SocketAddr, Failure> {
    let free = |last: u8, port: u16| {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), port))?;
        listener.local_addr()
    };
    let everywhere = || {
        let own = free(1, 0)?;
        backends::LAST_OCTETS
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
