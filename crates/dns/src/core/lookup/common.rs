//! What the questions of a lookup have in common.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::candidates::CandidateLog;
use super::exchange::{Exchange, ExchangeSpec};
use super::sockets::{MAX_QUESTIONS, Purpose, Sockets};
use crate::core::output::{LookupOutput, Report, SocketId};
use crate::core::plan::Plan;
use crate::core::random::Random;
use crate::{Name, RecordType, ServerAttempt, ServerOutcome, Transport};

/// The maximum number of attempts that are recorded.
const MAX_ATTEMPTS: usize = 256;
/// The longest timeout of an exchange, unless a longer one is configured.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The shortest timeout over TCP, unless a shorter one is configured: a connection takes more round
/// trips than were measured.
const SHORTEST_TCP_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of times that the timeout is doubled, which happens once for each round.
const MAX_DOUBLINGS: u32 = 6;

/// What the questions of a lookup have in common: the plan, and how far it was carried out.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) plan: Plan,
    /// The index of the candidate that is being tried.
    pub(super) candidate: usize,
    pub(super) log: CandidateLog,
    pub(super) sockets: Sockets,
    pub(super) outputs: VecDeque<LookupOutput>,
    pub(super) attempts: Vec<ServerAttempt>,
    random: Random,
    /// The last id of each question that is being asked.
    ids: [Option<u16>; MAX_QUESTIONS],
}

impl Common {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            candidate: 0,
            log: CandidateLog::default(),
            sockets: Sockets::default(),
            outputs: VecDeque::new(),
            attempts: Vec::new(),
            random: Random::from_seed(plan.seed),
            ids: [None; MAX_QUESTIONS],
            plan,
        }
    }

    /// Starts with the current candidate; `cached` is true where the cache has an answer for it.
    pub(super) fn begin_candidate(&mut self, cached: bool) {
        self.log.begin(cached);
    }

    /// Returns the name of the candidate.
    pub(super) fn name(&self) -> &Name {
        &self.plan.candidates[self.candidate]
    }

    pub(super) fn report(&mut self, report: Report) {
        self.outputs.push_back(LookupOutput::Report(report));
    }

    /// Records what a server did with a query.
    pub(super) fn record(
        &mut self,
        server: usize,
        record_type: RecordType,
        exchange: &Exchange,
        outcome: ServerOutcome,
        now: Instant,
    ) {
        if self.attempts.len() == MAX_ATTEMPTS {
            return;
        }
        self.attempts.push(ServerAttempt {
            server: self.plan.servers[server].address,
            transport: exchange.spec.transport,
            name: self.name().clone(),
            record_type,
            outcome,
            elapsed: now.saturating_duration_since(exchange.started),
            ignored: exchange.ignored,
        });
    }

    /// Returns how a server is asked first.
    pub(super) fn first_spec(&self, server: usize) -> ExchangeSpec {
        ExchangeSpec::first(&self.plan.servers[server], self.plan.tcp_only)
    }

    /// Returns an exchange of a question with a server, whose query has not been sent.
    pub(super) fn exchange(
        &mut self,
        question: usize,
        server: usize,
        round: u32,
        spec: ExchangeSpec,
        now: Instant,
    ) -> Exchange {
        let timeout = self.timeout(server, round, spec.transport);
        let id = self.fresh_id(question);
        let sent_name = self.letters(spec.transport);
        Exchange::new(spec, id, sent_name, timeout, now)
    }

    /// Returns the timeout of an exchange: the server's own, doubled with each round, and then
    /// drawn from its upper half, so that many clients do not repeat in step.
    pub(super) fn timeout(&mut self, server: usize, round: u32, transport: Transport) -> Duration {
        let known = self.plan.servers[server].timeout;
        let mut timeout = known
            .saturating_mul(1 << round.min(MAX_DOUBLINGS))
            .min(LONGEST_TIMEOUT.max(self.plan.timeout));
        if round > 0 {
            timeout = timeout.mul_f64(0.5 + self.random.fraction() / 2.0);
        }
        match transport {
            Transport::Udp => timeout,
            Transport::Tcp => timeout.max(self.plan.timeout.min(SHORTEST_TCP_TIMEOUT)),
        }
    }

    /// Returns an id for a question: not one of [`ids`](Self::ids).
    fn fresh_id(&mut self, question: usize) -> u16 {
        loop {
            let id = self.random.u16();
            if !self.ids.contains(&Some(id)) {
                self.ids[question] = Some(id);
                return id;
            }
        }
    }

    /// Handles the end of a question, whose id is then free.
    pub(super) fn end_question(&mut self, question: usize) {
        self.ids[question] = None;
    }

    /// Returns the name of the candidate, its letters in random case where that is on.
    fn letters(&mut self, transport: Transport) -> Name {
        let name = self.name().clone();
        if !self.plan.case_randomization || transport == Transport::Tcp {
            return name;
        }
        let mut flips = vec![0; name.wire().len()];
        self.random.fill(&mut flips);
        name.with_case(&flips)
    }

    /// Returns a socket for a question, opened where there is none with this purpose.
    pub(super) fn open(&mut self, purpose: Purpose, question: usize) -> SocketId {
        let (socket, is_new) = self.sockets.take(purpose, question);
        if is_new {
            let server = self.plan.servers[purpose.server].address;
            let shared = purpose.shared;
            self.outputs.push_back(match purpose.transport {
                Transport::Udp => LookupOutput::OpenUdp {
                    socket,
                    server,
                    shared,
                },
                Transport::Tcp => LookupOutput::OpenTcp {
                    socket,
                    server,
                    shared,
                },
            });
        }
        socket
    }

    /// Releases a socket of a question, and closes it where no other question uses it.
    pub(super) fn release(&mut self, socket: SocketId, question: usize) {
        if self.sockets.release(socket, question) {
            self.outputs.push_back(LookupOutput::Close { socket });
        }
    }
}
