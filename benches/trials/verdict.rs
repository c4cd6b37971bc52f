//! Runs the trials, and compares their results with the requirements.

use std::time::Duration;

use crate::bystanders::{self, BAD, GOOD};
use crate::contestant::{self, Contestant, TRUNKLINE};
use crate::deadlines::{self, Answer, BY_TONIC, TIMEOUT};
use crate::findings::Findings;
use crate::leaks::{self, AFTER, BEFORE, HELD, KEPT, LOST, MEMORY};
use crate::outcome::{OK, Outcome};
use crate::process::{Results, trial};
use crate::server::Kind;

/// How many different failures are printed.
const PRINTED: usize = 3;

/// How many connections a bad call may cost where the server does not announce its limit. A call with
/// so much metadata is not repeated after a GOAWAY with ENHANCE_YOUR_CALM.
const MOST_LOST: u64 = 1;

/// Runs the trial of bystanders.
///
/// No bystander may fail where no connection was lost. At servers that announce their limit, no more
/// may fail than with tonic's channel. At others, a bad call may cost one connection, as with tonic's:
/// how many calls are under way there is chance.
pub(crate) fn bystanders(seconds: usize, findings: &mut Findings) {
    for kind in [Kind::Announcing, Kind::Silent] {
        let time = Duration::from_secs(seconds as u64);
        let results = trial(bystanders::NAME, seconds, &contestant::ALL, kind, time);
        let limit = match kind {
            Kind::Silent => "do not announce",
            _ => "announce",
        };
        let servers = format!("servers that {limit} their limit of headers");
        let rows = results.iter().map(|result| {
            let (good, bad) = (result.of(GOOD), result.of(BAD));
            let counts = vec![good.all(), failed(&good), bad.all(), result.lost];
            (result.contestant, counts)
        });
        findings.add_table(
            format!("Bystanders, {seconds} s, three {servers}"),
            &[
                "bystanders",
                "of them failed",
                "bad calls",
                "connections lost",
            ],
            rows.collect(),
        );
        let codes = results.iter().map(|result| {
            let codes = result.of(BAD).codes();
            format!("{} {codes}", result.contestant.name())
        });
        let codes: Vec<String> = codes.collect();
        findings.results.notes.push(format!(
            "how the bad calls ended at {servers}: {}",
            codes.join("; ")
        ));
        require_of_bystanders(&results, kind, &servers, findings);
        for result in &results {
            result.print_failures(GOOD);
            result.print_failures(BAD);
        }
    }
}

fn require_of_bystanders(results: &[Results], kind: Kind, servers: &str, findings: &mut Findings) {
    let tonic = results.iter().find(|one| one.is_tonic()).expect("tonic");
    let with_tonic = failed(&tonic.of(GOOD));
    for result in results.iter().filter(|one| !one.is_tonic()) {
        let (name, failed) = (result.contestant.name(), failed(&result.of(GOOD)));
        let (lost, bad) = (result.lost, result.of(BAD));
        if lost == 0 && failed > 0 {
            let fault = format!("{name}: {failed} failed, and no connection was lost");
            findings.faults.push(fault);
        }
        if kind == Kind::Announcing {
            let what = format!("bystanders that fail, {name}: {servers}");
            findings.require(what, "tonic", failed, with_tonic);
        }
        let what = format!(
            "connections that {} bad calls cost, {name}: {servers}",
            bad.all()
        );
        findings.require(what, "", lost, MOST_LOST * bad.all());
        if bad.all() == 0 || bad.of(OK) > 0 {
            let codes = bad.codes();
            let fault = format!("{name}: the bad calls ended with {codes:?}");
            findings.faults.push(fault);
        }
    }
}

/// Runs the trial of deadlines: each call must end with `DEADLINE_EXCEEDED`.
pub(crate) fn deadlines(calls: usize, findings: &mut Findings) {
    let time = Duration::from_secs(120);
    let results = trial(deadlines::NAME, calls, &TRUNKLINE, Kind::Late, time);
    let answers = Answer::ALL.into_iter().map(Answer::name);
    let kinds: Vec<&str> = answers.chain([BY_TONIC]).collect();
    let exceeded = |outcome: &Outcome| outcome.of("DeadlineExceeded");
    let rows = results.iter().map(|result| {
        let counts = kinds.iter().map(|kind| exceeded(&result.of(kind)));
        (result.contestant, counts.collect())
    });
    findings.add_table(
        format!(
            "Deadlines: {calls} calls of each kind with {TIMEOUT:?}, of which DEADLINE_EXCEEDED"
        ),
        &kinds,
        rows.collect(),
    );
    for result in &results {
        for kind in &kinds {
            let outcome = result.of(kind);
            let others = (calls as u64).saturating_sub(exceeded(&outcome));
            let name = result.contestant.name();
            if others > 0 || outcome.all() != calls as u64 {
                let all = outcome.codes();
                findings
                    .faults
                    .push(format!("{name}, {kind}: {all} of {calls} calls"));
                result.print_failures(kind);
            }
        }
        let all: u64 = kinds.iter().map(|kind| exceeded(&result.of(kind))).sum();
        let others = ((calls * kinds.len()) as u64).saturating_sub(all);
        let name = result.contestant.name();
        let what = format!("calls past their deadline that end otherwise, {name}");
        findings.require(what, "", others, 0);
    }
}

/// How much more memory the process may hold after the trial of leaks, in KiB. Allocators keep some.
const MORE_MEMORY: u64 = 8 * 1024;

/// Runs the trial of leaks: nothing may be left, no connection may be lost while calls are dropped, and
/// all calls that are not dropped must succeed.
pub(crate) fn leaks(calls: usize, findings: &mut Findings) {
    let time = Duration::from_secs(180);
    let results = trial(leaks::NAME, calls, &TRUNKLINE, Kind::Announcing, time);
    let held = |result: &Results, kind: &str| {
        let outcome = result.of(kind);
        (outcome.of(BEFORE), outcome.of(AFTER))
    };
    let mut columns = vec!["other calls".to_owned(), "connections lost".to_owned()];
    columns.extend(
        HELD.iter()
            .flat_map(|kind| [kind.to_string(), format!("{kind} after it")]),
    );
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows = results.iter().map(|result| {
        let mut counts = vec![result.of(KEPT).of(OK), result.of(LOST).of(AFTER)];
        counts.extend(
            HELD.iter()
                .flat_map(|kind| <[u64; 2]>::from(held(result, kind))),
        );
        (result.contestant, counts)
    });
    findings.add_table(
        format!(
            "Leaks: {calls} calls, one in three dropped; then {} reconnects",
            calls / 10
        ),
        &columns,
        rows.collect(),
    );
    for result in &results {
        let (name, kept) = (result.contestant.name(), result.of(KEPT));
        if kept.all() == 0 {
            findings.faults.push(format!("{name}: no other calls"));
        }
        findings.require(
            format!("other calls that fail, {name}"),
            "",
            failed(&kept),
            0,
        );
        let lost = result.of(LOST).of(AFTER);
        findings.require(
            format!("connections lost by dropped calls, {name}"),
            "",
            lost,
            0,
        );
        for kind in HELD {
            let (before, after) = held(result, kind);
            let more = if kind == MEMORY { MORE_MEMORY } else { 0 };
            let grown = after.saturating_sub(before);
            findings.require(
                format!("{kind} more after dropped calls, {name}"),
                "",
                grown,
                more,
            );
        }
        result.print_failures(KEPT);
    }
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
