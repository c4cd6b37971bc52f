//! Everything that takes part, and the waiting for what is to happen.

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
use crate::zone::Zone;

/// How often the backends are asked and the table is drawn.
const TICK: Duration = Duration::from_millis(100);

/// How long what is to happen may take; all of it takes far less.
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

pub(crate) struct Stage {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) started: Instant,
    pub(crate) interrupts: Receiver<()>,
    pub(crate) zone: Zone,
    pub(crate) fleet: Fleet,
    pub(crate) load: Load,
    pub(crate) screen: Screen,
    pub(crate) claims: Claims,
    /// What was lost when that was judged last.
    pub(crate) lost: LostCalls,
}

/// Calls without an answer, when none is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LostCalls {
    /// Made by the client, and not answered by a backend.
    pub(crate) unanswered: u64,
    /// Failed, as the client sees it.
    pub(crate) failed: u64,
}

impl Stage {
    pub(crate) fn elapsed(&self) -> Duration {
        self.runtime.now() - self.started
    }

    /// Asks the backends, and draws what they say.
    fn look(&mut self) -> Result<(), Stop> {
        self.fleet.refresh(self.runtime.now())?;
        let rows = table::rows(&self.fleet, &self.zone);
        let elapsed = self.elapsed();
        Ok(self.screen.draw(&rows, elapsed)?)
    }

    /// Waits until the backends' counters say so; how long it took, or `None` if it did not come
    /// within [`LIMIT`].
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

    /// How many calls each backend answered while `calls` were made or a few more. Nothing is in
    /// flight at the beginning and the end, so the numbers are exact.
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

    /// Waits for all calls that were made, and counts.
    pub(crate) fn settle(&mut self) -> Result<(), Stop> {
        if !self.load.settle(LIMIT) {
            let text = "calls had not ended long after their deadline";
            return Err(io::Error::other(text).into());
        }
        self.look()
    }

    /// Judges a claim, and tells it.
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

/// How calls were spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shares(BTreeMap<String, u64>);

/// By how much the largest and the smallest share may differ.
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

    /// Whether these backends had equal shares, and nobody else any.
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
