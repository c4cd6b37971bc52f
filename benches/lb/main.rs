//! What load balancing costs: a pick, the end of a call, a new list of endpoints, memory.
//!
//! Every policy of the standard registry that balances is measured in one run beside the floor (an
//! `ArcSwap<Vec<_>>` with one counter) and tower's `p2c`. Times are CPU times of the thread, so that
//! other work on the machine disturbs little; contestants take turns, and only ratios within a round
//! are judged. Where a Go toolchain is, grpc-go's `round_robin` handles the same lists.
//!
//! `--picks` measures picks alone. `--json FILE` writes all figures, those of three separate processes.
//! Without `--bench`, as `cargo test` runs it, it checks once that everything works and that a pick
//! allocates nothing.

mod cases;
mod contestant;
mod go;
mod picks;
mod policy;
mod report;
mod updates;

use std::process::ExitCode;

use trunkline_benches::contest::Contest;
use trunkline_benches::memory::SizingAllocator;
use trunkline_benches::policies::now;
use trunkline_benches::publish;
use trunkline_benches::results::Side;
use trunkline_benches::runs::{self, Run, is_whole};

use self::cases::{
    ALLOCATIONS, BESIDE, END, FLOOR, GO, GROWTH, MEMORY, OF_GO_COUNTS, PICK, SHARING, SHORT, Size,
    TOWER, UPDATE, WHOLE, case, connections, grown_list, list, total,
};
use self::contestant::{Contestant, Floor, P2c, Published};
use self::picks::Costs;
use self::policy::{POLICIES, Policy, ids, requests};
use self::updates::Update;

#[global_allocator]
static ALLOCATOR: SizingAllocator = SizingAllocator;

fn main() -> ExitCode {
    let size = if is_whole() { WHOLE } else { SHORT };
    let has_all = !std::env::args().any(|arg| arg == "--picks");
    let run = runs::measure(|| {
        let mut run = Run {
            contests: measure_picks(&size),
            left_out: Vec::new(),
        };
        if has_all {
            measure_updates(&size, &mut run);
            run.contests.push(measure_memory(&size));
        }
        run
    });
    publish::end(&report::results(&run, &size, has_all))
}

/// Returns all contestants in the order of their figures: the peers, then ours.
fn sides(peers: &[(&'static str, Side)]) -> Vec<(&'static str, Side)> {
    let ours = POLICIES.iter().map(|policy| (policy.name, Side::Ours));
    peers.iter().copied().chain(ours).collect()
}

fn measure_picks(size: &Size) -> Vec<Contest> {
    let sides = sides(&[(FLOOR, Side::Floor), (TOWER, Side::Peer)]);
    let [mut pick, mut beside, mut sharing, mut end, mut allocations] =
        [PICK, BESIDE, SHARING, END, ALLOCATIONS].map(|name| Contest::new(name, &sides));
    let requests = requests();
    for &count in size.counts {
        let ids = ids(count, now());
        let (floor, p2c) = (Floor::new(ids.clone()), P2c::new(ids));
        let published = |policy: &Policy| {
            let start = now();
            let driver = policy.ready(count, start);
            Published::new(driver.picker(), policy.trailers(), start)
        };
        let pickers: Vec<Published> = POLICIES.iter().map(published).collect();
        let peers: [&dyn Contestant; 2] = [&floor, &p2c];
        let ours = pickers.iter().map(|picker| picker as &dyn Contestant);
        let contestants: Vec<&dyn Contestant> = peers.into_iter().chain(ours).collect();
        let costs = picks::measure(&contestants, &requests, size.plan);
        let all = |figures: &dyn Fn(&Costs) -> Vec<f64>| costs.iter().map(figures).collect();
        let case = case(count);
        pick.add(&*case, all(&|costs| costs.one.clone()));
        beside.add(&*case, all(&|costs| costs.two.clone()));
        sharing.add(&*case, all(&Costs::of_sharing));
        let with_ends = contestants.iter().zip(&costs);
        let with_ends = with_ends.map(|(contestant, costs)| match contestant.has_ends() {
            true => costs.end.clone(),
            false => Vec::new(),
        });
        end.add(&*case, with_ends.collect());
        allocations.add(case, all(&|costs| vec![costs.allocations as f64]));
    }
    vec![pick, beside, sharing, end, allocations]
}

fn measure_updates(size: &Size, run: &mut Run) {
    let go = if is_whole() {
        go::measure(OF_GO_COUNTS, size.updates)
    } else {
        Err("this is a short run".to_owned())
    };
    let own: Vec<Vec<Update>> = POLICIES
        .iter()
        .map(|policy| {
            let update = |count: &u32| updates::measure(policy, *count, size.updates, now());
            size.updated.iter().map(update).collect()
        })
        .collect();
    let mut update = Contest::new(UPDATE, &sides(&[(GO, Side::Peer)]));
    let theirs = go.as_deref().unwrap_or_default();
    type Part = (fn(u32) -> String, fn(&Update) -> f64);
    let parts: [Part; 3] = [
        (list, |update| update.list),
        (connections, |update| update.connections),
        (total, |update| update.total()),
    ];
    for (at, &count) in size.updated.iter().enumerate() {
        for (case, figure) in parts {
            let figures = [theirs].into_iter().chain(own.iter().map(Vec::as_slice));
            let figures = figures.map(|of| of.get(at).map(figure).into_iter().collect());
            update.add(case(count), figures.collect());
        }
    }
    let mut growth = Contest::new(GROWTH, &sides(&[]));
    for (at, counts) in size.updated.windows(2).enumerate() {
        let each = f64::from(counts[0]) / f64::from(counts[1]);
        let figures = own
            .iter()
            .map(|of| vec![of[at + 1].list / of[at].list * each]);
        growth.add(grown_list(counts), figures.collect());
    }
    run.contests.extend([update, growth]);
    if let Err(why) = go {
        run.left_out.push(format!("{GO}: {why}"));
    }
}

fn measure_memory(size: &Size) -> Contest {
    let count = *size.counts.last().unwrap_or(&1);
    let all: Vec<updates::Memory> = POLICIES
        .iter()
        .map(|policy| updates::memory(policy, count, now()))
        .collect();
    let mut memory = Contest::new(MEMORY, &sides(&[]));
    let mut add = |case: &str, figure: fn(&updates::Memory) -> i64| {
        let figures = all.iter().map(|memory| vec![figure(memory) as f64]);
        memory.add(case, figures.collect());
    };
    add("while it connects", |memory| memory.connecting);
    add("while it is ready", |memory| memory.ready);
    memory
}

impl Costs {
    /// Returns how many times as much a pick costs while another thread picks too, within each round.
    fn of_sharing(&self) -> Vec<f64> {
        let rounds = self.two.iter().zip(&self.one);
        rounds.map(|(two, one)| two / one).collect()
    }
}
