//! What an update of endpoints costs a client of xDS: 3,000 endpoints of which one changes, beside grpc-go;
//! and 1 MB of endpoints that did not change.
//!
//! The update is measured with whole processes. One control plane (go-control-plane) sends it to a client of ours and
//! to grpc-go's at the same time, and both keep a connection to each of 3,000 addresses of one process. What counts is
//! the CPU time of the two clients, so other work on the machine disturbs both alike. Only the ratio is judged.
//! `--json FILE` writes all figures; all processes are started again three times. Without `--bench`, as
//! `cargo test` runs it, only the part without other processes runs, once.

mod client;
mod cpu;
mod program;
mod side;
mod unchanged;
mod updates;

use std::env;
use std::process::ExitCode;

use trunkline_benches::contest::Contest;
use trunkline_benches::publish;
use trunkline_benches::results::Side;
use trunkline_benches::runs::{self, Run, is_whole};

/// The endpoints, of which one changes with each update.
const ENDPOINTS: usize = 3_000;

/// How often the ratio is measured in a run.
const ROUNDS: usize = 3;

/// The updates of a round.
const UPDATES: usize = 20;

const OURS: &str = "trunkline";
const GO: &str = "grpc-go";
const SIDES: [(&str, Side); 2] = [(OURS, Side::Ours), (GO, Side::Peer)];

/// What is measured.
const UPDATE: &str = "CPU time of an update";
const ONE_CHANGED: &str = "one endpoint of 3,000 replaced";
const UNCHANGED: &str = "CPU time of an unchanged response";
const MEGABYTE: &str = "1 MB of endpoints";

/// The most that an update may cost, as a fraction of grpc-go's.
const OF_GO: f64 = 0.2;

/// The most that endpoints of 1 MB may cost that have not changed, in milliseconds.
const MOST_UNCHANGED: f64 = 1.0;

fn main() -> ExitCode {
    if env::var_os(client::ROLE).is_some() {
        client::run();
        return ExitCode::SUCCESS;
    }
    let run = runs::measure(measure);
    let mut results = run.results("xds");
    results.notes.push(format!(
        "{} separate runs of {ROUNDS} rounds of {UPDATES} updates",
        runs::RUNS
    ));
    let (update, unchanged) = (run.contest(UPDATE), run.contest(UNCHANGED));
    let titles = [
        "CPU time of an update, as a ratio to grpc-go's (in brackets: its time)",
        "CPU time of an update, in milliseconds",
    ];
    results.tables.extend(update.tables(titles, GO, "ms", 1));
    let title = "CPU time of an unchanged response, in milliseconds";
    results.tables.push(unchanged.table_of_figures(title, 3));
    if is_whole() {
        // A run of `cargo test` measures too little to judge times.
        results.targets = vec![
            update.target_of_ratio(ONE_CHANGED, OURS, GO, OF_GO),
            unchanged.target(MEGABYTE, OURS, MOST_UNCHANGED),
        ];
    }
    publish::end(&results)
}

fn measure() -> Run {
    let mut unchanged = Contest::new(UNCHANGED, &SIDES[..1]);
    let times = unchanged::measure(if is_whole() { 101 } else { 1 });
    unchanged.add(MEGABYTE, vec![times]);
    let mut update = Contest::new(UPDATE, &SIDES);
    let mut left_out = Vec::new();
    let program = if is_whole() {
        program::build()
    } else {
        Err("this is a short run".to_owned())
    };
    match program {
        Ok(program) => {
            let costs = updates::measure(&program, ENDPOINTS, ROUNDS, UPDATES);
            update.add(ONE_CHANGED, costs);
        }
        Err(why) => {
            left_out.push(format!("{GO}: {why}"));
            update.add(ONE_CHANGED, vec![Vec::new(), Vec::new()]);
        }
    }
    Run {
        contests: vec![update, unchanged],
        left_out,
    }
}
