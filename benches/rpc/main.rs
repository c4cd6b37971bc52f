//! Compares the client's cost of a unary call: tonic's stub over a Trunkline channel, and the same
//! stub over tonic's own `Channel`; over plaintext, and over TLS (rustls with ring on both sides).
//!
//! This process only coordinates. One child is an echo server. For each variant, one child makes
//! calls on request, checks every reply, and reports its CPU time and allocations. The variants
//! take turns, so that the noise of the machine affects all of them.
//!
//! Arguments: `--free` lets all processes use all cores, and gives the clients' runtimes two
//! threads. `--beside PROGRAM` adds another build of this benchmark, to compare before and after; it
//! runs only the cases that it has.
//! `--telemetry` compares unobserved calls with calls that have observers, metrics and traces.
//! `--only TEXT` measures only the cases that have the text in their names.

mod case;
mod child;
mod client;
mod executor;
mod load;
mod pin;
mod report;
mod server;
mod variant;
mod watchers;

use std::env;
use std::path::PathBuf;

use case::Case;
use child::Child;
use report::Report;
use trunkline_benches::allocations::CountingAllocator;
use variant::{Contestant, Stack, Variant};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The size of a measurement.
struct Plan {
    /// How often all children are restarted.
    generations: usize,
    /// How often each variant runs each case, in each generation.
    rounds: usize,
    /// Calls in a round with many calls in flight.
    calls: usize,
    /// True if the clients run on one core, and the server on the other.
    is_pinned: bool,
}

fn main() {
    match env::var(child::ROLE).ok() {
        Some(role) if role == server::ROLE => server::run(),
        Some(role) if role == child::LISTING_ROLE => {
            for case in case::CASES {
                println!("{}", case.code());
            }
        }
        Some(role) => client::run(&role),
        None => compare(),
    }
}

/// Returns the command-line argument after this flag.
fn value_of(flag: &str) -> Option<String> {
    env::args().skip_while(|arg| arg != flag).nth(1)
}

fn compare() {
    let has = |flag: &str| env::args().any(|arg| arg == flag);
    // `cargo test` does not pass `--bench`. Then only check that everything works.
    let mut plan = if has("--bench") && !has("--test") {
        Plan {
            generations: 3,
            rounds: 5,
            calls: 2_000,
            is_pinned: true,
        }
    } else {
        Plan {
            generations: 1,
            rounds: 1,
            calls: 200,
            is_pinned: true,
        }
    };
    plan.is_pinned = !has("--free");
    let variants: &[Variant] = if has("--telemetry") {
        &variant::WATCHED
    } else if plan.is_pinned {
        &variant::ONE_THREAD
    } else {
        &variant::TWO_THREADS
    };
    let own = variants.iter().map(|variant| Contestant::own(*variant));
    let mut contestants: Vec<Contestant> = own.collect();
    if let Some(other) = value_of("--beside") {
        let trunkline = variants
            .iter()
            .filter(|variant| variant.stack == Stack::Trunkline);
        let other = PathBuf::from(other);
        let cases = child::cases_of(&other);
        contestants.extend(trunkline.map(|variant| Contestant::other(*variant, &other, &cases)));
    }
    let only = value_of("--only").unwrap_or_default();
    let cases = case::CASES.into_iter();
    let cases: Vec<Case> = cases
        .filter(|case| case.to_string().contains(&only))
        .collect();
    assert!(!cases.is_empty(), "no case has {only:?} in its name");
    let labels = contestants.iter().map(|one| one.label.clone()).collect();
    let mut report = Report::new(labels, &cases);
    for _ in 0..plan.generations {
        generation(&plan, &contestants, &cases, &mut report);
    }
    report.print(plan.is_pinned);
}

/// Starts all children, and measures them in turn.
fn generation(plan: &Plan, contestants: &[Contestant], cases: &[Case], report: &mut Report) {
    let mut server = Child::server(plan.is_pinned);
    let line = server.line();
    let mut clients: Vec<Child> = contestants
        .iter()
        .map(|contestant| Child::client(contestant, &line, plan.is_pinned))
        .collect();
    for case in cases {
        // A call without others in flight takes several times as long.
        let calls = match case.in_flight {
            1 => plan.calls / 4,
            _ => plan.calls,
        };
        let has_case = |at: usize| contestants[at].cases.contains(case);
        for at in (0..clients.len()).filter(|at| has_case(*at)) {
            clients[at].round(case, calls / 4, false);
        }
        for round in 0..plan.rounds {
            let mut costs = vec![None; clients.len()];
            for turn in 0..clients.len() {
                // Each round starts with another variant.
                let at = (turn + round) % clients.len();
                if has_case(at) {
                    costs[at] = Some(clients[at].round(case, calls, false).cpu_ns);
                }
            }
            report.add_cpu(case, &costs);
        }
        let counts: Vec<Option<f64>> = clients
            .iter_mut()
            .enumerate()
            .map(|(at, client)| has_case(at).then(|| client.round(case, calls, true).allocations))
            .collect();
        report.add_allocations(case, &counts);
    }
}
