//! Separate runs of a benchmark: processes that do the same, so that what one of them happens to do
//! (where its memory is, which core it gets) decides nothing.

use std::env;
use std::process::{self, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::contest::Contest;
use crate::results::Results;

/// The runs of a benchmark that is not only to show that it works.
pub const RUNS: usize = 3;

/// Environment variable of the processes that are runs.
const ROLE: &str = "TRUNKLINE_BENCH_RUN";

/// What a run measured.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Run {
    /// The figures.
    pub contests: Vec<Contest>,
    /// What was not measured, with the reason.
    pub left_out: Vec<String>,
}

impl Run {
    /// Returns the contest with this name.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn contest(&self, name: &str) -> &Contest {
        let found = self.contests.iter().find(|contest| contest.name == name);
        found.unwrap_or_else(|| panic!("no contest {name:?}"))
    }

    /// Returns results with all figures, and without any tables.
    ///
    /// # Panics
    ///
    /// Never: the figures are plain data.
    #[must_use]
    pub fn results(&self, bench: &str) -> Results {
        let mut results = Results::new(bench);
        if !is_whole() {
            let note =
                "a short run, which only shows that everything works: one round of little work";
            results.notes.push(note.to_owned());
        }
        if cfg!(debug_assertions) {
            let note = "built without optimization: these figures say nothing about speed";
            results.notes.push(note.to_owned());
        }
        results.left_out.clone_from(&self.left_out);
        results.raw = serde_json::to_value(&self.contests).expect("plain data");
        results
    }

    /// Adds the figures of another run.
    fn merge(&mut self, other: Self) {
        for (own, other) in self.contests.iter_mut().zip(other.contests) {
            assert_eq!(own.name, other.name, "the same contests");
            own.merge(other);
        }
        for line in other.left_out {
            if !self.left_out.contains(&line) {
                self.left_out.push(line);
            }
        }
    }
}

/// Returns whether this is a whole run. `cargo bench` passes `--bench`; without it, as `cargo test` runs a
/// benchmark, it only has to show that everything works.
#[must_use]
pub fn is_whole() -> bool {
    env::args().any(|arg| arg == "--bench")
}

/// Measures in [`RUNS`] separate processes, one after the other, and returns the figures of all; in this
/// process and once, unless the run is a whole one. The processes are this program with the same
/// arguments, so nothing may be printed before this is called.
///
/// # Panics
///
/// When a process fails, or prints anything else.
pub fn measure(work: impl FnOnce() -> Run) -> Run {
    if !is_whole() {
        return work();
    }
    if env::var_os(ROLE).is_some() {
        let run = work();
        println!("{}", serde_json::to_string(&run).expect("plain data"));
        process::exit(0);
    }
    let mut runs = (1..=RUNS).map(|number| {
        eprintln!("run {number} of {RUNS}");
        separate()
    });
    let mut all = runs.next().expect("a run");
    runs.for_each(|run| all.merge(run));
    all
}

fn separate() -> Run {
    let program = env::current_exe().expect("the path of this program");
    let output = Command::new(program)
        .args(env::args_os().skip(1))
        .env(ROLE, "1")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("a program that starts");
    assert!(output.status.success(), "a run failed: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(&output.stdout);
        panic!("a run printed no figures: {error}\n{text}")
    })
}
