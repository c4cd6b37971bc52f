//! Runs the trials, prints their results, and decides whether they meet the requirements.

use std::time::Duration;

use crate::bystanders::{self, BAD, GOOD};
use crate::contestant::{self, Contestant, TRUNKLINE};
use crate::deadlines::{self, Answer, BY_TONIC, TIMEOUT};
use crate::leaks::{self, AFTER, BEFORE, HELD, KEPT, LOST, MEMORY};
use crate::outcome::{OK, Outcome};
use crate::process::{Results, trial};
use crate::server::Kind;

/// How many different failures are printed.
const PRINTED: usize = 3;

/// How many connections a bad call may cost where the server does not announce its limit. A call with
/// so much metadata is not repeated after a GOAWAY with ENHANCE_YOUR_CALM.
const MOST_LOST: u64 = 1;

/// Runs the trial of bystanders. Returns what is not as required.
///
/// No bystander may fail where no connection was lost. At servers that announce their limit, no more
/// may fail than with tonic's channel. At others, a bad call may cost one connection, as with tonic's:
/// how many calls are under way there is chance.
pub(crate) fn bystanders(seconds: usize) -> Vec<String> {
    let mut faults = Vec::new();
    for kind in [Kind::Announcing, Kind::Silent] {
        let time = Duration::from_secs(seconds as u64);
        let results = trial(bystanders::NAME, seconds, &contestant::ALL, kind, time);
        print_bystanders(kind, seconds, &results);
        let tonic = results.iter().find(|one| one.is_tonic()).expect("tonic");
        let with_tonic = failed(&tonic.of(GOOD));
        for result in results.iter().filter(|one| !one.is_tonic()) {
            let (name, failed) = (result.contestant.name(), failed(&result.of(GOOD)));
            let (lost, bad) = (result.lost, result.of(BAD));
            if lost == 0 && failed > 0 {
                faults.push(format!(
                    "{name}: {failed} failed, and no connection was lost"
                ));
            }
            if kind == Kind::Announcing && failed > with_tonic {
                faults.push(format!("{name}: {failed} failed; with tonic {with_tonic}"));
            }
            if lost > MOST_LOST * bad.all() {
                let calls = bad.all();
                faults.push(format!("{name}: {calls} calls cost {lost} connections"));
            }
            if bad.all() == 0 || bad.of(OK) > 0 {
                let codes = bad.codes();
                faults.push(format!("{name}: the bad calls ended with {codes:?}"));
            }
        }
    }
    faults
}

fn print_bystanders(kind: Kind, seconds: usize, results: &[Results]) {
    let limit = match kind {
        Kind::Silent => "do not announce",
        _ => "announce",
    };
    println!("\nBystanders, {seconds} s, three servers that {limit} their limit of headers\n");
    println!("| client | bystanders | of them failed | connections lost | bad calls |");
    println!("|---|---|---|---|---|");
    for result in results {
        let (good, bad) = (result.of(GOOD), result.of(BAD));
        let (name, all, failed) = (result.contestant.name(), good.all(), failed(&good));
        let (lost, codes) = (result.lost, bad.codes());
        println!("| {name} | {all} | {failed} | {lost} | {codes} |");
    }
    println!();
    for result in results {
        result.print_failures(GOOD);
        result.print_failures(BAD);
    }
}

/// Runs the trial of deadlines. Returns what is not as required: each call must end with
/// `DEADLINE_EXCEEDED`.
pub(crate) fn deadlines(calls: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let time = Duration::from_secs(120);
    let results = trial(deadlines::NAME, calls, &TRUNKLINE, Kind::Late, time);
    let answers = Answer::ALL.into_iter().map(Answer::name);
    let kinds: Vec<&str> = answers.chain([BY_TONIC]).collect();
    println!("\nDeadlines: {calls} calls of each kind, with {TIMEOUT:?}\n");
    println!("| client | {} |", kinds.join(" | "));
    println!("|---|{}", "---|".repeat(kinds.len()));
    for result in &results {
        let name = result.contestant.name();
        let cells: Vec<String> = kinds.iter().map(|kind| result.of(kind).codes()).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    for result in &results {
        for kind in &kinds {
            let (name, outcome) = (result.contestant.name(), result.of(kind));
            let exceeded = outcome.of("DeadlineExceeded");
            if exceeded != calls as u64 {
                let all = outcome.codes();
                faults.push(format!("{name}, {kind}: {all} of {calls} calls"));
                result.print_failures(kind);
            }
        }
    }
    faults
}

/// How much more memory the process may hold after the trial of leaks, in KiB. Allocators keep some.
const MORE_MEMORY: u64 = 8 * 1024;

/// Runs the trial of leaks. Returns what is not as required: nothing may be left, no connection may be
/// lost while calls are dropped, and all calls that are not dropped must succeed.
pub(crate) fn leaks(calls: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let time = Duration::from_secs(180);
    let results = trial(leaks::NAME, calls, &TRUNKLINE, Kind::Announcing, time);
    println!(
        "\nLeaks: {calls} calls, one in three dropped; then {} reconnects\n",
        calls / 10
    );
    println!("| client | other calls | lost | {} |", HELD.join(" | "));
    println!("|---|---|---|{}", "---|".repeat(HELD.len()));
    for result in &results {
        let (name, kept) = (result.contestant.name(), result.of(KEPT));
        let lost = result.of(LOST).of(AFTER);
        let held = HELD.map(|kind| (result.of(kind).of(BEFORE), result.of(kind).of(AFTER)));
        let cells = held.map(|(before, after)| format!("{before}, then {after}"));
        println!(
            "| {name} | {} | {lost} | {} |",
            kept.codes(),
            cells.join(" | ")
        );
        if kept.all() == 0 || failed(&kept) > 0 {
            faults.push(format!("{name}: {}", kept.codes()));
        }
        if lost > 0 {
            faults.push(format!("{name}: {lost} connections were lost"));
        }
        for (kind, (before, after)) in HELD.into_iter().zip(held) {
            let more = if kind == MEMORY { MORE_MEMORY } else { 0 };
            if after > before + more {
                faults.push(format!("{name}: {before} {kind} before, {after} after"));
            }
        }
    }
    for result in &results {
        result.print_failures(KEPT);
    }
    faults
}

fn failed(outcome: &Outcome) -> u64 {
    outcome.all() - outcome.of(OK)
}

impl Results {
    fn is_tonic(&self) -> bool {
        self.contestant == Contestant::Tonic
    }

    /// Returns how the calls of a kind ended.
    fn of(&self, kind: &str) -> Outcome {
        self.outcomes.get(kind).cloned().unwrap_or_default()
    }

    fn print_failures(&self, kind: &str) {
        for (text, calls) in self.of(kind).failures().into_iter().take(PRINTED) {
            println!("{}, {kind}: {calls} x {text}", self.contestant.name());
        }
    }
}
