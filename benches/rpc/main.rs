//! Compares what calls cost the client: tonic's stub on bare h2 (the floor, "A"), over tonic's own
//! `Channel`, and over ours on each runtime; and clients from outside of this workspace.
//!
//! This process only coordinates. One child is an echo server. For each client, one child makes
//! calls on request, checks every reply, and reports what they cost its process
//! (`benches/README.md` has the protocol). The clients take turns, so that the noise of the machine
//! affects all of them, and all processes are started again several times.
//!
//! Arguments: `--pinned` measures only with a core for the clients and another for the server,
//! `--free` only with all cores free; without both, both are done. `--only TEXT` measures only cases
//! with the text in their names, `--client TEXT` (repeatable) only clients with the text in their
//! names, beside the floor. `--peer COMMAND` (repeatable) adds a client from outside, `--no-peers`
//! leaves tonic out. `--beside
//! PROGRAM` adds another build of this benchmark, to compare before and after. `--telemetry`
//! compares unobserved calls with calls that have observers, metrics and traces. `--generations N`
//! starts all processes N times, `--rounds N` and `--calls N` are the size of a generation. `--quick` only shows that everything works. `--json FILE` writes
//! all figures.

mod bare;
mod cases;
mod client;
mod executor;
mod goals;
mod load;
mod one_write;
mod options;
mod process;
mod report;
mod resident;
mod rounds;
mod samples;
mod server;
mod service;
mod stack;
mod variant;
mod watchers;

use std::env;
use std::process::ExitCode;

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use trunkline_benches::allocations::CountingAllocator;
use trunkline_benches::budget::{FEW, ROUND};
use trunkline_benches::protocol::Case;
use trunkline_benches::publish;
use trunkline_benches::results::Results;

use crate::cases::Group;
use crate::goals::Goal;
use crate::options::Options;
use crate::process::{Contestant, ROLE};
use crate::rounds::Field;
use crate::variant::{FREE, ONE_THREAD, Stack, Variant, WATCHED};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    match env::var(ROLE).ok() {
        Some(role) if role == server::ROLE => server::run(),
        Some(role) => client::run(&role),
        None => return compare(&Options::from_args()),
    }
    ExitCode::SUCCESS
}

fn compare(options: &Options) -> ExitCode {
    raise_limit_of_files();
    let mut results = Results::new("rpc");
    let size = options.size;
    results.notes.push(format!(
        "{} runs with all processes started again, in each {} rounds of each case, in which all clients take turns; {} calls in a round (a quarter of that with one in flight), or as many as fit into {} ms, but at least {FEW} and one of each caller",
        size.generations,
        size.rounds,
        size.calls,
        ROUND.as_millis()
    ));
    if cfg!(debug_assertions) {
        let note = "built without optimization: these figures say nothing about speed";
        results.notes.push(note.to_owned());
    }
    let mut raw = Vec::new();
    if options.is_telemetry {
        let group = Group {
            title: "what observes the calls",
            plot: None,
            cases: vec![Case::unary(16, 1), Case::unary(16, 100)],
        };
        let measured = measure(options, &mut results, &WATCHED, true, &[group], &[]);
        raw.push(("telemetry", measured));
    } else {
        if options.is_pinned {
            let (groups, goals) = (cases::groups(), goals::pinned());
            let measured = measure(options, &mut results, &ONE_THREAD, true, &groups, &goals);
            raw.push(("pinned", measured));
        }
        if options.is_free {
            let (groups, goals) = ([cases::free_group()], goals::free());
            let measured = measure(options, &mut results, &FREE, false, &groups, &goals);
            raw.push(("free", measured));
        }
    }
    results.raw = raw.into_iter().collect();
    publish::end(&results)
}

/// Measures all cases of the groups, and adds their tables. Returns all figures.
fn measure(
    options: &Options,
    results: &mut Results,
    variants: &[Variant],
    is_pinned: bool,
    groups: &[Group],
    goals: &[Goal],
) -> Value {
    let mut left_out = Vec::new();
    let contestants = contestants(options, variants, &mut left_out);
    let mut field = Field::new(contestants, is_pinned, options.size);
    field.left_out = left_out;
    let resident =
        (is_pinned && !options.is_telemetry).then(|| cases::resident(options.size.is_quick));
    let cases: Vec<Case> = groups
        .iter()
        .flat_map(|group| group.cases.iter().copied())
        .chain(resident)
        .filter(|case| options.wants(case))
        .collect();
    let samples = field.measure(&cases);
    for group in groups {
        report::add_group(results, &field, group, &samples, true);
    }
    report::add_memory(results, &field, &samples);
    report::add_targets(results, &field, &samples, goals);
    report::add_field(results, &field);
    let labels = report::labels(&field);
    let raw: Vec<Value> = samples.iter().map(|samples| samples.raw(&labels)).collect();
    json!(raw)
}

/// Returns the clients that were asked for. The first one is always among them.
fn contestants(
    options: &Options,
    variants: &[Variant],
    left_out: &mut Vec<String>,
) -> Vec<Contestant> {
    let is_peer = |variant: &Variant| variant.stack == Stack::Tonic;
    let wanted = |name: &str| {
        options.clients.is_empty() || options.clients.iter().any(|text| name.contains(text))
    };
    let chosen = variants
        .iter()
        .enumerate()
        .filter(|(at, variant)| *at == 0 || wanted(variant.name))
        .filter(|(_, variant)| options.has_peers || !is_peer(variant))
        .map(|(_, variant)| *variant);
    let mut contestants: Vec<Contestant> = chosen.clone().map(Contestant::own).collect();
    if let Some(other) = &options.beside {
        let ours = chosen.filter(|variant| variant.stack == Stack::Trunkline);
        contestants.extend(ours.map(|variant| Contestant::other(variant, other)));
    }
    for line in &options.peers {
        match Contestant::peer(line, 1) {
            Ok(peer) if wanted(&peer.label) => contestants.push(peer),
            Ok(_) => {}
            Err(error) => left_out.push(format!("{line}: {error}")),
        }
    }
    contestants
}

/// Lets this process and its children open as many files as they may: a thousand connections are
/// more than the usual limit.
fn raise_limit_of_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it fails, the limit stays as it is.
    let _ = setrlimit(Resource::Nofile, limit);
}
