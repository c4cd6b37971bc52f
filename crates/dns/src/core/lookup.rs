//! One lookup, from its plan to its result.

// From the ground up: a module uses only those above it.

// What earlier candidates have shown; one exchange with one server; the sockets.
mod candidates;
mod exchange;
mod sockets;

// What the questions have in common.
mod common;

// A question that is being asked.
mod asking;

// What replies do to a question that is being asked.
mod replies;

// A question, from its start to its finding.
mod ask;

use std::io;
use std::time::{Duration, Instant};

use self::ask::Ask;
use self::asking::Asking;
use self::common::Common;
use self::sockets::MAX_QUESTIONS;
use super::cache::{Cached, CachedFinding};
use super::output::{LookupOutput, Report, SocketId};
use super::plan::Plan;
use super::result::{Finding, Success};
use crate::{AnswerSource, FamilyAnswer, LookupError, LookupErrorKind};

/// The longest time for which the other family is waited for, once one family has records, unless
/// its current exchange takes longer.
const MAX_PATIENCE: Duration = Duration::from_secs(1);

/// One lookup, without any I/O: the candidates of a name, each asked for one or two types of
/// records at the same time, of one server after the other.
///
/// Report events with the `handle_*` methods. After each, and after [`new`](Self::new), call
/// [`poll_output`](Self::poll_output) until it returns `None`. Then wait for a socket or for
/// [`poll_timeout`](Self::poll_timeout), whichever is first, until [`result`](Self::result) returns
/// the result. `now` never goes backwards.
///
/// Two copies of a question never wait for a reply under different ids (RFC 5452 section 5). A
/// query to another server replaces the one before, whose socket is closed. A copy to the same
/// server, from another port, has the same id.
#[derive(Debug)]
pub struct Lookup {
    /// The name as the caller gave it.
    text: Box<str>,
    started: Instant,
    deadline: Instant,
    asks: Vec<Ask>,
    common: Common,
    events: Vec<FamilyAnswer>,
    result: Option<Result<Success, LookupError>>,
}

impl Lookup {
    /// Starts a lookup. `text` is the name as the caller gave it, for errors.
    #[must_use]
    pub fn new(text: &str, plan: Plan, now: Instant) -> Self {
        let mut lookup = Self {
            text: text.into(),
            started: now,
            deadline: now.checked_add(plan.deadline).unwrap_or(now),
            asks: Vec::new(),
            common: Common::new(plan),
            events: Vec::new(),
            result: None,
        };
        lookup.load_candidate();
        lookup.advance(now);
        lookup
    }

    /// Returns what is to be done next.
    pub fn poll_output(&mut self) -> Option<LookupOutput> {
        self.common.outputs.pop_front()
    }

    /// Returns whether [`poll_output`](Self::poll_output) has an output.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.common.outputs.is_empty()
    }

    /// Returns the queries that have no answer yet, in words; `None` when none is under way.
    ///
    /// For example `192.0.2.53:53 over udp for orders.test. A`.
    #[must_use]
    pub fn waiting_for(&self) -> Option<String> {
        let asking = self.asks.iter().filter_map(Ask::asking);
        let queries: Vec<String> = asking
            .map(|asking| {
                let server = self.common.plan.servers[asking.server].address;
                let transport = asking.exchange.spec.transport;
                let (name, record_type) = (self.common.name(), asking.record_type);
                format!("{server} over {transport} for {name} {record_type}")
            })
            .collect();
        (!queries.is_empty()).then(|| queries.join(", "))
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout); `None` once the lookup has
    /// ended.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.result.is_some() {
            return None;
        }
        let due = self.asks.iter().filter_map(Ask::asking).map(Asking::due);
        Some(due.fold(self.deadline, Instant::min))
    }

    /// Returns what was found for each family so far, in order. The list only grows.
    #[must_use]
    pub fn events(&self) -> &[FamilyAnswer] {
        &self.events
    }

    /// Returns how the lookup ended, once it has.
    #[must_use]
    pub fn result(&self) -> Option<&Result<Success, LookupError>> {
        self.result.as_ref()
    }

    /// Handles a datagram; `cut` is true where it was longer than the buffer.
    pub fn handle_datagram(&mut self, socket: SocketId, datagram: &[u8], cut: bool, now: Instant) {
        self.match_message(socket, datagram, cut, now);
        self.advance(now);
    }

    /// Handles a whole message from a connection.
    pub fn handle_message(&mut self, socket: SocketId, message: &[u8], now: Instant) {
        self.match_message(socket, message, false, now);
        self.advance(now);
    }

    /// Handles the end of a connection that was established: the server closed or reset it. What it
    /// has not answered is asked once more, over another connection (RFC 7766 section 6.2.4).
    pub fn handle_closed(&mut self, socket: SocketId, now: Instant) {
        self.remove_socket(socket);
        for ask in &mut self.asks {
            ask.handle_closed(&mut self.common, socket, now);
        }
        self.advance(now);
    }

    /// Handles the failure of a socket: it could not be opened, or it reported an error;
    /// [`InvalidData`](io::ErrorKind::InvalidData) for a connection that the server has
    /// [flooded](super::ConnectionEnd::Flooded). After a
    /// datagram this may be the report of the server's host that the port is closed.
    pub fn handle_failed(&mut self, socket: SocketId, error: io::ErrorKind, now: Instant) {
        self.remove_socket(socket);
        for ask in &mut self.asks {
            ask.handle_failed(&mut self.common, socket, error, now);
        }
        self.advance(now);
    }

    /// Handles the passing of time: call it at [`poll_timeout`](Self::poll_timeout), or at any
    /// other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.result.is_some() {
            return;
        }
        if now >= self.deadline {
            self.end_at_deadline(now);
            return;
        }
        for ask in &mut self.asks {
            ask.handle_timeout(&mut self.common, now);
        }
        self.advance(now);
    }

    /// Passes a message to the question that it may answer.
    fn match_message(&mut self, socket: SocketId, message: &[u8], cut: bool, now: Instant) {
        let id = message.first_chunk().map(|&id| u16::from_be_bytes(id));
        let mut asks = self.asks.iter_mut();
        if let Some(id) = id {
            if let Some(ask) = asks.find(|ask| ask.expects(socket, id)) {
                ask.handle_reply(&mut self.common, message, cut, now);
                return;
            }
            // A second answer to a question that has an answer is not a sign of forged replies.
            if self.asks.iter().any(|ask| ask.has_left(id)) {
                return;
            }
        }
        for ask in &mut self.asks {
            ask.ignore(&mut self.common, socket, now);
        }
    }

    fn remove_socket(&mut self, socket: SocketId) {
        self.common.sockets.remove(socket);
        self.common
            .outputs
            .push_back(LookupOutput::Close { socket });
    }

    /// Advances the lookup as far as possible without a further event.
    fn advance(&mut self, now: Instant) {
        while self.result.is_none() {
            self.start_waiting(now);
            self.add_events_and_bound();
            if self.asks.iter().any(|ask| ask.finding().is_none()) {
                return;
            }
            if self.asks.iter().any(Ask::is_found) {
                self.succeed(now);
                return;
            }
            let findings = self.asks.iter().filter_map(Ask::finding);
            self.common.log.end(findings);
            self.common.candidate += 1;
            if self.common.candidate == self.common.plan.candidates.len() {
                let kind = self.common.log.verdict();
                self.fail(kind, now);
                return;
            }
            self.load_candidate();
        }
    }

    /// Makes the questions for the current candidate, some of which the cache answers.
    fn load_candidate(&mut self) {
        let candidate = self.common.candidate;
        let plan = &self.common.plan;
        let types = plan.request.types.iter().take(MAX_QUESTIONS);
        let asks = types.enumerate();
        let asks = asks.map(|(index, &record_type)| {
            let mut cached = plan.cached.iter();
            let cached = cached.find(|&&(of, at, _)| (of, at) == (candidate, index));
            Ask::new(
                index,
                record_type,
                cached.map(|(_, _, cached)| kept(cached)),
            )
        });
        self.asks = asks.collect();
        let is_cached = self.asks.iter().any(|ask| ask.finding().is_some());
        self.common.begin_candidate(is_cached);
    }

    /// Starts the questions that are not asked yet: with `options single-request` one at a time.
    fn start_waiting(&mut self, now: Instant) {
        let one_at_a_time = self.common.plan.single_request;
        let mut is_asking = self.asks.iter().any(|ask| ask.asking().is_some());
        for ask in &mut self.asks {
            if one_at_a_time && is_asking {
                return;
            }
            if ask.is_waiting() {
                ask.start(&mut self.common, now);
                is_asking |= ask.asking().is_some();
            }
        }
    }

    /// Once a family has addresses, adds an event for each question that has ended, and bounds the
    /// time of the other family. It gets the rest of its current exchange, and one exchange with
    /// the server that has the addresses.
    fn add_events_and_bound(&mut self) {
        if !self.asks.iter().any(Ask::is_found) {
            return;
        }
        let patience = self.common.plan.timeout.min(MAX_PATIENCE);
        for ask in &mut self.asks {
            self.events.extend(ask.bound_or_take_event(patience));
        }
    }

    fn succeed(&mut self, now: Instant) {
        let plan = &self.common.plan;
        if plan.candidates.len() > 1 {
            let report = Report::Won {
                name: plan.request.name.clone(),
                candidate: self.common.name().clone(),
                generation: plan.generation,
            };
            self.common.report(report);
        }
        let success = Success {
            findings: self.asks.drain(..).filter_map(Ask::into_finding).collect(),
            attempts: std::mem::take(&mut self.common.attempts),
            elapsed: now.saturating_duration_since(self.started),
        };
        self.finish(Ok(success));
    }

    fn fail(&mut self, kind: LookupErrorKind, now: Instant) {
        let plan = &self.common.plan;
        let has_servers = !plan.servers.is_empty();
        if plan.candidates.len() > 1 && !kind.is_soft() {
            let name = plan.request.name.clone();
            self.common.report(Report::Lost { name });
        }
        let unusable = self.common.plan.unusable_servers.join("; ");
        let reason = if !has_servers && !unusable.is_empty() {
            Some(format!("no DNS server can be used: {unusable}"))
        } else if !has_servers {
            Some("no DNS server is configured".to_owned())
        } else if kind.is_soft() && !unusable.is_empty() {
            Some(unusable)
        } else if self.common.attempts.is_empty() && kind != LookupErrorKind::Deadline {
            Some("it was found out a moment ago and is kept for its time".to_owned())
        } else {
            None
        };
        let error = LookupError::new(
            kind,
            &self.text,
            reason,
            std::mem::take(&mut self.common.attempts),
            now.saturating_duration_since(self.started),
        );
        let error = error.with_absence(self.common.log.take_absence(kind));
        self.finish(Err(error));
    }

    fn end_at_deadline(&mut self, now: Instant) {
        for ask in &mut self.asks {
            ask.handle_deadline(&mut self.common, now);
        }
        if self.asks.iter().any(Ask::is_found) {
            self.add_events_and_bound();
            self.succeed(now);
        } else {
            self.fail(LookupErrorKind::Deadline, now);
        }
    }

    fn finish(&mut self, result: Result<Success, LookupError>) {
        let Common {
            sockets, outputs, ..
        } = &mut self.common;
        outputs.extend(sockets.drain().map(|socket| LookupOutput::Close { socket }));
        self.result = Some(result);
    }
}

/// Returns an answer of the cache as a finding.
fn kept(cached: &Cached) -> Finding {
    match &cached.finding {
        CachedFinding::Found(found) => Finding::Found {
            found: found.clone(),
            source: AnswerSource::Cache(cached.server),
            expires: cached.expires,
        },
        CachedFinding::NoData(absence) => Finding::NoData(absence.clone()),
        CachedFinding::NotFound(absence) => Finding::NotFound(absence.clone()),
        CachedFinding::Failed => Finding::Failed(LookupErrorKind::Unavailable),
    }
}
