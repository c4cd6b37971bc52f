//! The tables, and what they have to show.

use trunkline_benches::contest::Contest;
use trunkline_benches::results::{Results, Target};
use trunkline_benches::runs::{self, Run, is_whole};
use trunkline_benches::versions;

use crate::cases::{
    ALLOCATIONS, BESIDE, END, FLOOR, GO, GROWTH, MEMORY, OF_GO_COUNTS, PICK, SHARING, Size, TOWER,
    UPDATE, case, grown_list, list, total,
};
use crate::policy::POLICIES;

/// The most that a pick of round_robin may cost, as a fraction of one of tower's.
const OF_P2C: f64 = 0.2;
/// The most that a pick of round_robin may cost while another thread picks, in costs without it.
const OF_SHARING: f64 = 1.5;
/// The most that a pick of ring_hash may cost with 10,000 endpoints, in costs with 100: the search
/// halves the ring log2(10,000) / log2(100) = 2 times as often.
const OF_RING: f64 = 2.0;
/// The most that an update may cost, as a fraction of grpc-go's.
const OF_GO: f64 = 0.2;
/// The most that ten times as many endpoints may cost, in costs of an endpoint: a list of 100,000
/// fits no cache, so that growth is not exactly linear.
const OF_GROWTH: f64 = 3.0;

/// The policy that has a peer for everything.
const ROUND_ROBIN: &str = "round_robin";

/// Returns the results. `has_all` is false if picks alone were measured.
pub(crate) fn results(run: &Run, size: &Size, has_all: bool) -> Results {
    let mut results = run.results("lb");
    results.versions = vec![("tower".to_owned(), versions::of("tower").to_owned())];
    results.notes.push(format!(
        "{} separate runs of {} rounds with {} batches of 4,096 picks; the CPU time of the thread",
        runs::RUNS,
        size.plan.rounds,
        size.plan.batches
    ));
    add_picks(run, size, &mut results);
    if has_all {
        add_updates(run, size, &mut results);
        let mut table = run
            .contest(MEMORY)
            .table_of_figures("Memory of an endpoint, in bytes", 0);
        table.hide_spread();
        results.tables.push(table);
    }
    results
}

fn add_picks(run: &Run, size: &Size, results: &mut Results) {
    let (pick, sharing) = (run.contest(PICK), run.contest(SHARING));
    let titles = [
        "A pick, as a ratio to the floor (in brackets: its time)",
        "A pick, in nanoseconds",
    ];
    let mut tables = pick.tables(titles, FLOOR, "ns", 1);
    tables[0].plot = Some("lb-pick".to_owned());
    results.tables.extend(tables);
    let figures = |name, title: &str, digits| run.contest(name).table_of_figures(title, digits);
    let beside = "A pick while another thread picks without pause, in nanoseconds";
    results.tables.extend([
        figures(BESIDE, beside, 1),
        figures(END, "The end of a call, in nanoseconds", 1),
    ]);
    let mut table = figures(ALLOCATIONS, "Allocations of 4,096 picks and ends", 0);
    table.hide_spread();
    results.tables.push(table);
    for &count in size.counts {
        let case = case(count);
        // Allocations are the same in a short run; times mean nothing there.
        let allocations = run.contest(ALLOCATIONS);
        let none = POLICIES
            .iter()
            .map(|policy| allocations.target(&case, policy.name, 0.0));
        results.targets.extend(none);
        if !is_whole() {
            continue;
        }
        for policy in &POLICIES {
            let most = policy
                .most
                .map(|most| pick.target_of_ratio(&case, policy.name, FLOOR, most));
            results.targets.extend(most);
        }
        results.targets.extend([
            pick.target_of_ratio(&case, ROUND_ROBIN, TOWER, OF_P2C),
            sharing.target(&case, ROUND_ROBIN, OF_SHARING),
        ]);
    }
    if let (true, [_, hundred, most]) = (is_whole(), size.counts) {
        results.targets.extend(of_ring(pick, *hundred, *most));
    }
}

/// Returns the target of the growth of ring_hash.
fn of_ring(pick: &Contest, fewer: u32, more: u32) -> Option<Target> {
    let median = |count| Some(pick.figure(&case(count), "ring_hash")?.median);
    Some(Target {
        what: format!("{PICK}, ring_hash: {}", case(more)),
        against: case(fewer),
        most: OF_RING,
        figure: Some(median(more)? / median(fewer)?),
        runs: None,
    })
}

fn add_updates(run: &Run, size: &Size, results: &mut Results) {
    let (update, growth) = (run.contest(UPDATE), run.contest(GROWTH));
    let title = "An update with 1 % of the endpoints replaced, in microseconds: the list, and the connections of the new endpoints, which become ready one by one";
    let mut table = update.table_of_figures(title, 0);
    // Only round_robin has a peer here.
    table.is_judged = false;
    results.tables.push(table);
    let title = "Growth of an update of the list: what an endpoint costs";
    let mut table = growth.table_of_figures(title, 2);
    table.is_judged = false;
    results.tables.push(table);
    if !is_whole() {
        return;
    }
    for counts in size.updated.windows(2) {
        let grown = |name| growth.target(&grown_list(counts), name, OF_GROWTH);
        let targets = POLICIES.iter().map(|policy| grown(policy.name));
        results.targets.extend(targets);
    }
    for &count in OF_GO_COUNTS {
        for case in [list(count), total(count)] {
            let target = update.target_of_ratio(&case, ROUND_ROBIN, GO, OF_GO);
            results.targets.push(target);
        }
    }
}
