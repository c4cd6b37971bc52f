//! What a run has to show.

use trunkline_benches::protocol::Case;
use trunkline_benches::results::Target;
use trunkline_benches::statistics::quantile;

use crate::cases;
use crate::samples::Samples;
use crate::variant::FLOOR;

/// A figure of ours, and the most that it may be.
pub(crate) struct Goal {
    case: Case,
    /// The contestants, of which the best one counts.
    ours: &'static [&'static str],
    against: &'static str,
    figure: Figure,
    most: f64,
}

/// What is compared.
#[derive(Clone, Copy)]
enum Figure {
    /// The ratio of the CPU time a call.
    Cpu,
    /// How many more allocations a call makes.
    Allocations,
    /// The ratio of the memory of an idle connected backend, on the heap.
    Heap,
    /// The same of resident memory.
    Rss,
}

const TOKIO: &[&str] = &["tokio"];
const ASYNC_STD: &[&str] = &["async-std block_on", "async-std pool"];
/// The peers that ours have to be ahead of, by the names that they give themselves.
const PEERS: [&str; 5] = [
    "grpc",
    "volo-grpc",
    "grpcio",
    "C-core, C++",
    "C-core, Python",
];
const KIB: usize = 1024;

/// Returns the goals with a core for each process.
pub(crate) fn pinned() -> Vec<Goal> {
    let mut goals = Vec::new();
    let mut cpu = |case: Case, ours, against, most| {
        goals.push(Goal {
            case,
            ours,
            against,
            figure: Figure::Cpu,
            most,
        });
    };
    let mut both = |case: Case, against, tokio, async_std| {
        cpu(case, TOKIO, against, tokio);
        cpu(case, ASYNC_STD, against, async_std);
    };
    for bytes in [16, KIB] {
        for in_flight in [1, 100] {
            let case = Case::unary(bytes, in_flight);
            both(case, FLOOR, 1.08, 1.15);
            both(case.balanced(), FLOOR, 1.08, 1.15);
        }
    }
    let three = |bytes| Case::unary(bytes, 100).balanced();
    both(three(16), "tonic", 0.52, 0.56);
    both(three(KIB), "tonic", 0.46, 0.50);
    both(Case::unary(16, 1), "tonic", 0.58, 0.64);
    both(three(16), "grpc-go", 0.59, 0.63);
    both(three(KIB), "grpc-go", 0.42, 0.46);
    both(three(16).encrypted(), "tonic", 0.75, 0.85);
    both(three(KIB).encrypted(), "tonic", 0.75, 0.85);
    both(Case::stream(64 * KIB, 16), "tonic", 0.95, 0.97);
    for peer in PEERS {
        both(Case::unary(16, 1), peer, 1.0, 1.0);
        both(Case::unary(16, 100), peer, 1.0, 1.0);
    }
    let case = Case::unary(16, 1);
    cpu(case, &["async-std block_on"], FLOOR, 1.25);
    cpu(case, &["trunkline block_on"], FLOOR, 1.08);
    cpu(case, &["trunkline, a block_on a call"], FLOOR, 1.25);
    let mut allocations = |case: Case, ours, most| {
        goals.push(Goal {
            case,
            ours,
            against: FLOOR,
            figure: Figure::Allocations,
            most,
        });
    };
    for in_flight in [1, 100] {
        let case = Case::unary(16, in_flight);
        allocations(case, TOKIO, 1.0);
        allocations(case, ASYNC_STD, 2.0);
        allocations(case.timed(), TOKIO, 2.0);
        allocations(case.timed(), ASYNC_STD, 3.0);
    }
    let case = cases::resident(false);
    for figure in [Figure::Heap, Figure::Rss] {
        for ours in [TOKIO, ASYNC_STD] {
            goals.push(Goal {
                case,
                ours,
                against: "tonic",
                figure,
                most: 0.70,
            });
        }
    }
    goals
}

/// Returns the goals with all cores free.
pub(crate) fn free() -> Vec<Goal> {
    let goal = |ours, most| Goal {
        case: Case::unary(16, 100),
        ours,
        against: FLOOR,
        figure: Figure::Cpu,
        most,
    };
    vec![
        goal(TOKIO, 1.1),
        goal(
            &["async-std block_on, two threads", "trunkline block_on"],
            1.3,
        ),
    ]
}

impl Goal {
    /// Looks for the figure. `None` if the case is none of the run.
    pub(crate) fn target(
        &self,
        samples: &[Samples],
        labels: &[&str],
        place: &str,
    ) -> Option<Target> {
        let samples = samples.iter().find(|samples| samples.case == self.case)?;
        let at = |name: &str| labels.iter().position(|label| *label == name);
        let figures = |ours: &'static str| {
            let (of, to) = (at(ours)?, at(self.against)?);
            let runs = match self.figure {
                Figure::Cpu => samples.ratio_of_runs(of, to),
                Figure::Allocations => {
                    let counts = |at: usize| samples.of[at].allocations.iter();
                    counts(of).zip(counts(to)).map(|(of, to)| of - to).collect()
                }
                Figure::Heap => quotients(&samples.of[of].heap_bytes, &samples.of[to].heap_bytes),
                Figure::Rss => quotients(&samples.of[of].rss_bytes, &samples.of[to].rss_bytes),
            };
            let figure = match self.figure {
                Figure::Cpu => samples.ratio(of, to)?.median,
                // A connection allocates too, now and then: that is none of the call's.
                Figure::Allocations => quantile(&runs, 0.5)?.round(),
                Figure::Heap | Figure::Rss => quantile(&runs, 0.5)?,
            };
            Some((figure, ours, runs))
        };
        let best = self.ours.iter().copied().filter_map(figures);
        let best = best.min_by(|one, other| one.0.total_cmp(&other.0));
        let ours = best.as_ref().map_or(self.ours[0], |(_, ours, _)| *ours);
        let runs = best.as_ref().map(|(_, _, runs)| {
            let least = runs.iter().copied().fold(f64::INFINITY, f64::min);
            (
                least,
                runs.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            )
        });
        let what = match self.figure {
            Figure::Cpu => "CPU",
            Figure::Allocations => "allocations more",
            Figure::Heap => "heap",
            Figure::Rss => "resident memory",
        };
        Some(Target {
            what: format!("{what}, {ours}: {}{place}", cases::name(&self.case)),
            against: self.against.to_owned(),
            most: self.most,
            figure: best.map(|(figure, _, _)| figure),
            runs,
        })
    }
}

/// Returns the quotients of figures that were measured in the same runs.
fn quotients(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}
