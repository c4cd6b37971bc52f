//! Compares the client's CPU time for a lookup of A and AAAA with hickory-resolver, c-ares and the
//! C library, and measures how long the parser takes for messages that are made to be costly.
//!
//! The server runs in its own process, and so does each round of each client. After some lookups
//! that do not count, a round reports the CPU time of its whole process (as the kernel accounts it,
//! like getrusage) per lookup. Rounds of the clients alternate, so that the noise of the machine
//! affects all; the medians are compared. 64 lookups are in flight, nothing is cached, no name is
//! looked up twice, and every answer must be two addresses. Each client has one thread, except for
//! the C library, which needs one per lookup in flight, and c-ares, whose event thread is a second
//! one.
//!
//! `--json FILE` writes all figures, those of three separate processes, each with a server of its own.
//! Without `--bench`, as `cargo test` runs it, it runs a short form that checks only the answers.

mod clients;
#[path = "../../crates/dns/tests/client/costly.rs"]
mod costly;
mod hostile;
mod peers;
mod rounds;
mod server;
mod size;

use std::process::ExitCode;

use trunkline_benches::contest::Contest;
use trunkline_benches::publish;
use trunkline_benches::results::Side;
use trunkline_benches::runs::{self, Run, is_whole};
use trunkline_benches::versions;

use self::clients::Client;
use self::peers::Peer;
use self::rounds::run_rounds;
use self::server::Server;
use self::size::Size;

const FRESH: &str = "trunkline-dns, a fresh socket for each lookup";
const POOL: &str = "trunkline-dns, a pool of sockets";
const HICKORY: &str = "hickory-resolver";
const C_ARES: &str = "c-ares 1.34, its event thread";
const LIBC: &str = "getaddrinfo, 64 threads";

/// All clients, with those that are not on every machine.
const SIDES: [(&str, Side); 5] = [
    (FRESH, Side::Ours),
    (POOL, Side::Ours),
    (HICKORY, Side::Peer),
    (C_ARES, Side::Peer),
    (LIBC, Side::Peer),
];

/// What is measured.
const CPU: &str = "CPU time of a lookup";
const CASE: &str = "A and AAAA, 64 in flight";

/// Highest accepted cost of a lookup, as a fraction of hickory-resolver's.
const TARGETS: [(&str, f64); 2] = [(FRESH, 0.60), (POOL, 0.40)];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", address] => server::serve(address),
        ["client", name, ref rest @ ..] => clients::run(name, rest),
        _ => return compare(),
    }
    ExitCode::SUCCESS
}

fn compare() -> ExitCode {
    let run = runs::measure(|| measure(is_whole()));
    let mut results = run.results("dns");
    let Size {
        rounds, lookups, ..
    } = Size::WHOLE;
    results.notes.push(format!(
        "{} separate runs of {rounds} rounds of {lookups} lookups",
        runs::RUNS
    ));
    let hickory = versions::of("hickory-resolver").to_owned();
    results.versions = vec![(HICKORY.to_owned(), hickory)];
    let cpu = run.contest(CPU);
    let titles = [
        "CPU time of the client a lookup, as a ratio to hickory-resolver's (in brackets: its time)",
        "CPU time of the client a lookup, in microseconds",
    ];
    let mut tables = cpu.tables(titles, HICKORY, "us", 1);
    tables[0].plot = Some("dns-lookup".to_owned());
    results.tables.extend(tables);
    let targets = TARGETS.map(|(name, most)| cpu.target_of_ratio(CASE, name, HICKORY, most));
    results.targets.extend(targets);
    hostile::report(&run, &mut results);
    if !is_whole() {
        // The figures of one round of an unoptimized build mean nothing.
        results.targets.clear();
    }
    publish::end(&results)
}

fn measure(is_whole: bool) -> Run {
    let size = if is_whole { Size::WHOLE } else { Size::SHORT };
    let server = Server::start("127.0.0.1:0").expect("a server on loopback");
    let mut entrants = vec![
        Peer::this(FRESH, Client::Fresh, server.address),
        Peer::this(POOL, Client::Pool, server.address),
        Peer::this(HICKORY, Client::Hickory, server.address),
    ];
    // The others need a C compiler, or a mount namespace: more than a test may require.
    let (mut of_libc, mut left_out) = (None, Vec::new());
    if is_whole {
        match Peer::c_ares(C_ARES, server.address) {
            Ok(peer) => entrants.push(peer),
            Err(why) => left_out.push(format!("{C_ARES}: {why}")),
        }
        match Peer::libc(LIBC) {
            Ok((peer, server)) => {
                entrants.push(peer);
                of_libc = Some(server);
            }
            Err(why) => left_out.push(format!("{LIBC}: {why}")),
        }
    }
    let results = run_rounds(&entrants, size);
    drop(of_libc);
    let mut cpu = Contest::new(CPU, &SIDES);
    let figures = SIDES.map(|(name, _)| {
        let result = results.iter().find(|result| result.name == name);
        result.map(|result| result.us.clone()).unwrap_or_default()
    });
    cpu.add(CASE, figures.to_vec());
    Run {
        contests: vec![cpu, hostile::measure(is_whole)],
        left_out,
    }
}
