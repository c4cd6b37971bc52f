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

use self::clients::Client;
use self::peers::Peer;
use self::rounds::{judge, median, run_rounds};
use self::server::Server;
use self::size::Size;

/// Highest accepted cost of a lookup, as a fraction of hickory-resolver's.
const TARGETS: [(&str, f64); 2] = [
    ("trunkline, fresh sockets", 0.60),
    ("trunkline, pool", 0.40),
];
const HICKORY: &str = "hickory-resolver 0.26";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["serve", address] => server::serve(address),
        ["client", name, ref rest @ ..] => clients::run(name, rest),
        _ => return measure(words.contains(&"--bench")),
    }
    ExitCode::SUCCESS
}

fn measure(is_whole: bool) -> ExitCode {
    let size = if is_whole { Size::WHOLE } else { Size::SHORT };
    let server = Server::start("127.0.0.1:0").expect("a server on loopback");
    let mut entrants = vec![
        Peer::this("trunkline, fresh sockets", Client::Fresh, server.address),
        Peer::this("trunkline, pool", Client::Pool, server.address),
        Peer::this(HICKORY, Client::Hickory, server.address),
    ];
    // The others need a C compiler, or a mount namespace: more than a test may require.
    let mut of_libc = None;
    if is_whole {
        match Peer::c_ares(server.address) {
            Ok(peer) => entrants.push(peer),
            Err(why) => println!("c-ares is left out: {why}"),
        }
        match Peer::libc() {
            Ok((peer, server)) => {
                entrants.push(peer);
                of_libc = Some(server);
            }
            Err(why) => println!("getaddrinfo is left out: {why}"),
        }
    }
    let results = run_rounds(&entrants, size);
    drop(of_libc);

    println!(
        "CPU of the client for each lookup of A and AAAA, us: median (best) of {} x {}",
        size.rounds, size.lookups
    );
    let hickory = results.iter().find(|result| result.name == HICKORY);
    let hickory = hickory.map_or(f64::NAN, |result| median(&result.us));
    for result in &results {
        let best = result.us.iter().copied().fold(f64::INFINITY, f64::min);
        let middle = median(&result.us);
        println!(
            "{:<26} {middle:>7.1} ({best:.1})  {:.2} of hickory's",
            result.name,
            middle / hickory
        );
    }
    let is_cheap = hostile::measure(is_whole);
    if !is_whole {
        // The figures of one round of an unoptimized build mean nothing.
        return ExitCode::SUCCESS;
    }
    let met = TARGETS.map(|(name, most)| judge(&results, name, most, hickory));
    if is_cheap && met == [true; 2] {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
