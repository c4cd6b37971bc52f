//! What load balancing costs: a pick, the end of a call, a new list of endpoints, memory.
//!
//! Every policy of the standard registry that balances is measured in one run beside the floor (an
//! `ArcSwap<Vec<_>>` with one counter) and tower's `p2c`. Times are CPU times of the thread, so that
//! other work on the machine disturbs little; contestants take turns, and only ratios within a round
//! are judged. Where a Go toolchain is, grpc-go's `round_robin` handles the same lists.
//!
//! `--picks` measures picks alone. Without `--bench`, as `cargo test` runs it, it checks once that everything works and that a pick
//! allocates nothing.

mod clock;
mod contestant;
mod go;
mod picks;
mod policy;
mod updates;
mod verdict;

use std::process::ExitCode;

use trunkline_benches::memory::SizingAllocator;
use trunkline_benches::policies::now;

use self::contestant::{Contestant, Floor, P2c, Published};
use self::picks::{Costs, Plan};
use self::policy::{POLICIES, Policy, ids, requests};
use self::verdict::Verdict;

#[global_allocator]
static ALLOCATOR: SizingAllocator = SizingAllocator;

/// The most that a pick of round_robin may cost, as a fraction of one of tower's.
const OF_P2C: f64 = 0.2;
/// The most that a pick of round_robin may cost while another thread picks, in costs without it.
const OF_SHARING: f64 = 1.5;
/// The most that a pick of ring_hash may cost with 10,000 endpoints, in costs with 100: the search
/// halves the ring log2(10,000) / log2(100) = 2 times as often.
const OF_RING: f64 = 2.0;
/// The most that an update may cost, as a fraction of grpc-go's.
const OF_GO: f64 = 0.2;
/// The numbers of endpoints that grpc-go is measured with: the first of those of [`WHOLE`]. It would
/// take an hour to connect 100,000, because each connection makes a new list of all of them.
const OF_GO_COUNTS: &[u32] = &[1_000, 10_000];
/// The most that ten times as many endpoints may cost, in costs of an endpoint: a list of 100,000
/// fits no cache, so that growth is not exactly linear.
const OF_GROWTH: f64 = 3.0;

/// The size of a run.
struct Size {
    counts: &'static [u32],
    plan: Plan,
    updated: &'static [u32],
    updates: u32,
}

const WHOLE: Size = Size {
    counts: &[3, 100, 10_000],
    plan: Plan {
        rounds: 25,
        batches: 12,
    },
    updated: &[1_000, 10_000, 100_000],
    updates: 5,
};

const SHORT: Size = Size {
    counts: &[3, 100],
    plan: Plan {
        rounds: 1,
        batches: 1,
    },
    updated: &[100, 1_000],
    updates: 2,
};

fn main() -> ExitCode {
    let is_whole = std::env::args().any(|arg| arg == "--bench");
    let size = if is_whole { WHOLE } else { SHORT };
    let mut verdict = Verdict::default();
    measure_picks(&POLICIES, &size, &mut verdict);
    if std::env::args().any(|arg| arg == "--picks") {
        verdict.print();
        return ExitCode::SUCCESS;
    }
    measure_updates(&POLICIES, &size, is_whole, &mut verdict);
    measure_memory(&POLICIES, &size);
    verdict.print();
    // A run of `cargo test` measures too little to judge times.
    if verdict.has_failed(is_whole) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn measure_picks(policies: &[Policy], size: &Size, verdict: &mut Verdict) {
    let requests = requests();
    let mut ring = Vec::new();
    for &count in size.counts {
        let ids = ids(count, now());
        let (floor, p2c) = (Floor::new(ids.clone()), P2c::new(ids));
        let published = |policy: &Policy| {
            let start = now();
            let driver = policy.ready(count, start);
            Published::new(driver.picker(), policy.trailers(), start)
        };
        let pickers: Vec<Published> = policies.iter().map(published).collect();
        let peers: [(&str, &dyn Contestant); 2] = [("floor", &floor), ("tower's p2c", &p2c)];
        let ours = policies.iter().zip(&pickers);
        let ours = ours.map(|(policy, picker)| (policy.name, picker as &dyn Contestant));
        let (names, contestants): (Vec<&str>, Vec<&dyn Contestant>) =
            peers.into_iter().chain(ours).unzip();
        let costs = picks::measure(&contestants, &requests, size.plan);
        print_picks(count, &names, &contestants, &costs);
        for (policy, costs_of) in policies.iter().zip(&costs[peers.len()..]) {
            let what = format!("{}, {count} endpoints", policy.name);
            verdict.exact(format!("{what}: allocations"), costs_of.allocations);
            if let Some(most) = policy.most {
                verdict.at_most(
                    format!("{what}: of the floor"),
                    costs_of.ratio(&costs[0]),
                    most,
                );
            }
            match policy.name {
                "round_robin" => {
                    let ratio = costs_of.ratio(&costs[1]);
                    verdict.at_most(format!("{what}: of tower's p2c"), ratio, OF_P2C);
                    let ratio = costs_of.of_sharing();
                    verdict.at_most(format!("{what}: two threads, of one"), ratio, OF_SHARING);
                }
                "ring_hash" => ring.push(clock::median(costs_of.one.clone())),
                _ => {}
            }
        }
    }
    if let [_, hundred, ten_thousand] = ring[..] {
        let what = "ring_hash: 10,000 endpoints, of 100".to_owned();
        verdict.at_most(what, ten_thousand / hundred, OF_RING);
    }
}

fn print_picks(count: u32, names: &[&str], contestants: &[&dyn Contestant], costs: &[Costs]) {
    println!(
        "\n{count} endpoints              ns a pick   of floor   ns, 2 threads   of own   ns an end   allocations"
    );
    for ((name, contestant), own) in names.iter().zip(contestants).zip(costs) {
        let end = if contestant.has_ends() {
            format!("{:.1}", clock::median(own.end.clone()))
        } else {
            "-".to_owned()
        };
        println!(
            "{name:24} {:12.1} {:10.2} {:15.1} {:8.2} {end:>11} {:13}",
            clock::median(own.one.clone()),
            own.ratio(&costs[0]),
            clock::median(
                own.two
                    .iter()
                    .copied()
                    .filter(|time| time.is_finite())
                    .collect()
            ),
            own.of_sharing(),
            own.allocations,
        );
    }
}

fn measure_updates(policies: &[Policy], size: &Size, is_whole: bool, verdict: &mut Verdict) {
    let go = if is_whole {
        go::measure(OF_GO_COUNTS, size.updates)
    } else {
        Err("this is a short run".to_owned())
    };
    println!(
        "\nCPU of an update with 1 % changed, us: the list + connections that come one by one"
    );
    for policy in policies {
        let update = |count: &u32| updates::measure(policy, *count, size.updates, now());
        let own: Vec<updates::Update> = size.updated.iter().map(update).collect();
        print_updates(policy.name, size.updated, &own);
        for (pair, counts) in own.windows(2).zip(size.updated.windows(2)) {
            let each = f64::from(counts[0]) / f64::from(counts[1]);
            let what = format!(
                "{}: the list of {} endpoints, an endpoint, of {}",
                policy.name, counts[1], counts[0]
            );
            verdict.at_most(what, pair[1].list / pair[0].list * each, OF_GROWTH);
        }
        let theirs = go.as_deref().unwrap_or_default();
        if policy.name == "round_robin" {
            for ((own, their), count) in own.iter().zip(theirs).zip(size.updated) {
                let what = format!("round_robin, update of {count} endpoints: of grpc-go's");
                verdict.at_most(format!("{what}, the list"), own.list / their.list, OF_GO);
                verdict.at_most(format!("{what}, all"), own.total() / their.total(), OF_GO);
            }
        }
    }
    match &go {
        Ok(theirs) => print_updates("grpc-go's round_robin", OF_GO_COUNTS, theirs),
        Err(why) => println!("grpc-go is left out: {why}"),
    }
}

fn print_updates(name: &str, counts: &[u32], updates: &[updates::Update]) {
    print!("{name:24}");
    for (count, update) in counts.iter().zip(updates) {
        print!("  {count}: {:.0} + {:.0}", update.list, update.connections);
    }
    println!();
}

fn measure_memory(policies: &[Policy], size: &Size) {
    let count = *size.counts.last().unwrap_or(&1);
    println!("\nbytes an endpoint, {count} endpoints: while it connects / while it is ready");
    for policy in policies {
        let memory = updates::memory(policy, count, now());
        println!(
            "{:24} {} / {}",
            policy.name, memory.connecting, memory.ready
        );
    }
}
