//! One lookup, from its plan to its result.

mod answers;
mod attempts;

use std::collections::VecDeque;
use std::io;
use std::time::Instant;

use super::ask::{Ask, Place, State};
use super::cache::CachedFinding;
use super::output::{Output, Report, SocketId};
use super::plan::Plan;
use super::random::Random;
use super::result::{Finding, Success};
use super::socket::Sockets;
use crate::{
    AnswerSource, FamilyAnswer, LookupError, LookupErrorKind, Name, ServerAttempt, ServerOutcome,
    Transport,
};

/// Attempts above this many are counted and not kept.
const MAX_ATTEMPTS: usize = 256;

/// One lookup, without any I/O: the candidates of a name, each asked for one or two types at the
/// same time, of one server after the other.
///
/// Tell it what happened with the `handle_*` methods; after each, and after [`new`](Self::new),
/// call [`poll_output`](Self::poll_output) until it returns `None`. Then wait for a socket, or for
/// [`poll_timeout`](Self::poll_timeout), whichever is first, until [`result`](Self::result) is
/// there. `now` never goes backwards.
///
/// Never are two copies of a question under way with different ids (RFC 5452 section 5): a
/// question that goes to another server replaces the one before, whose socket is closed; one that
/// goes to the same server again, from another port, has the same id.
#[derive(Debug)]
pub struct Lookup {
    /// The name as it was given.
    text: Box<str>,
    plan: Plan,
    random: Random,
    started: Instant,
    deadline: Instant,
    /// Which candidate is being tried.
    candidate: usize,
    asks: Vec<Ask>,
    sockets: Sockets,
    outputs: VecDeque<Output>,
    events: Vec<FamilyAnswer>,
    attempts: Vec<ServerAttempt>,
    /// Where a family of this candidate was found.
    found_at: Option<Place>,
    /// Whether a server has answered for this candidate, well or badly.
    heard: bool,
    /// Whether all servers were silent for a whole candidate: then each is tried but once more.
    silent: bool,
    /// A candidate failed softly: whether the name exists is not known.
    soft: bool,
    /// A candidate exists, without records of the type.
    no_data: bool,
    result: Option<Result<Success, LookupError>>,
}

impl Lookup {
    /// Starts a lookup; `text` is the name as it was given, for errors.
    #[must_use]
    pub fn new(text: &str, plan: Plan, now: Instant) -> Self {
        let mut lookup = Self {
            text: text.into(),
            random: Random::from_seed(plan.seed),
            started: now,
            deadline: now.checked_add(plan.deadline).unwrap_or(now),
            candidate: 0,
            asks: Vec::new(),
            sockets: Sockets::default(),
            outputs: VecDeque::new(),
            events: Vec::new(),
            attempts: Vec::new(),
            found_at: None,
            heard: false,
            silent: false,
            soft: false,
            no_data: false,
            result: None,
            plan,
        };
        lookup.load_candidate();
        lookup.advance(now);
        lookup
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Whether [`poll_output`](Self::poll_output) has something.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` when the lookup is
    /// over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.result.is_some() {
            return None;
        }
        let due = self.asks.iter().filter_map(Ask::active);
        Some(
            due.map(|active| active.due())
                .fold(self.deadline, Instant::min),
        )
    }

    /// What was found out about each family so far, in order; it only grows.
    #[must_use]
    pub fn events(&self) -> &[FamilyAnswer] {
        &self.events
    }

    /// How the lookup ended, once it has.
    #[must_use]
    pub fn result(&self) -> Option<&Result<Success, LookupError>> {
        self.result.as_ref()
    }

    /// A datagram came; `cut` when it was longer than the buffer.
    pub fn handle_datagram(&mut self, socket: SocketId, datagram: &[u8], cut: bool, now: Instant) {
        self.match_message(socket, datagram, cut, now);
        self.advance(now);
    }

    /// A whole message came over a connection.
    pub fn handle_message(&mut self, socket: SocketId, message: &[u8], now: Instant) {
        self.match_message(socket, message, false, now);
        self.advance(now);
    }

    /// The server closed a connection that had stood, or reset it. What it has not answered is asked
    /// once more over one of its own (RFC 7766 section 6.2.4): some servers close after a few
    /// answers. The second time counts as a failure.
    pub fn handle_closed(&mut self, socket: SocketId, now: Instant) {
        self.sockets.remove(socket);
        self.outputs.push_back(Output::Close { socket });
        for ask in 0..self.asks.len() {
            let Some(active) = self.uses(ask, socket) else {
                continue;
            };
            if active.attempt.reconnected {
                self.attempt_over(ask, ServerOutcome::Closed, now);
            } else {
                active.attempt.reconnected = true;
                active.attempt.repeated = true;
                active.attempt.sockets.clear();
                self.send(ask, false);
            }
        }
        self.advance(now);
    }

    /// A socket could not be made, or failed: for a datagram this may be the word of the server's
    /// host that nobody listens.
    pub fn handle_failed(&mut self, socket: SocketId, error: io::ErrorKind, now: Instant) {
        self.sockets.remove(socket);
        self.outputs.push_back(Output::Close { socket });
        for ask in 0..self.asks.len() {
            let Some(active) = self.uses(ask, socket) else {
                continue;
            };
            active.attempt.sockets.retain(|&other| other != socket);
            if active.attempt.sockets.is_empty() {
                self.attempt_over(ask, ServerOutcome::Io(error), now);
            }
        }
        self.advance(now);
    }

    /// Time has passed; call it at [`poll_timeout`](Self::poll_timeout), or at any other time.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.result.is_some() {
            return;
        }
        if now >= self.deadline {
            self.end_at_deadline(now);
            return;
        }
        for ask in 0..self.asks.len() {
            self.ask_timeout(ask, now);
        }
        self.advance(now);
    }

    /// Carries the lookup on as far as it goes without anything happening.
    fn advance(&mut self, now: Instant) {
        while self.result.is_none() {
            self.start_waiting(now);
            self.tell_and_bound();
            if self.asks.iter().any(|ask| ask.finding().is_none()) {
                return;
            }
            if self
                .asks
                .iter()
                .any(|ask| ask.finding().is_some_and(Finding::is_found))
            {
                self.succeed(now);
                return;
            }
            self.learn_from_candidate();
            self.candidate += 1;
            if self.candidate == self.plan.candidates.len() {
                let kind = self.verdict();
                self.fail(kind, now);
                return;
            }
            self.load_candidate();
        }
    }

    /// The questions for the candidate that is next, some of them answered by the cache.
    fn load_candidate(&mut self) {
        let candidate = self.candidate;
        let plan = &self.plan;
        let asks = plan
            .question
            .types
            .iter()
            .enumerate()
            .map(|(index, &record_type)| {
                let cached = plan
                    .cached
                    .iter()
                    .find(|&&(of, at, _)| (of, at) == (candidate, index));
                let state = match cached {
                    None => State::Waiting,
                    Some((_, _, cached)) => State::Done(match &cached.finding {
                        CachedFinding::Found(found) => Finding::Found {
                            found: found.clone(),
                            source: AnswerSource::Cache(cached.server),
                            expires: cached.expires,
                        },
                        CachedFinding::NoData => Finding::NoData,
                        CachedFinding::NotFound => Finding::NotFound,
                        CachedFinding::Failed => Finding::Failed(LookupErrorKind::Unavailable),
                    }),
                };
                Ask {
                    record_type,
                    state,
                    left: None,
                    told: false,
                }
            });
        self.asks = asks.collect();
        self.found_at = None;
        // What the cache says is a word, too.
        self.heard = self.asks.iter().any(|ask| ask.finding().is_some());
    }

    fn start_waiting(&mut self, now: Instant) {
        for ask in 0..self.asks.len() {
            if self.plan.single_request && self.asks.iter().any(|ask| ask.active().is_some()) {
                return;
            }
            if matches!(self.asks[ask].state, State::Waiting) {
                self.start(ask, now);
            }
        }
    }

    /// Once a family has addresses, tells what is known, and gives the other one no more than the
    /// attempt that it is in, and one at the server that had them.
    fn tell_and_bound(&mut self) {
        if !self
            .asks
            .iter()
            .any(|ask| ask.finding().is_some_and(Finding::is_found))
        {
            return;
        }
        let patience = self.plan.timeout.min(std::time::Duration::from_secs(1));
        for ask in &mut self.asks {
            if let Some(active) = ask.active_mut() {
                if active.give_up.is_none() {
                    let attempt = &active.attempt;
                    active.give_up = Some(attempt.started + attempt.timeout.max(patience));
                }
            } else if !ask.told
                && let Some(finding) = ask.finding()
            {
                self.events.extend(finding.to_event(ask.record_type));
                ask.told = true;
            }
        }
    }

    fn succeed(&mut self, now: Instant) {
        let name = &self.plan.question.name;
        if self.plan.candidates.len() > 1 {
            let report = Report::Won {
                name: name.clone(),
                candidate: self.plan.candidates[self.candidate].clone(),
                generation: self.plan.generation,
            };
            self.outputs.push_back(Output::Report(report));
        }
        let findings = self.asks.drain(..).filter_map(|ask| match ask.state {
            State::Done(finding) => Some((ask.record_type, finding)),
            State::Waiting | State::Active(_) => None,
        });
        let success = Success {
            findings: findings.collect(),
            attempts: std::mem::take(&mut self.attempts),
            elapsed: now.saturating_duration_since(self.started),
        };
        self.finish(Ok(success));
    }

    fn learn_from_candidate(&mut self) {
        for finding in self.asks.iter().filter_map(Ask::finding) {
            match finding {
                Finding::Failed(_) => self.soft = true,
                Finding::NoData => self.no_data = true,
                Finding::NotFound | Finding::Found { .. } => {}
            }
        }
        self.silent |= !self.heard
            && self
                .asks
                .iter()
                .any(|ask| matches!(ask.finding(), Some(Finding::Failed(_))));
    }

    /// What the candidates together say: that a name does not exist only where none of them failed
    /// softly.
    fn verdict(&self) -> LookupErrorKind {
        match (self.soft, self.no_data) {
            (true, _) => LookupErrorKind::Unavailable,
            (false, true) => LookupErrorKind::NoData,
            (false, false) => LookupErrorKind::NotFound,
        }
    }

    fn fail(&mut self, kind: LookupErrorKind, now: Instant) {
        if self.plan.candidates.len() > 1 && !kind.is_soft() {
            let name = self.plan.question.name.clone();
            self.outputs
                .push_back(Output::Report(Report::Lost { name }));
        }
        let reason = match self.attempts.is_empty() {
            true if self.plan.servers.is_empty() => Some("no DNS server is configured".to_owned()),
            true if kind != LookupErrorKind::Deadline => {
                Some("it was found out a moment ago and is kept for its time".to_owned())
            }
            _ => None,
        };
        let error = LookupError::new(
            kind,
            &self.text,
            reason,
            std::mem::take(&mut self.attempts),
            now.saturating_duration_since(self.started),
        );
        self.finish(Err(error));
    }

    fn end_at_deadline(&mut self, now: Instant) {
        for ask in 0..self.asks.len() {
            if let Some(active) = self.asks[ask].active() {
                let outcome = match active.attempt.deadline <= now {
                    true => ServerOutcome::TimedOut,
                    false => ServerOutcome::Abandoned,
                };
                self.note(ask, outcome, now);
            }
            if self.asks[ask].finding().is_none() {
                self.settle(ask, Finding::Failed(LookupErrorKind::Deadline));
            }
        }
        if self
            .asks
            .iter()
            .any(|ask| ask.finding().is_some_and(Finding::is_found))
        {
            self.tell_and_bound();
            self.succeed(now);
        } else {
            self.fail(LookupErrorKind::Deadline, now);
        }
    }

    fn finish(&mut self, result: Result<Success, LookupError>) {
        let close = self.sockets.drain().map(|socket| Output::Close { socket });
        self.outputs.extend(close);
        self.result = Some(result);
    }

    /// Ends a question, and what it has under way.
    fn settle(&mut self, ask: usize, finding: Finding) {
        self.release(ask);
        self.asks[ask].state = State::Done(finding);
    }

    fn name(&self) -> &Name {
        &self.plan.candidates[self.candidate]
    }

    /// Keeps what a server did.
    fn note(&mut self, ask: usize, outcome: ServerOutcome, now: Instant) {
        let record_type = self.asks[ask].record_type;
        let Some(active) = self.asks[ask].active() else {
            return;
        };
        if self.attempts.len() == MAX_ATTEMPTS {
            return;
        }
        let attempt = ServerAttempt {
            server: self.plan.servers[active.server].address,
            transport: active.attempt.transport,
            name: self.name().clone(),
            record_type,
            outcome,
            elapsed: now.saturating_duration_since(active.attempt.started),
            ignored: active.attempt.ignored,
        };
        self.attempts.push(attempt);
    }

    fn is_tcp(&self, ask: usize) -> bool {
        let active = self.asks[ask].active();
        active.is_some_and(|active| active.attempt.transport == Transport::Tcp)
    }
}
