//! What a lookup of A and AAAA costs the client, beside hickory-resolver, c-ares and the C library,
//! and what a message made to be costly costs the reader.
//!
//! The server is a process of its own, and so is each round of each client: a round tells the CPU
//! time of its whole process (the kernel's account, as getrusage has it) for each lookup, after some
//! that do not count. Rounds alternate, so that the noise of the machine falls on all; medians are
//! compared. 64 lookups are in flight, nothing is cached, no name is asked for twice, and every
//! answer must be two addresses. Clients have one thread each, but for the C library, which needs
//! one for each lookup in flight, and c-ares, whose own event thread is a second one.
//!
//! Without `--bench`, as `cargo test` runs it, a short form in which only the answers matter.

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
use self::rounds::{judge, median, play};
use self::server::Server;
use self::size::Size;

/// The most that a lookup may cost, as a part of what it costs hickory-resolver.
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
    // The rest take a C compiler, or a name space of mounts: more than a test may ask for.
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
    let results = play(&entrants, size);
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
        // One round of a build without optimisation: no figures to judge by.
        return ExitCode::SUCCESS;
    }
    let met = TARGETS.map(|(name, most)| judge(&results, name, most, hickory));
    match is_cheap && met == [true; 2] {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
