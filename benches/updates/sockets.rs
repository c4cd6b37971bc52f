//! Updates over loopback, beside tonic's balanced channel.

use std::collections::VecDeque;
use std::env;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use trunkline_benches::child::Child;
use trunkline_benches::contest::Contest;
use trunkline_benches::protocol::resident_backends;
use trunkline_benches::results::{Results, Side};
use trunkline_benches::runs::Run;

use crate::client::{TONIC, TRUNKLINE};
use crate::server;

/// Environment variable with the role of a process.
pub(crate) const ROLE: &str = "TRUNKLINE_BENCH_UPDATES";

const CPU: &str = "CPU time of an update, sockets";
const SIDES: [(&str, Side); 2] = [(TONIC, Side::Peer), (TRUNKLINE, Side::Ours)];

/// A process that does not answer within this time hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// How many calls may be made until the connections are those of the list, and how long the server has after each.
const CALLS: usize = 50_000;
const PAUSE: Duration = Duration::from_millis(1);

/// Returns the figures of both clients.
pub(crate) fn measure(is_whole: bool) -> Contest {
    let (count, rounds) = if is_whole { (5_000, 5) } else { (20, 1) };
    raise_limit_of_files();
    let mut worlds = SIDES.map(|(role, _)| World::start(role, count));
    let mut contest = Contest::new(CPU, &SIDES);
    let first = worlds.iter_mut().map(|world| vec![world.update(count)]);
    contest.add("all endpoints are new", first.collect());
    for (case, replaced) in [
        ("one endpoint replaced", 1),
        ("1 % replaced", count.div_ceil(100)),
    ] {
        let mut figures = vec![Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for (world, figures) in worlds.iter_mut().zip(&mut figures) {
                figures.push(world.update(replaced));
            }
        }
        contest.add(case, figures);
    }
    contest
}

/// Adds the tables.
pub(crate) fn report(run: &Run, results: &mut Results) {
    let contest = run.contest(CPU);
    let titles = [
        "An update of 5,000 endpoints on sockets: CPU time of the client, as a ratio to tonic's (in brackets: its time)",
        "An update of 5,000 endpoints on sockets: CPU time of the client in milliseconds",
    ];
    results
        .tables
        .extend(contest.tables(titles, TONIC, "ms", 2));
}

/// A client, and the server of its own.
struct World {
    client: Child,
    server: Child,
    list: Vec<SocketAddr>,
    /// The addresses that are not in the list, in the order in which they are used next.
    spare: VecDeque<SocketAddr>,
    /// The endpoint that is replaced next.
    next: usize,
}

impl World {
    fn start(role: &str, count: usize) -> Self {
        let mut server = child(server::ROLE);
        let port = server.line(LIMIT);
        let mut client = child(role);
        client.line(LIMIT);
        let all = resident_backends(&format!("127.0.0.1:{port}"), 2 * count);
        let (list, spare) = all.split_at(count);
        Self {
            client,
            server,
            list: list.to_vec(),
            spare: spare.iter().copied().collect(),
            next: 0,
        }
    }

    /// Replaces so many endpoints, and makes calls until the connections are those of the new list. Returns the CPU
    /// time of the client, in milliseconds.
    fn update(&mut self, replaced: usize) -> f64 {
        let mut added = Vec::new();
        for _ in 0..replaced {
            let new = self.spare.pop_front().expect("as many addresses again");
            added.push(new.ip().to_string());
            let old = std::mem::replace(&mut self.list[self.next], new);
            self.spare.push_back(old);
            self.next = (self.next + 1) % self.list.len();
        }
        let added = added.join(" ");
        let list: Vec<String> = self.list.iter().map(SocketAddr::to_string).collect();
        let before = self.ask("cpu");
        self.ask(&list.join(" "));
        for _ in 0..CALLS {
            let after = self.ask("call");
            if self.connections(&added) == replaced && self.connections("") == self.list.len() {
                return (after - before) / 1e6;
            }
            std::thread::park_timeout(PAUSE);
        }
        let (name, open) = (self.client.name().to_owned(), self.connections(""));
        panic!("{name}: {open} connections, not {}", self.list.len());
    }

    /// Gives the client a line, and returns its CPU time in nanoseconds.
    fn ask(&mut self, line: &str) -> f64 {
        self.client.send(line);
        self.client.line(LIMIT).parse().expect("nanoseconds")
    }

    /// Returns how many connections are open at these IP addresses; at all, if there are none.
    fn connections(&mut self, addresses: &str) -> usize {
        self.server.send(addresses);
        self.server.line(LIMIT).parse().expect("a number")
    }
}

fn child(role: &str) -> Child {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.env(ROLE, role);
    Child::start(role.to_owned(), command)
}

/// Lets this process and its children open as many files as they may.
fn raise_limit_of_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it fails, the limit stays as it is.
    let _ = setrlimit(Resource::Nofile, limit);
}
