//! What a race of connection attempts costs: in the core alone, and beside the runtime's plain connect on
//! loopback.
//!
//! `--json FILE` writes all figures, those of three separate processes. Without `--bench`, as `cargo test`
//! runs it, each thing is done once.

mod alone;
mod loopback;

use std::process::ExitCode;

use trunkline_benches::allocations::CountingAllocator;
use trunkline_benches::publish;
use trunkline_benches::runs::{self, Run, is_whole};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    let run = runs::measure(|| {
        let is_whole = is_whole();
        let mut contests = alone::measure(is_whole);
        contests.extend(loopback::measure(is_whole));
        Run {
            contests,
            left_out: Vec::new(),
        }
    });
    let mut results = run.results("connect");
    let note = format!("{} separate runs", runs::RUNS);
    results.notes.push(note);
    loopback::report(&run, &mut results);
    alone::report(&run, &mut results);
    if !is_whole() {
        // The time of one round decides nothing.
        results.targets.clear();
    }
    publish::end(&results)
}
