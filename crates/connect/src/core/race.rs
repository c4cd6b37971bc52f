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
/// Tell it what happened with the `handle_*` methods, all that is known at one instant before
/// anything else; then call [`poll_output`](Self::poll_output) until it returns `None`, and wait
/// for the next event or for [`poll_timeout`](Self::poll_timeout), whichever is first. `now` never
/// goes backwards.
///
/// No address is started twice and none is forgotten. There is at most one winner; every attempt
/// that is still in flight then, or when the race ends otherwise, is cancelled once, before
/// [`RaceOutput::Ended`], which is the last output. Until then there is always an attempt in flight, a
/// question open, or a time to wait for.
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
    pending: OpenQueries,
    /// When the first address arrived: the resolution delay counts from here.
    first_address: Option<Instant>,
    /// When the newest attempt has been alone for long enough.
    next_at: Option<Instant>,
    /// Failures that have not been followed by a start yet.
    early_starts: usize,
    in_flight: usize,
    /// No attempt before this one is in flight.
    oldest: usize,
    /// Whether the last output has been given.
    over: bool,
    report: RaceReport,
}

/// What a race wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaceOutput {
    /// Connect to `address`, and tell the race under this name how it went.
    Start {
        /// The name of the attempt.
        id: AttemptId,
        /// Where to connect to.
        address: SocketAddr,
    },
    /// Give this attempt up; whatever comes of it is not wanted any more.
    Cancel {
        /// The name of the attempt.
        id: AttemptId,
    },
    /// The race is over; nothing comes after this.
    Ended(RaceEnd),
}

impl Race {
    /// A race over a list that is complete.
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

    /// A race whose addresses are still asked for.
    pub fn awaiting(queries: &[AddressQuery], options: RaceOptions, now: Instant) -> Self {
        Self {
            options,
            pending: OpenQueries::new(queries),
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

    /// What has happened so far.
    pub fn report(&self) -> &RaceReport {
        &self.report
    }

    /// What has happened.
    pub fn into_report(self) -> RaceReport {
        self.report
    }

    /// `query` was answered; the addresses may be none, or more of what was answered before.
    ///
    /// They are sorted with `probe`, among those that arrived earlier too, as if all had been there
    /// from the beginning. Duplicates and IPv4-mapped twins count once.
    pub fn handle_addresses(
        &mut self,
        query: AddressQuery,
        addresses: impl IntoIterator<Item = SocketAddr>,
        probe: &(impl SourceProbe + ?Sized),
        now: Instant,
    ) {
        self.pending.answered(query);
        let candidates = &mut self.report.candidates;
        if self.report.end.is_none()
            && candidates.merge(query, addresses, probe, &self.options)
            && self.first_address.is_none()
        {
            self.first_address = Some(now);
        }
    }

    /// `query` has no answer, and will have none.
    pub fn handle_no_addresses(&mut self, query: AddressQuery, _now: Instant) {
        self.pending.answered(query);
    }

    /// These addresses are no longer those of the host. Attempts that run go on, the others are
    /// dropped.
    pub fn handle_removed(&mut self, addresses: &[SocketAddr], _now: Instant) {
        if self.report.end.is_none() {
            self.report.candidates.remove(addresses);
        }
    }

    /// The attempt has been connected, and goes on with a handshake.
    ///
    /// The next attempt waits for as long as this step took, if this is the newest attempt.
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

    /// The attempt has succeeded, handshake and all. The first one wins; one that comes after it
    /// is cancelled like those that are in flight.
    pub fn handle_connected(&mut self, id: AttemptId, now: Instant) {
        if self.report.end.is_none() && self.finish(id, ConnectOutcome::Connected, None, now) {
            self.report.end = Some((now, RaceEnd::Won(id)));
        }
    }

    /// The attempt has failed. With `now` the instant of its start it counts as one that has sent
    /// nothing.
    pub fn handle_failure(&mut self, id: AttemptId, error: io::Error, now: Instant) {
        let outcome = ConnectOutcome::of(&error);
        if self.report.end.is_none() && self.finish(id, outcome, Some(error), now) {
            self.make_room(id);
        }
    }

    /// Stops the race; nothing is wanted any more.
    pub fn handle_abort(&mut self, now: Instant) {
        self.end(RaceEnd::Aborted, now);
    }

    /// What to do next; `None`: nothing for now.
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
            Some(at) if at <= now => match self.in_flight < self.options.max_in_flight.max(1) {
                true => self.start(now),
                false => self.cancel_oldest(ConnectOutcome::Cancelled, now),
            },
            None if self.in_flight == 0 && !self.pending.any() => {
                self.end(RaceEnd::Exhausted, now);
                Some(self.close(RaceEnd::Exhausted, now))
            }
            _ => None,
        }
    }

    /// When to call [`poll_output`](Self::poll_output) again if nothing happens before; `None`:
    /// not at all.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.report.end.is_some() {
            return None;
        }
        let times = [self.start_at(), self.attempt_deadline(), self.deadline()];
        times.into_iter().flatten().min()
    }

    /// When the next address may be started; `None` while there is none.
    fn start_at(&self) -> Option<Instant> {
        if self.report.candidates.waiting().is_empty() {
            return None;
        }
        let Some(newest) = self.newest() else {
            let first = self.first_address?;
            let preferred = self.options.prefer.unwrap_or(Family::V6);
            return match self.pending.about(preferred) {
                true => first.checked_add(self.options.resolution_delay),
                false => Some(first),
            };
        };
        let gap = match newest.failed_at_once() {
            true => Duration::ZERO,
            // Never more than the delay, which is bounded: no slip may hold the list up for ever.
            false => self.options.min_gap.min(self.options.attempt_delay.get()),
        };
        let gap = Some(newest.started + gap);
        match self.in_flight == 0 || self.early_starts > 0 {
            true => gap,
            false => gap.max(self.next_at),
        }
    }

    /// When the oldest attempt has had its time.
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

    /// When the whole race has had its time.
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

    /// Writes the end of an attempt down, unless it has ended before.
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

    /// An attempt has failed: perhaps the next one need not wait for its time.
    fn make_room(&mut self, id: AttemptId) {
        if self.options.on_failure == OnFailure::Any || self.is_newest(id) {
            self.early_starts += 1;
        }
    }

    fn cancel_oldest(&mut self, outcome: ConnectOutcome, now: Instant) -> Option<RaceOutput> {
        let id = AttemptId(u32::try_from(self.oldest).ok()?);
        if self.finish(id, outcome, None, now) && outcome == ConnectOutcome::TimedOut {
            self.make_room(id);
        }
        Some(RaceOutput::Cancel { id })
    }

    fn end(&mut self, end: RaceEnd, now: Instant) {
        self.report.end.get_or_insert((now, end));
    }

    /// Cancels what is in flight, one at a time, and then says that it is over.
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
