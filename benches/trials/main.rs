//! Trials: what bad calls and late answers do to the other calls of a channel, beside tonic's own
//! `Channel` in the same run.
//!
//! *Bystanders*: for some time, 200 calls a second are made over three tonic servers, and beside
//! them one call a second whose metadata is far over the servers' limit. The trial counts the good
//! calls that fail, and the connections that are lost.
//!
//! *Deadlines*: calls with a deadline of 20 ms, which the server lets pass in several ways. Each of
//! them must end with `DEADLINE_EXCEEDED`.
//!
//! *Leaks*: calls of which one in three is dropped early, and connections that come and go. Memory,
//! descriptors, threads and tasks must return to where they were, no connection may be lost, and no
//! other call may fail.
//!
//! This process only coordinates. Each client is a process of its own, with servers of its own in
//! another process. All clients run at the same time, so the noise of the machine affects all of
//! them. The process fails if a Trunkline channel does not meet the requirements.
//!
//! Arguments: `--only bystanders`, `--only deadlines` or `--only leaks` runs one trial. `--json FILE` writes all
//! figures. Without `--bench`, the trials are short.

mod contestant;
mod outcome;

mod socket;

mod server;

mod greet;

mod bystanders;
mod deadlines;
mod leaks;

mod client;
mod findings;
mod process;
mod verdict;

use std::env;
use std::process::ExitCode;

use trunkline_benches::publish::publish;

use crate::findings::Findings;

fn main() -> ExitCode {
    if let Some(role) = process::role() {
        return role.run();
    }
    let has = |flag: &str| env::args().any(|arg| arg == flag);
    let only = env::args().skip_while(|arg| arg != "--only").nth(1);
    let names = [bystanders::NAME, deadlines::NAME, leaks::NAME];
    if let Some(only) = only.as_deref().filter(|only| !names.contains(only)) {
        panic!("no trial {only:?}; there are {names:?}");
    }
    let is_wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    // `cargo test` does not pass `--bench`. Then only check that everything works.
    let is_long = has("--bench") && !has("--test");
    let mut findings = Findings::new();
    if is_wanted(bystanders::NAME) {
        let seconds = if is_long { 30 } else { 3 };
        verdict::bystanders(seconds, &mut findings);
    }
    if is_wanted(deadlines::NAME) {
        let calls = if is_long { 3_000 } else { 100 };
        verdict::deadlines(calls, &mut findings);
    }
    if is_wanted(leaks::NAME) {
        let calls = if is_long { 100_000 } else { 2_000 };
        verdict::leaks(calls, &mut findings);
    }
    publish(&findings.results).expect("a file that can be written");
    for fault in &findings.faults {
        println!("FAILED: {fault}");
    }
    ExitCode::from(u8::from(!findings.faults.is_empty()))
}
