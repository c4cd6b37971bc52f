//! The arguments of the benchmark, and the size of a run.

use std::env;
use std::path::PathBuf;

use trunkline_benches::protocol::{Case, Kind};

use crate::cases;

/// What was asked for.
pub(crate) struct Options {
    pub(crate) size: Size,
    /// Whether to measure with one core for the clients and another for the server.
    pub(crate) is_pinned: bool,
    /// Whether to measure with all cores free.
    pub(crate) is_free: bool,
    /// Whether to compare what observes the calls.
    pub(crate) is_telemetry: bool,
    /// Only cases with this text in their names.
    pub(crate) only: String,
    /// Only clients with one of these texts in their names, and the first one.
    pub(crate) clients: Vec<String>,
    /// Another build of this benchmark.
    pub(crate) beside: Option<PathBuf>,
    /// Whether the peers of this workspace take part.
    pub(crate) has_peers: bool,
    /// Command lines of clients from outside of this workspace.
    pub(crate) peers: Vec<String>,
}

/// The size of a run.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// How often all children are restarted.
    pub(crate) generations: usize,
    /// How often each client runs each case, in each generation.
    pub(crate) rounds: usize,
    /// Calls in a round with many calls in flight.
    pub(crate) calls: usize,
    /// Whether it only shows that everything works.
    pub(crate) is_quick: bool,
}

const WHOLE: Size = Size {
    generations: 3,
    rounds: 5,
    calls: 2_000,
    is_quick: false,
};

const QUICK: Size = Size {
    generations: 1,
    rounds: 1,
    calls: 100,
    is_quick: true,
};

impl Size {
    /// Returns the number of calls, or messages, in a round.
    pub(crate) fn calls_of(&self, case: &Case) -> usize {
        match case.kind {
            // A call without others in flight takes several times as long.
            Kind::Unary if case.in_flight == 1 => self.calls / 4,
            Kind::Unary => self.calls,
            Kind::Stream => self.calls / 4,
            // Those of tonic's balancer are chosen at random: five a backend reach nearly all.
            Kind::Resident => case.backends * 5,
            Kind::Cold => (self.calls / 20).max(case.in_flight.min(self.calls)),
        }
    }
}

impl Options {
    pub(crate) fn from_args() -> Self {
        let args: Vec<String> = env::args().skip(1).collect();
        let has = |flag: &str| args.iter().any(|arg| arg == flag);
        let values = |flag: &str| {
            let pairs = args.windows(2).filter(|pair| pair[0] == flag);
            pairs.map(|pair| pair[1].clone()).collect::<Vec<_>>()
        };
        let value = |flag: &str| values(flag).pop();
        // `cargo test` does not pass `--bench`. Then only check that everything works.
        let is_whole = has("--bench") && !has("--test") && !has("--quick");
        let mut size = if is_whole { WHOLE } else { QUICK };
        let number = |flag: &str| value(flag).map(|text| text.parse().expect("a number"));
        size.generations = number("--generations").unwrap_or(size.generations);
        size.rounds = number("--rounds").unwrap_or(size.rounds);
        size.calls = number("--calls").unwrap_or(size.calls);
        let (free, pinned) = (has("--free"), has("--pinned"));
        Self {
            size,
            is_pinned: pinned || !free,
            is_free: free || !pinned,
            is_telemetry: has("--telemetry"),
            only: value("--only").unwrap_or_default(),
            clients: values("--client"),
            beside: value("--beside").map(PathBuf::from),
            has_peers: !has("--no-peers"),
            peers: values("--peer"),
        }
    }

    /// Returns whether a case was asked for.
    pub(crate) fn wants(&self, case: &Case) -> bool {
        cases::name(case).contains(&self.only)
    }
}
