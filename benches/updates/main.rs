//! What an update of its list of endpoints costs a channel with 10,000 of them.
//!
//! *Simulated*: everything is in virtual time over a simulated network (`crates/sim`), on one thread: the channel, its
//! resolver, the connections that the update makes and closes, and their backends. Beside it are the same lists
//! for round_robin alone, which has neither channel nor connections. CPU time of the thread, and its
//! allocations.
//!
//! *Sockets*: a process with a channel, beside one with tonic's balanced channel, whose endpoints are inserted and
//! removed one by one, over loopback. CPU time of the client's process until the server has exactly the
//! connections of the new list. tonic looks at its list, and works on its connections, only when a call is made,
//! so both make calls until then.
//!
//! `--only simulated` or `--only sockets` measures one of both. `--json FILE` writes all figures, those of three
//! separate processes. Without `--bench`, as `cargo test` runs
//! it, there are few endpoints.

mod client;
mod server;
mod simulated;
mod sockets;

use std::env;
use std::process::ExitCode;

use trunkline_benches::allocations::CountingAllocator;
use trunkline_benches::publish;
use trunkline_benches::runs::{self, Run, is_whole};
use trunkline_benches::versions;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The parts.
const SIMULATED: &str = "simulated";
const SOCKETS: &str = "sockets";

fn main() -> ExitCode {
    match env::var(sockets::ROLE).as_deref() {
        Ok(server::ROLE) => {
            server::run();
            return ExitCode::SUCCESS;
        }
        Ok(role) => {
            client::run(role);
            return ExitCode::SUCCESS;
        }
        Err(_) => {}
    }
    let only = env::args().skip_while(|arg| arg != "--only").nth(1);
    let wants = |part: &str| only.as_deref().is_none_or(|only| only == part);
    assert!(
        wants(SIMULATED) || wants(SOCKETS),
        "no part {only:?}; there are {SIMULATED} and {SOCKETS}"
    );
    let run = runs::measure(|| {
        let mut contests = Vec::new();
        if wants(SIMULATED) {
            contests.extend(simulated::measure(is_whole()));
        }
        if wants(SOCKETS) {
            contests.push(sockets::measure(is_whole()));
        }
        Run {
            contests,
            left_out: Vec::new(),
        }
    });
    let mut results = run.results("updates");
    results.versions = vec![("tonic".to_owned(), versions::of("tonic").to_owned())];
    results.notes.push(format!("{} separate runs", runs::RUNS));
    if wants(SIMULATED) {
        simulated::report(&run, &mut results);
    }
    if wants(SOCKETS) {
        sockets::report(&run, &mut results);
    }
    publish::end(&results)
}
