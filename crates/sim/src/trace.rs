//! The trace: the events of a run, for a comparison of two runs.

use std::fmt;
use std::time::Duration;

/// One event of a run.
///
/// Prints as `   250.000 ms  what`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    /// The virtual time since the simulation was made.
    pub at: Duration,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10} ms  {}", Millis(self.at).to_string(), self.what)
    }
}

/// A duration in milliseconds, to the microsecond.
pub(crate) struct Millis(pub(crate) Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1000, micros % 1000)
    }
}
