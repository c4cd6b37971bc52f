//! The cases against one server.

use std::sync::mpsc::Receiver;
use std::time::Duration;

use super::cases::{CASES, Case, Soak, Task};
use super::judge::{Feature, Verdict};
use super::stub::{Place, Stub};
use crate::clients::NamedRuntime;
use crate::clock::LIMIT;
use crate::wrong::Wrong;

/// The results of all cases against one server, in the order of the cases.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) title: String,
    pub(super) cells: Vec<Cell>,
}

/// The result of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Passed,
    /// It cannot be run, or not in full, for this reason.
    Reason(&'static str),
    Failed(String),
}

impl Column {
    /// Runs the cases, one after the other, each on all runtimes at the same time.
    pub(super) fn run(title: String, place: &Place, runtimes: &[NamedRuntime], soak: Soak) -> Self {
        let cells = CASES.iter().map(|case| {
            run_case(case, &title, place, runtimes, soak)
                .unwrap_or_else(|wrong| Cell::Failed(wrong.to_string()))
        });
        let cells = cells.collect();
        Self { title, cells }
    }
}

fn run_case(
    case: &Case,
    title: &str,
    place: &Place,
    runtimes: &[NamedRuntime],
    soak: Soak,
) -> Result<Cell, Wrong> {
    match case.task {
        Task::Skip(why) => Ok(Cell::Reason(why)),
        Task::Run(case) => {
            let verdicts = on_all(place, runtimes, LIMIT, case)?;
            let lacking = verdicts.into_iter().find_map(|(_, verdict)| match verdict {
                Verdict::Passed => None,
                Verdict::ServerLacks(feature) => Some(reason(feature)),
            });
            Ok(lacking.map_or(Cell::Passed, Cell::Reason))
        }
        Task::Soak(run) => {
            let lines = on_all(place, runtimes, soak.length + LIMIT, |stub| run(stub, soak))?;
            for (on, line) in lines {
                println!("{title}: {} on {on}: {line}", case.name);
            }
            Ok(Cell::Passed)
        }
    }
}

/// Runs a case on all runtimes, each with a channel of its own, and returns the results by the names
/// of the runtimes.
pub(super) fn on_all<T: Send + 'static>(
    place: &Place,
    runtimes: &[NamedRuntime],
    limit: Duration,
    case: impl Fn(Stub) -> trunkline::BoxFuture<Result<T, Wrong>>,
) -> Result<Vec<(&'static str, T)>, Wrong> {
    let started = runtimes.iter().map(|on| {
        let stub = Stub::new(place, on)?;
        Ok((on.name, on.start(case(stub))))
    });
    let started: Vec<(_, Receiver<_>)> = started.collect::<Result<_, Wrong>>()?;
    let ended = started.into_iter().map(|(on, result)| {
        let result = result.recv_timeout(limit);
        let result = result.unwrap_or_else(|error| Err(format!("no end: {error}").into()));
        let result = result.map_err(|wrong| format!("on {on}: {wrong}"))?;
        Ok((on, result))
    });
    ended.collect()
}

fn reason(feature: Feature) -> &'static str {
    match feature {
        Feature::CompressedRequest => {
            "the server does not check `expect_compressed`: it accepts the probe; the other calls pass"
        }
        Feature::CompressedResponse => {
            "the server does not compress the response that is to be compressed; the calls pass"
        }
        Feature::LoadReports => "the server does not report its load; the calls pass",
        Feature::PeerAddress => {
            "the server does not fill in `peer_socket_address`; the client's own count of connections is right"
        }
    }
}
