//! Why a run did not end.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::trace::Millis;

/// A run that would never have ended, and what was pending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Why it was given up.
    pub kind: StuckKind,
    /// Virtual time since the simulation was made.
    pub at: Duration,
    /// The tasks that were not done, in the order in which they were spawned.
    pub tasks: Vec<String>,
    /// What the network and the timers had still to bring, soonest first; not more than eight.
    pub events: Vec<String>,
}

/// Why a run was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StuckKind {
    /// The future waits, and no task, timer or packet is left that could wake it.
    Deadlock,
    /// The bound on virtual time was reached.
    TimeLimit,
    /// The bound on polls was reached: often tasks that wake each other without end.
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
        list(f, "next events", &self.events)
    }
}

fn list(f: &mut fmt::Formatter<'_>, title: &str, items: &[String]) -> fmt::Result {
    match items {
        [] => write!(f, "; {title}: none"),
        items => write!(f, "; {title}: {}", items.join(", ")),
    }
}
