//! The error of a run that does not end.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::trace::Millis;

/// The error of a run that would never have ended: what was pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Why the run was ended.
    pub kind: StuckKind,
    /// The virtual time since the simulation was made.
    pub at: Duration,
    /// The tasks that were not complete, in the order in which they were spawned.
    pub tasks: Vec<String>,
    /// The packets and timers to come, soonest first; at most eight.
    pub events: Vec<String>,
}

/// Why a run was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StuckKind {
    /// The future waits, and no task, timer or packet is left that could wake it.
    Deadlock,
    /// The limit on virtual time was reached.
    TimeLimit,
    /// The limit on polls was reached: often tasks that wake each other endlessly.
    PollLimit,
}

impl Error for Stuck {}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.kind {
            StuckKind::Deadlock => "deadlock: the future waits, and nothing is left to wake it",
            StuckKind::TimeLimit => "the bound on virtual time was reached",
            StuckKind::PollLimit => "the bound on polls was reached",
        };
        write!(f, "at {} ms: {why}", Millis(self.at))?;
        list(f, "pending tasks", &self.tasks)?;
        list(f, "next events", &self.events)?;
        match self.kind {
            StuckKind::Deadlock => f.write_str(
                "; what runs outside of the simulation wakes nothing in it: give each channel \
                 `.runtime(sim.runtime())`",
            ),
            _ => Ok(()),
        }
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, items: &[String]) -> fmt::Result {
    match items {
        [] => write!(f, "; {title}: none"),
        items => write!(f, "; {title}: {}", items.join(", ")),
    }
}
