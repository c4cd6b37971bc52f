//! What a unary call costs its client: tonic's stub over a Trunkline channel beside the same stub
//! over tonic's own `Channel`.
//!
//! This process only conducts. One child is a server that echoes; one child for each variant makes
//! calls when it is told to, checks every reply, and says what that took of CPU time and
//! allocations. The variants take turns, so that the noise of the machine falls on all of them.
//!
//! Arguments: `--free` gives all processes all cores, and two threads to the clients' runtimes;
//! `--beside PROGRAM` lets another build of this benchmark take part, to compare before and after;
//! `--only TEXT` measures the cases that have the text in their names.

mod case;
mod child;
mod client;
mod executor;
mod load;
mod pin;
mod report;
mod server;
mod variant;

use std::env;

use case::Case;
use child::Child;
use report::Report;
use trunkline_benches::allocations::CountingAllocator;
use variant::{Contestant, Stack};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// How much is measured.
struct Plan {
    /// How often all children are started anew.
    generations: usize,
    /// How often each variant runs each case, in each generation.
    rounds: usize,
    /// Calls of a round, where there are many in flight.
    calls: usize,
    /// Whether the client has one core, and the server the other.
    is_pinned: bool,
}

fn main() {
    match env::var(child::ROLE).ok() {
        Some(role) if role == server::ROLE => server::run(),
        Some(role) => client::run(&role),
        None => compare(),
    }
}

/// What stands after this flag on the command line.
fn value_of(flag: &str) -> Option<String> {
    env::args().skip_while(|arg| arg != flag).nth(1)
}

fn compare() {
    let has = |flag: &str| env::args().any(|arg| arg == flag);
    // `cargo test` leaves `--bench` out: then it is enough that everything runs, and right.
    let mut plan = match has("--bench") && !has("--test") {
        true => Plan {
            generations: 3,
            rounds: 5,
            calls: 2_000,
            is_pinned: true,
        },
        false => Plan {
            generations: 1,
            rounds: 1,
            calls: 200,
            is_pinned: true,
        },
    };
    plan.is_pinned = !has("--free");
    let variants = match plan.is_pinned {
        true => variant::ONE_THREAD,
        false => variant::TWO_THREADS,
    };
    let mut contestants: Vec<Contestant> = variants.map(Contestant::own).into();
    if let Some(other) = value_of("--beside") {
        let trunkline = variants
            .iter()
            .filter(|variant| variant.stack == Stack::Trunkline);
        contestants.extend(trunkline.map(|variant| Contestant::other(*variant, &other)));
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

/// Starts all children, and lets them take turns.
fn generation(plan: &Plan, contestants: &[Contestant], cases: &[Case], report: &mut Report) {
    let mut server = Child::server(plan.is_pinned);
    let address = server.line();
    let mut clients: Vec<Child> = contestants
        .iter()
        .map(|contestant| Child::client(contestant, &address, plan.is_pinned))
        .collect();
    for case in cases {
        // A call that is alone takes several times as long.
        let calls = match case.in_flight {
            1 => plan.calls / 4,
            _ => plan.calls,
        };
        for client in &mut clients {
            client.round(case, calls / 4, false);
        }
        for round in 0..plan.rounds {
            let mut costs = vec![0.0; clients.len()];
            for turn in 0..clients.len() {
                // Each round begins with another variant.
                let at = (turn + round) % clients.len();
                costs[at] = clients[at].round(case, calls, false).cpu_ns;
            }
            report.add_cpu(case, &costs);
        }
        let counts: Vec<f64> = clients
            .iter_mut()
            .map(|client| client.round(case, calls, true).allocations)
            .collect();
        report.add_allocations(case, &counts);
    }
}
