//! All parts of the running demo, and waiting for what each step expects.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use trunkline::Runtime;
use trunkline_testkit::backend::Counters;
use trunkline_testkit::load::Load;

use crate::claims::Claims;
use crate::fleet::Fleet;
use crate::screen::Screen;
use crate::table;
use crate::zone::DnsZone;

/// The time between two readings of the backends' counters, each followed by a drawing of the table.
const TICK: Duration = Duration::from_millis(100);

/// The longest that a step waits for what it expects. Usually it takes far less.
pub(crate) const LIMIT: Duration = Duration::from_secs(8);

/// Why the demo ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    Interrupted,
    Failed(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// All parts of the running demo.
pub(crate) struct RunningDemo {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) started: Instant,
    pub(crate) interrupts: Receiver<()>,
    pub(crate) zone: DnsZone,
    pub(crate) fleet: Fleet,
    pub(crate) load: Load,
    pub(crate) screen: Screen,
    pub(crate) claims: Claims,
    /// The numbers at the last claim that no call was lost.
    pub(crate) lost: LostCalls,
}

/// The numbers of lost calls, counted while no call is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LostCalls {
    /// Calls that the client made and no backend answered.
    pub(crate) unanswered: u64,
    /// Calls that failed for the client.
    pub(crate) failed: u64,
}

impl RunningDemo {
    pub(crate) fn elapsed(&self) -> Duration {
        self.runtime.now() - self.started
    }

    /// Reads the backends' counters and shows them.
    fn look(&mut self) -> Result<(), Stop> {
        self.fleet.refresh(self.runtime.now())?;
        let rows = table::rows(&self.fleet, &self.zone);
        let elapsed = self.elapsed();
        Ok(self.screen.draw(&rows, elapsed)?)
    }

    /// Waits until `holds` is true of the backends. Returns how long it took, or `None` when it was not
    /// true within [`LIMIT`].
    pub(crate) fn until(
        &mut self,
        holds: impl Fn(&Fleet) -> bool,
    ) -> Result<Option<Duration>, Stop> {
        let from = self.elapsed();
        loop {
            self.look()?;
            let took = self.elapsed() - from;
            if holds(&self.fleet) {
                return Ok(Some(took));
            }
            if took > LIMIT {
                return Ok(None);
            }
            match self.interrupts.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Err(Stop::Interrupted),
            }
        }
    }

    /// Measures how many calls each backend answers while all together answer at least `calls`.
    ///
    /// No call is in flight at the beginning and at the end, so the numbers are exact.
    pub(crate) fn shares(&mut self, calls: u64) -> Result<Shares, Stop> {
        self.settle()?;
        let before = self.fleet.counters();
        let enough = self.fleet.answers() + calls;
        self.load.go_on();
        self.until(|fleet| fleet.answers() >= enough)?;
        self.settle()?;
        let after = self.fleet.counters();
        self.load.go_on();
        Ok(Shares::between(&before, &after))
    }

    /// Pauses the load, waits until all calls have ended, and reads the counters.
    pub(crate) fn settle(&mut self) -> Result<(), Stop> {
        if !self.load.settle(LIMIT) {
            let text = "calls have not ended long after their deadline";
            return Err(io::Error::other(text).into());
        }
        self.look()
    }

    /// Judges a claim and prints it.
    pub(crate) fn claim(
        &mut self,
        text: &'static str,
        held: bool,
        evidence: String,
    ) -> Result<(), Stop> {
        let claim = self.claims.judge(text, held, evidence);
        Ok(self.screen.claim(claim)?)
    }
}

/// The number of calls that each backend answered, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shares(BTreeMap<String, u64>);

/// The greatest difference between the largest and the smallest share that counts as equal.
const MOST_DIFFERENCE: u64 = 3;

impl Shares {
    fn between(before: &BTreeMap<String, Counters>, after: &BTreeMap<String, Counters>) -> Self {
        let answers = |(name, after): (&String, &Counters)| {
            let before = before.get(name).copied().unwrap_or_default();
            let answers = after.total().answers - before.total().answers;
            (name.clone(), answers)
        };
        Self(after.iter().map(answers).filter(|(_, n)| *n > 0).collect())
    }

    /// Returns true when these backends have equal shares and no other backend has any.
    pub(crate) fn are_equal_for(&self, names: &[&str]) -> bool {
        let smallest = self.0.values().min().copied().unwrap_or(0);
        let largest = self.0.values().max().copied().unwrap_or(0);
        self.0.keys().eq(names) && largest - smallest <= MOST_DIFFERENCE
    }
}

impl std::fmt::Display for Shares {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (name, answers)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {answers}")?;
        }
        f.write_str(" calls")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shares: &[(&str, u64)], names: &[&str], equal: bool) {
        let of = |&(name, answers): &(&str, u64)| {
            let mut counters = Counters::default();
            counters.ipv6.answers = answers;
            (name.to_owned(), counters)
        };
        let after = shares.iter().map(of).collect();
        let shares = Shares::between(&BTreeMap::new(), &after);
        assert_eq!(shares.are_equal_for(names), equal, "{shares}");
    }

    #[test]
    fn shares_are_equal_within_three_calls_and_complete() {
        check(&[("a", 100), ("b", 103)], &["a", "b"], true);
        check(&[("a", 100), ("b", 104)], &["a", "b"], false);
        check(&[("a", 100), ("b", 0)], &["a", "b"], false);
        check(&[("a", 100), ("b", 0)], &["a"], true);
        check(&[("a", 100), ("b", 100)], &["a"], false);
        check(&[], &["a"], false);
    }
}
