//! A question that is being asked: of one server after the other, round after round.

use std::io;
use std::time::{Duration, Instant};

use super::candidates::Place;
use super::common::Common;
use super::exchange::{Exchange, ExchangeSpec};
use super::sockets::Purpose;
use crate::core::cache::Cached;
use crate::core::output::{LookupOutput, Report, SocketId};
use crate::core::result::Finding;
use crate::edns_fallback::SilentServers;
use crate::wire::{CLIENT_COOKIE, encode};
use crate::{LookupErrorKind, RecordType, ServerOutcome, Transport};

/// Messages over UDP that do not match the query before it goes over TCP.
const MAX_IGNORED: u32 = 1000;
/// The maximum number of sockets that one question keeps open.
const MAX_SOCKETS: usize = 4;

/// A question that is being asked. Its methods return the finding that ends it.
#[derive(Debug)]
pub(super) struct Asking {
    /// The index of the question in the lookup.
    index: usize,
    pub(super) record_type: RecordType,
    /// When the first server was asked.
    started: Instant,
    /// How often the whole list of servers was asked.
    pub(super) round: u32,
    /// The index of the server that is being asked.
    pub(super) server: usize,
    /// True when a server of this round was silent, so that another round may help.
    silence: bool,
    /// The servers that were silent when they were asked with EDNS.
    silent_with_edns: SilentServers,
    /// When the question must end: the other family has been answered.
    give_up: Option<Instant>,
    pub(super) exchange: Exchange,
    /// The id of the exchange before, a late reply to which may still arrive.
    pub(super) last_id: Option<u16>,
    /// How often the server has rejected the cookie.
    pub(super) bad_cookies: u8,
}

impl Asking {
    /// Asks the first server.
    pub(super) fn new(
        common: &mut Common,
        index: usize,
        record_type: RecordType,
        now: Instant,
    ) -> Self {
        let spec = common.first_spec(0);
        let mut asking = Self {
            index,
            record_type,
            started: now,
            round: 0,
            server: 0,
            silence: false,
            silent_with_edns: SilentServers::default(),
            give_up: None,
            exchange: common.exchange(index, 0, 0, spec, now),
            last_id: None,
            bad_cookies: 0,
        };
        asking.send(common, false);
        asking
    }

    /// Returns how far the question has come in the rounds and the list of servers.
    pub(super) fn place(&self) -> Place {
        (self.round, self.server)
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn due(&self) -> Instant {
        [self.exchange.copy_at, self.give_up]
            .into_iter()
            .flatten()
            .fold(self.exchange.deadline, Instant::min)
    }

    /// Returns whether a query has left from this socket.
    pub(super) fn uses(&self, socket: SocketId) -> bool {
        self.exchange.sockets.contains(&socket)
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.exchange.spec.transport == Transport::Tcp
    }

    /// Bounds the question once the other family has records: it gets the rest of the current
    /// exchange, or `patience` where that is longer.
    pub(super) fn bound(&mut self, patience: Duration) {
        if self.give_up.is_none() {
            let exchange = &self.exchange;
            self.give_up = Some(exchange.started + exchange.timeout.max(patience));
        }
    }

    /// Records what the server did.
    pub(super) fn record(&self, common: &mut Common, outcome: ServerOutcome, now: Instant) {
        common.record(self.server, self.record_type, &self.exchange, outcome, now);
    }

    /// Starts an exchange with the current server.
    fn begin(&mut self, common: &mut Common, now: Instant) {
        let mut spec = common.first_spec(self.server);
        if self.leaves_out_edns(common) {
            spec = spec.without_edns();
        }
        self.exchange = common.exchange(self.index, self.server, self.round, spec, now);
        self.bad_cookies = 0;
        self.send(common, false);
    }

    /// Returns whether the server is asked without EDNS in this round, because it was silent so far.
    pub(super) fn leaves_out_edns(&self, common: &Common) -> bool {
        let cookie = common.plan.servers[self.server].cookie.as_deref();
        let sends_cookies = cookie.is_some_and(|cookie| cookie.len() > CLIENT_COOKIE);
        self.silent_with_edns.is_asked_without_edns(
            self.server,
            self.round,
            common.plan.attempts,
            sends_cookies,
        )
    }

    /// Asks the same server again, with a new id and in another way.
    pub(super) fn again(&mut self, common: &mut Common, spec: ExchangeSpec, now: Instant) {
        self.release(common);
        self.exchange = common.exchange(self.index, self.server, self.round, spec, now);
        self.send(common, false);
    }

    /// Sends the query: its first copy, or the second one from a new port.
    fn send(&mut self, common: &mut Common, copy: bool) {
        let exchange = &mut self.exchange;
        let transport = exchange.spec.transport;
        let plan = &common.plan;
        let purpose = Purpose {
            server: self.server,
            transport,
            candidate: common.candidate,
            round: self.round,
            copy,
            // What is sent again leaves from a port of its own, or over a connection of its own.
            shared: match transport {
                Transport::Udp => plan.udp_pool && !copy && self.round == 0,
                Transport::Tcp => !exchange.reconnected,
            },
            own: (plan.own_sockets || transport == Transport::Tcp).then_some(self.index),
        };
        let socket = common.open(purpose, self.index);
        if !exchange.sockets.contains(&socket) {
            exchange.sockets.push(socket);
        }
        let bytes = encode(exchange.query(self.record_type));
        common
            .outputs
            .push_back(LookupOutput::Send { socket, bytes });
    }

    /// Releases the sockets of the exchange.
    pub(super) fn release(&mut self, common: &mut Common) {
        for socket in std::mem::take(&mut self.exchange.sockets) {
            common.release(socket, self.index);
        }
        self.last_id = Some(self.exchange.id);
    }

    /// Handles the end of an established connection: the query is sent once more, over a connection
    /// of its own (RFC 7766 section 6.2.4), since some servers close after a few answers. A second
    /// end is a failure.
    pub(super) fn handle_closed(&mut self, common: &mut Common, now: Instant) -> Option<Finding> {
        if self.exchange.reconnected {
            return self.fail(common, ServerOutcome::Closed, now);
        }
        self.exchange.reconnected = true;
        self.exchange.repeated = true;
        self.exchange.sockets.clear();
        self.send(common, false);
        None
    }

    /// Handles the failure of a socket, which ends the exchange where it was the last one.
    pub(super) fn handle_failed(
        &mut self,
        common: &mut Common,
        socket: SocketId,
        error: io::ErrorKind,
        now: Instant,
    ) -> Option<Finding> {
        self.exchange.sockets.retain(|&other| other != socket);
        if self.exchange.sockets.is_empty() {
            let outcome = match error {
                io::ErrorKind::InvalidData => {
                    ServerOutcome::Malformed("its messages over TCP answer no query")
                }
                error => ServerOutcome::Io(error),
            };
            self.fail(common, outcome, now)
        } else {
            None
        }
    }

    /// Counts a message that does not match the query. After many of them the query goes over TCP: they
    /// may be guesses of a forger, and reading them takes the processor's time.
    pub(super) fn ignore(&mut self, common: &mut Common, now: Instant) {
        self.exchange.ignore();
        if self.exchange.ignored < MAX_IGNORED || self.is_tcp() {
            return;
        }
        let outcome = ServerOutcome::Malformed("too many replies do not match the query");
        self.record(common, outcome, now);
        let spec = self.exchange.spec.over_tcp();
        self.again(common, spec, now);
    }

    /// Handles the passing of time.
    pub(super) fn handle_timeout(&mut self, common: &mut Common, now: Instant) -> Option<Finding> {
        if self.give_up.is_some_and(|at| at <= now) {
            let server = common.plan.servers[self.server].address;
            self.record(common, ServerOutcome::TimedOut, now);
            common.report(Report::Failed { server });
            return self.catch_up(common, now);
        }
        if self.exchange.deadline <= now {
            return self.fail(common, ServerOutcome::TimedOut, now);
        }
        if self.exchange.copy_at.is_some_and(|at| at <= now) {
            self.exchange.copy_at = None;
            self.exchange.repeated = true;
            self.send(common, true);
        }
        None
    }

    /// Handles the failure of an exchange: asks the next server, begins the next round, or gives
    /// up.
    pub(super) fn fail(
        &mut self,
        common: &mut Common,
        outcome: ServerOutcome,
        now: Instant,
    ) -> Option<Finding> {
        self.record(common, outcome, now);
        let server = common.plan.servers[self.server].address;
        common.report(Report::Failed { server });
        let is_silent = outcome == ServerOutcome::TimedOut;
        self.silence |= is_silent;
        if is_silent {
            let spec = &self.exchange.spec;
            self.silent_with_edns
                .handle_silence(self.server, spec.edns, spec.transport);
        }
        self.server += 1;
        if self.server == common.plan.servers.len() {
            self.server = 0;
            self.round += 1;
            let is_over = self.is_over(common, now);
            self.silence = false;
            if is_over {
                return Some(self.give_up(common, now));
            }
            let is_udp = self.exchange.spec.transport == Transport::Udp;
            if common.plan.servers.len() == 1 && is_udp && is_silent {
                self.repeat(common, now);
                return None;
            }
        }
        self.release(common);
        self.begin(common, now);
        None
    }

    /// Returns whether the round that has ended was the last one.
    fn is_over(&self, common: &Common, now: Instant) -> bool {
        if common.log.is_silent() {
            return true;
        }
        let attempts = u32::from(common.plan.attempts);
        // Timeouts of servers that are known to be fast are short, and leave time for more rounds
        // than are configured.
        let spent = now.saturating_duration_since(self.started);
        let has_time = self.silence && spent < common.plan.timeout.saturating_mul(attempts);
        self.round >= attempts && !has_time
    }

    /// Asks the only server again, which may be slow and not dead: with the same id, from a new
    /// port, while the earlier copies may still be answered. In the last round the query has no EDNS.
    fn repeat(&mut self, common: &mut Common, now: Instant) {
        let timeout = common.timeout(self.server, self.round, Transport::Udp);
        self.exchange.restart(timeout, now);
        self.exchange.repeated = true;
        if self.leaves_out_edns(common) {
            self.exchange.spec = self.exchange.spec.without_edns();
        }
        let sockets = &mut self.exchange.sockets;
        // There must be room for this copy and a second one.
        let too_many = sockets.len().saturating_sub(MAX_SOCKETS - 2);
        for socket in sockets.drain(..too_many) {
            common.release(socket, self.index);
        }
        self.send(common, false);
    }

    /// Ends the question: no server has answered it.
    fn give_up(&self, common: &mut Common, now: Instant) -> Finding {
        let server = common.plan.servers[self.server].address;
        let report = Report::Learned {
            name: common.name().clone(),
            record_type: self.record_type,
            what: Cached::failure(server, now),
            generation: common.plan.generation,
        };
        common.report(report);
        Finding::Failed(LookupErrorKind::Unavailable)
    }

    /// Handles the end of the time that [`bound`](Self::bound) has set. If this question has not
    /// yet asked the server that had the records of the other family, asks it; else ends the
    /// question.
    fn catch_up(&mut self, common: &mut Common, now: Instant) -> Option<Finding> {
        let found_at = common.log.found_at();
        let Some(ahead) = found_at.filter(|&found| found > self.place()) else {
            return Some(Finding::Failed(LookupErrorKind::Unavailable));
        };
        self.release(common);
        (self.round, self.server) = ahead;
        self.give_up = None;
        self.begin(common, now);
        None
    }
}
