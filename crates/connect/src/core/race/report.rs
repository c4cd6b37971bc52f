//! What happened in a race.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::attempt::{AttemptId, AttemptReport, AttemptStage, ConnectOutcome};
use super::candidates::Candidates;

/// The report of a race: every attempt, in the order of their start, and the end.
///
/// Prints as a table, with an indented line for each address and no line break at the end.
#[derive(Debug)]
pub struct RaceReport {
    pub(super) began: Instant,
    pub(super) candidates: Candidates,
    pub(super) end: Option<(Instant, RaceEnd)>,
}

/// How a race ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RaceEnd {
    /// This attempt won.
    Won(AttemptId),
    /// No address is left to try, and no query is open that could bring more.
    Exhausted,
    /// The time limit of the whole race passed.
    TimedOut,
    /// The race was stopped by its user.
    Aborted,
}

impl RaceReport {
    /// Returns the attempts, in the order of their start.
    pub fn attempts(&self) -> impl ExactSizeIterator<Item = AttemptReport<'_>> {
        let began = self.began;
        self.candidates.started().iter().map(move |candidate| {
            let record = candidate.record.as_ref();
            let ended = record.and_then(|record| record.ended);
            AttemptReport {
                address: candidate.address,
                start: record.map_or(Duration::ZERO, |record| since(began, record.started)),
                end: ended.map(|(at, _)| since(began, at)),
                outcome: ended.map(|(_, outcome)| outcome),
                stage: record.map_or(AttemptStage::Connecting, |record| record.stage),
                error: record.and_then(|record| record.error.as_ref()),
            }
        })
    }

    /// Returns the addresses that were not tried, in the order in which they would have been.
    pub fn untried(&self) -> impl ExactSizeIterator<Item = SocketAddr> {
        let waiting = self.candidates.waiting().iter();
        waiting.map(|candidate| candidate.address)
    }

    /// Returns how the race ended; `None` while it runs.
    pub fn end(&self) -> Option<RaceEnd> {
        self.end.map(|(_, end)| end)
    }

    /// Returns the address that won, if the race has a winner.
    pub fn winner(&self) -> Option<SocketAddr> {
        match self.end {
            Some((_, RaceEnd::Won(id))) => {
                let winner = self.candidates.started().get(id.index());
                winner.map(|candidate| candidate.address)
            }
            _ => None,
        }
    }

    /// Returns the time from the start of the race to its end; `None` while it runs.
    pub fn elapsed(&self) -> Option<Duration> {
        self.end.map(|(at, _)| since(self.began, at))
    }
}

impl fmt::Display for RaceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.attempts().map(|attempt| attempt.address);
        let width = addresses
            .chain(self.untried())
            .map(|address| address.to_string().len())
            .max()
            .unwrap_or(0);
        for (at, attempt) in self.attempts().enumerate() {
            line_break(f, at)?;
            let address = attempt.address.to_string();
            let start = millis(attempt.start);
            write!(f, "  {address:<width$}  at {start:>9} ms  ")?;
            match (attempt.outcome, attempt.end) {
                (Some(outcome), Some(end)) => {
                    let took = millis(end.saturating_sub(attempt.start));
                    write!(f, "{:<11}  after {took:>9} ms", outcome_words(outcome))?;
                }
                _ => f.write_str("running")?,
            }
            if let Some(error) = attempt.error {
                write!(f, ": {error}")?;
            }
        }
        for (at, address) in self.untried().enumerate() {
            line_break(f, at + self.attempts().len())?;
            write!(f, "  {:<width$}  not tried", address.to_string())?;
        }
        Ok(())
    }
}

/// Writes a line break before every line but the first.
fn line_break(f: &mut fmt::Formatter<'_>, line: usize) -> fmt::Result {
    if line == 0 {
        return Ok(());
    }
    f.write_str("\n")
}

fn outcome_words(outcome: ConnectOutcome) -> &'static str {
    match outcome {
        ConnectOutcome::TimedOut => "timed out",
        other => other.as_str(),
    }
}

/// Formats milliseconds with three decimal places.
fn millis(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64() * 1e3)
}

fn since(began: Instant, at: Instant) -> Duration {
    at.saturating_duration_since(began)
}
