//! The race itself.

mod attempt;
mod candidates;
mod options;
mod query;
mod report;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub use self::attempt::{AttemptId, AttemptReport, AttemptStage, ConnectOutcome};
use self::candidates::Candidates;
pub use self::options::{OnFailure, RaceOptions};
pub use self::query::AddressQuery;
use self::query::OpenQueries;
pub use self::report::{RaceEnd, RaceReport};
use crate::{AttemptDelay, Family, SourceProbe};

/// Races connection attempts to the addresses of one host, without doing any I/O.
///
/// Pass in every event with the `handle_*` methods, first all that are known at one instant. Then
/// call [`poll_output`](Self::poll_output) until it returns `None`, and wait for the next event or
/// for [`poll_timeout`](Self::poll_timeout), whichever is first. `now` must never go backwards.
///
/// No address is started twice, and none is lost. There is at most one winner. Every attempt that
/// is still in flight when the race ends is cancelled once, before [`RaceOutput::Ended`], which is
/// the last output. Until then there is always an attempt in flight, a query open, or a timeout to
/// wait for.
///
/// ```
/// use std::time::{Duration, Instant};
/// use trunkline_connect::{KeepOrder, RaceOutput, Race, RaceOptions};
///
/// let now = Instant::now();
/// let addresses = ["[2001:db8::1]:443", "192.0.2.1:443"].map(|text| text.parse().unwrap());
/// let mut race = Race::over(addresses, &KeepOrder, RaceOptions::default(), now);
///
/// let Some(RaceOutput::Start { address, .. }) = race.poll_output(now) else { panic!() };
/// assert_eq!(address, addresses[0]);
/// assert!(race.poll_output(now).is_none());
///
/// let later = race.poll_timeout().unwrap();
/// assert_eq!(later, now + Duration::from_millis(250));
/// let Some(RaceOutput::Start { id, address }) = race.poll_output(later) else { panic!() };
/// assert_eq!(address, addresses[1]);
///
/// race.handle_connected(id, later);
/// assert!(matches!(race.poll_output(later), Some(RaceOutput::Cancel { .. })));
/// assert!(matches!(race.poll_output(later), Some(RaceOutput::Ended(_))));
/// ```
///
/// Source: [RFC 8305](https://www.rfc-editor.org/rfc/rfc8305).
#[derive(Debug)]
pub struct Race {
    options: RaceOptions,
    open_queries: OpenQueries,
    /// When the first address arrived. The resolution delay counts from here.
    first_address: Option<Instant>,
    /// When the delay after the newest attempt is over.
    next_at: Option<Instant>,
    /// How many attempts may start before their delay is over, because others have failed.
    early_starts: usize,
    in_flight: usize,
    /// The index of the oldest attempt in flight: no attempt before it is in flight.
    oldest: usize,
    /// True once the last output was returned.
    over: bool,
    report: RaceReport,
}

/// What to do next for a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaceOutput {
    /// Connect to `address`. Then pass the result and this id to the race.
    Start {
        /// The id of the attempt.
        id: AttemptId,
        /// The address to connect to.
        address: SocketAddr,
    },
    /// Give this attempt up; the race ignores its result from now on.
    Cancel {
        /// The id of the attempt.
        id: AttemptId,
    },
    /// The race has ended; this is the last output.
    Ended(RaceEnd),
}

impl Race {
    /// Starts a race over a list of addresses that is complete.
    pub fn over(
        addresses: impl IntoIterator<Item = SocketAddr>,
        probe: &(impl SourceProbe + ?Sized),
        options: RaceOptions,
        now: Instant,
    ) -> Self {
        let mut race = Self::awaiting(&[], options, now);
        race.handle_addresses(AddressQuery::All, addresses, probe, now);
        race
    }

    /// Starts a race whose addresses arrive later, as the answers to `queries`.
    pub fn awaiting(queries: &[AddressQuery], options: RaceOptions, now: Instant) -> Self {
        Self {
            options,
            open_queries: OpenQueries::new(queries),
            first_address: None,
            next_at: None,
            early_starts: 0,
            in_flight: 0,
            oldest: 0,
            over: false,
            report: RaceReport {
                began: now,
                candidates: Candidates::default(),
                end: None,
            },
        }
    }

    /// Returns the report of what has happened so far.
    pub fn report(&self) -> &RaceReport {
        &self.report
    }

    /// Returns the report of what has happened, by value.
    pub fn into_report(self) -> RaceReport {
        self.report
    }

    /// Handles an answer to `query`. It may have no addresses, and it may add to an earlier answer.
    ///
    /// The addresses are sorted with `probe`, together with those that arrived earlier, as if all
    /// had been there from the start. An address counts once, also when it comes again in its
    /// IPv4-mapped form.
    pub fn handle_addresses(
        &mut self,
        query: AddressQuery,
        addresses: impl IntoIterator<Item = SocketAddr>,
        probe: &(impl SourceProbe + ?Sized),
        now: Instant,
    ) {
        self.open_queries.close(query);
        let candidates = &mut self.report.candidates;
        if self.report.end.is_none()
            && candidates.merge(query, addresses, probe, &self.options)
            && self.first_address.is_none()
        {
            self.first_address = Some(now);
        }
    }

    /// Handles the failure of `query`: no answer to it will come.
    pub fn handle_no_addresses(&mut self, query: AddressQuery, _now: Instant) {
        self.open_queries.close(query);
    }

    /// Handles the removal of addresses that the host no longer has. Those that wait are dropped;
    /// attempts in flight go on.
    pub fn handle_removed(&mut self, addresses: &[SocketAddr], _now: Instant) {
        if self.report.end.is_none() {
            self.report.candidates.remove(addresses);
        }
    }

    /// Handles an established connection whose attempt goes on with a handshake.
    ///
    /// If this is the newest attempt, the next one waits once more: for as long as this step took,
    /// but not longer than the delay.
    ///
    /// Source: draft-ietf-happy-happyeyeballs-v3, "Establishing Connections".
    pub fn handle_progress(&mut self, id: AttemptId, now: Instant) {
        let limit = self.delay_after(id);
        let newest = self.is_newest(id);
        let Some(record) = self.report.candidates.record_mut(id) else {
            return;
        };
        if record.ended.is_some() {
            return;
        }
        let step = now.saturating_duration_since(record.last_step);
        record.stage = AttemptStage::Handshaking;
        record.last_step = now;
        if newest {
            self.next_at = self.next_at.max(Some(now + step.min(limit.get())));
        }
    }

    /// Handles a successful attempt, whose handshake, if it has one, is done. The first one wins. A
    /// later one is cancelled, like the attempts that are still in flight.
    pub fn handle_connected(&mut self, id: AttemptId, now: Instant) {
        if self.report.end.is_none() && self.finish(id, ConnectOutcome::Connected, None, now) {
            self.report.end = Some((now, RaceEnd::Won(id)));
        }
    }

    /// Handles a failed attempt. If `now` is the instant of its start, the attempt counts as one
    /// that has sent nothing, unless the error is the answer of a host: refused, reset, timed out.
    pub fn handle_failure(&mut self, id: AttemptId, error: io::Error, now: Instant) {
        let outcome = ConnectOutcome::of(&error);
        if self.report.end.is_none() && self.finish(id, outcome, Some(error), now) {
            self.allow_early_start(id);
        }
    }

    /// Stops the race, and cancels the attempts in flight.
    pub fn handle_abort(&mut self, now: Instant) {
        self.end(RaceEnd::Aborted, now);
    }

    /// Returns what to do next; `None` when there is nothing to do for now.
    pub fn poll_output(&mut self, now: Instant) -> Option<RaceOutput> {
        if self.over {
            return None;
        }
        if self.report.end.is_none() && self.deadline().is_some_and(|deadline| deadline <= now) {
            self.end(RaceEnd::TimedOut, now);
        }
        if let Some((_, end)) = self.report.end {
            return Some(self.close(end, now));
        }
        if self
            .attempt_deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            return self.cancel_oldest(ConnectOutcome::TimedOut, now);
        }
        match self.start_at() {
            Some(at) if at <= now => {
                if self.in_flight < self.options.max_in_flight.max(1) {
                    self.start(now)
                } else {
                    self.cancel_oldest(ConnectOutcome::Cancelled, now)
                }
            }
            None if self.in_flight == 0 && !self.open_queries.any() => {
                self.end(RaceEnd::Exhausted, now);
                Some(self.close(RaceEnd::Exhausted, now))
            }
            _ => None,
        }
    }

    /// Returns when to call [`poll_output`](Self::poll_output) again if no event comes before;
    /// `None` when the race waits for events only.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.report.end.is_some() {
            return None;
        }
        let times = [self.start_at(), self.attempt_deadline(), self.deadline()];
        times.into_iter().flatten().min()
    }

    /// Returns when the next address may be started; `None` while no address waits.
    fn start_at(&self) -> Option<Instant> {
        if self.report.candidates.waiting().is_empty() {
            return None;
        }
        let Some(newest) = self.newest() else {
            let first = self.first_address?;
            let preferred = self.options.prefer.unwrap_or(Family::V6);
            return if self.open_queries.is_open_for(preferred) {
                first.checked_add(self.options.resolution_delay)
            } else {
                Some(first)
            };
        };
        let gap = if newest.sent_nothing() {
            Duration::ZERO
        } else {
            // At most the delay, which has an upper bound: a large gap in the options must not hold
            // up the list for ever.
            self.options.min_gap.min(self.options.attempt_delay.get())
        };
        let gap = Some(newest.started + gap);
        if self.in_flight == 0 || self.early_starts > 0 {
            gap
        } else {
            gap.max(self.next_at)
        }
    }

    /// Returns when the time limit of the oldest attempt passes.
    fn attempt_deadline(&self) -> Option<Instant> {
        let least = self.options.attempt_delay.get() * 2;
        let timeout = self.options.attempt_timeout?.max(least);
        let oldest = self.report.candidates.started().get(self.oldest)?;
        let record = oldest
            .record
            .as_ref()
            .filter(|record| record.ended.is_none())?;
        record.started.checked_add(timeout)
    }

    /// Returns when the time limit of the whole race passes.
    fn deadline(&self) -> Option<Instant> {
        self.report.began.checked_add(self.options.timeout?)
    }

    fn newest(&self) -> Option<&attempt::AttemptRecord> {
        self.report.candidates.started().last()?.record.as_ref()
    }

    fn is_newest(&self, id: AttemptId) -> bool {
        id.index() + 1 == self.report.candidates.started().len()
    }

    fn delay_after(&self, id: AttemptId) -> AttemptDelay {
        let candidate = self.report.candidates.started().get(id.index());
        let own = candidate.and_then(|candidate| candidate.delay);
        own.unwrap_or(self.options.attempt_delay)
    }

    fn start(&mut self, now: Instant) -> Option<RaceOutput> {
        let (id, address) = self.report.candidates.start(now)?;
        self.in_flight += 1;
        self.early_starts = self.early_starts.saturating_sub(1);
        self.next_at = Some(now + self.delay_after(id).get());
        Some(RaceOutput::Start { id, address })
    }

    /// Records the end of an attempt, and returns true, unless it ended before.
    fn finish(
        &mut self,
        id: AttemptId,
        outcome: ConnectOutcome,
        error: Option<io::Error>,
        now: Instant,
    ) -> bool {
        let Some(record) = self.report.candidates.record_mut(id) else {
            return false;
        };
        if record.ended.is_some() {
            return false;
        }
        record.ended = Some((now, outcome));
        record.error = error;
        self.in_flight -= 1;
        let rest = self.report.candidates.started().iter().skip(self.oldest);
        self.oldest += rest.take_while(|candidate| !candidate.in_flight()).count();
        true
    }

    /// Lets the next attempt start early after a failure, where the options allow it.
    fn allow_early_start(&mut self, id: AttemptId) {
        if self.options.on_failure == OnFailure::Any || self.is_newest(id) {
            self.early_starts += 1;
        }
    }

    fn cancel_oldest(&mut self, outcome: ConnectOutcome, now: Instant) -> Option<RaceOutput> {
        let id = AttemptId(u32::try_from(self.oldest).ok()?);
        if self.finish(id, outcome, None, now) && outcome == ConnectOutcome::TimedOut {
            self.allow_early_start(id);
        }
        Some(RaceOutput::Cancel { id })
    }

    fn end(&mut self, end: RaceEnd, now: Instant) {
        self.report.end.get_or_insert((now, end));
    }

    /// Cancels the attempts in flight, one in each call, and then returns the last output.
    fn close(&mut self, end: RaceEnd, now: Instant) -> RaceOutput {
        let outcome = match end {
            RaceEnd::TimedOut => ConnectOutcome::TimedOut,
            _ => ConnectOutcome::Cancelled,
        };
        if self.in_flight > 0
            && let Some(cancel) = self.cancel_oldest(outcome, now)
        {
            return cancel;
        }
        self.over = true;
        RaceOutput::Ended(end)
    }
}
