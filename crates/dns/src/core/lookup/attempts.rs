//! Asking one server after the other.

use std::time::{Duration, Instant};

use super::Lookup;
use crate::core::ask::{Active, Exchange, State};
use crate::core::cache::Cached;
use crate::core::output::{Output, Report, SocketId};
use crate::core::result::Finding;
use crate::core::socket::{Attempt, Socket};
use crate::wire::{QueryMessage, encode};
use crate::{LookupErrorKind, Name, ServerOutcome, Transport};

/// A second copy goes out after this time, from a new port: a packet may have been lost, and some
/// firewalls lose one of two that leave a port at the same time.
const COPY_AFTER: Duration = Duration::from_secs(1);
/// The longest time for one attempt, unless more is configured.
const LONGEST: Duration = Duration::from_secs(5);

/// Sockets that one question keeps open at most.
const MAX_SOCKETS: usize = 4;

impl Lookup {
    pub(super) fn start(&mut self, ask: usize, now: Instant) {
        if self.plan.servers.is_empty() {
            self.settle(ask, Finding::Failed(LookupErrorKind::Unavailable));
            return;
        }
        self.asks[ask].state = State::Active(Active {
            started: now,
            round: 0,
            server: 0,
            silence: false,
            give_up: None,
            attempt: self.exchange(0, 0, self.first_transport(), now),
        });
        self.send(ask, false);
    }

    /// Asks the server that is next, anew.
    fn begin(&mut self, ask: usize, now: Instant) {
        let Some(active) = self.asks[ask].active() else {
            return;
        };
        let (server, round) = (active.server, active.round);
        let exchange = self.exchange(server, round, self.first_transport(), now);
        if let Some(active) = self.asks[ask].active_mut() {
            active.attempt = exchange;
        }
        self.send(ask, false);
    }

    fn first_transport(&self) -> Transport {
        match self.plan.tcp_only {
            true => Transport::Tcp,
            false => Transport::Udp,
        }
    }

    /// An exchange with a server that has not begun.
    fn exchange(
        &mut self,
        server: usize,
        round: u32,
        transport: Transport,
        now: Instant,
    ) -> Exchange {
        let timeout = self.timeout(server, round, transport);
        let planned = &self.plan.servers[server];
        // The server's own timer starts anew with a copy; a short attempt needs none.
        let copy = transport == Transport::Udp && timeout > COPY_AFTER;
        Exchange {
            transport,
            edns: planned.edns,
            cookie: planned.cookie.clone().filter(|_| planned.edns),
            id: self.fresh_id(),
            sent_name: self.letters(transport),
            sockets: Vec::new(),
            started: now,
            deadline: now + timeout,
            timeout,
            copy_at: copy.then(|| now + COPY_AFTER),
            ignored: 0,
            reconnected: false,
            bad_cookies: 0,
            repeated: false,
        }
    }

    /// The time for an attempt: the server's own, doubled with each round, and then drawn from its
    /// upper half, so that many clients do not repeat in step.
    fn timeout(&mut self, server: usize, round: u32, transport: Transport) -> Duration {
        let known = self.plan.servers[server].timeout;
        let mut timeout = known
            .saturating_mul(1 << round.min(6))
            .min(LONGEST.max(self.plan.timeout));
        if round > 0 {
            timeout = timeout.mul_f64(0.5 + self.random.fraction() / 2.0);
        }
        match transport {
            Transport::Udp => timeout,
            // A connection takes more round trips than were measured.
            Transport::Tcp => timeout.max(self.plan.timeout.min(COPY_AFTER)),
        }
    }

    /// An id that no other question of this lookup has under way.
    fn fresh_id(&mut self) -> u16 {
        loop {
            let id = self.random.u16();
            let taken = |ask: &crate::core::ask::Ask| {
                ask.active().is_some_and(|active| active.attempt.id == id)
            };
            if !self.asks.iter().any(taken) {
                return id;
            }
        }
    }

    /// The name of the candidate, its letters in random case where that is on.
    fn letters(&mut self, transport: Transport) -> Name {
        let name = self.name().clone();
        if !self.plan.case_randomization || transport == Transport::Tcp {
            return name;
        }
        let mut flips = vec![0; name.wire().len()];
        self.random.fill(&mut flips);
        name.with_case(&flips)
    }

    /// Sends the question of an exchange: its first copy, or the second from a new port.
    pub(super) fn send(&mut self, ask: usize, copy: bool) {
        let record_type = self.asks[ask].record_type;
        let candidate = self.candidate;
        let (own, pool) = (self.plan.own_sockets, self.plan.udp_pool);
        let Some(active) = self.asks[ask].active_mut() else {
            return;
        };
        let exchange = &mut active.attempt;
        let tcp = exchange.transport == Transport::Tcp;
        let attempt = Attempt {
            candidate,
            round: active.round,
            copy,
            // What is sent again leaves from a port of its own, or over a connection of its own.
            shared: match tcp {
                true => !exchange.reconnected,
                false => pool && !copy && active.round == 0,
            },
            own: (own || tcp).then_some(ask),
        };
        let wanted = Socket::wanted(active.server, exchange.transport, attempt, 1 << ask);
        let address = self.plan.servers[active.server].address;
        let socket = self.sockets.take(&wanted, &mut self.outputs, address);
        if !exchange.sockets.contains(&socket) {
            exchange.sockets.push(socket);
        }
        let query = QueryMessage {
            id: exchange.id,
            name: &exchange.sent_name,
            record_type,
            edns: exchange.edns,
            cookie: exchange.cookie.as_deref(),
        };
        let bytes = encode(query);
        self.outputs.push_back(Output::Send { socket, bytes });
    }

    /// Lets go of the sockets of a question.
    pub(super) fn release(&mut self, ask: usize) {
        let Some(active) = self.asks[ask].active_mut() else {
            return;
        };
        let id = active.attempt.id;
        for socket in std::mem::take(&mut active.attempt.sockets) {
            self.leave(ask, socket);
        }
        self.asks[ask].left = Some(id);
    }

    fn leave(&mut self, ask: usize, socket: SocketId) {
        if self.sockets.release(socket, 1 << ask) {
            self.outputs.push_back(Output::Close { socket });
        }
    }

    /// The question that waits for an answer on this socket.
    pub(super) fn uses(&mut self, ask: usize, socket: SocketId) -> Option<&mut Active> {
        let active = self.asks.get_mut(ask)?.active_mut()?;
        active.attempt.sockets.contains(&socket).then_some(active)
    }

    /// Asks the same server the same again: with a new id, and what `change` changes.
    pub(super) fn again(&mut self, ask: usize, change: impl FnOnce(&mut Exchange), now: Instant) {
        self.release(ask);
        let Some(active) = self.asks[ask].active_mut() else {
            return;
        };
        change(&mut active.attempt);
        let (server, round, transport) = (active.server, active.round, active.attempt.transport);
        let next = self.exchange(server, round, transport, now);
        if let Some(active) = self.asks[ask].active_mut() {
            let old = std::mem::replace(&mut active.attempt, next);
            active.attempt.edns = old.edns;
            active.attempt.cookie = old.cookie;
            active.attempt.bad_cookies = old.bad_cookies;
        }
        self.send(ask, false);
    }

    /// An attempt has failed: the next server, or the next round, or the end.
    pub(super) fn attempt_over(&mut self, ask: usize, outcome: ServerOutcome, now: Instant) {
        self.note(ask, outcome, now);
        let silent = self.silent;
        let (servers, attempts, timeout) = (
            self.plan.servers.len(),
            u32::from(self.plan.attempts),
            self.plan.timeout,
        );
        let Some(active) = self.asks[ask].active_mut() else {
            return;
        };
        let address = self.plan.servers[active.server].address;
        self.outputs
            .push_back(Output::Report(Report::Failed { server: address }));
        let silent_now = outcome == ServerOutcome::TimedOut;
        active.silence |= silent_now;
        active.server += 1;
        if active.server == servers {
            active.server = 0;
            active.round += 1;
            // Attempts that were cut short, because the server is known to be fast, leave time for
            // more rounds than are configured.
            let spent = now.saturating_duration_since(active.started);
            let more = active.silence && spent < timeout.saturating_mul(attempts);
            let over = match silent {
                true => true,
                false => active.round >= attempts && !more,
            };
            active.silence = false;
            if over {
                self.give_up(ask, now);
                return;
            }
            if servers == 1 && active.attempt.transport == Transport::Udp && silent_now {
                self.repeat(ask, now);
                return;
            }
        }
        self.release(ask);
        self.begin(ask, now);
    }

    /// Asks the only server again, which may be slow and not dead: with the same id, from a new
    /// port, while what was sent before may still be answered.
    fn repeat(&mut self, ask: usize, now: Instant) {
        let Some(active) = self.asks[ask].active() else {
            return;
        };
        let timeout = self.timeout(active.server, active.round, Transport::Udp);
        let Some(active) = self.asks[ask].active_mut() else {
            return;
        };
        let exchange = &mut active.attempt;
        exchange.started = now;
        exchange.timeout = timeout;
        exchange.deadline = now + timeout;
        exchange.copy_at = (timeout > COPY_AFTER).then(|| now + COPY_AFTER);
        exchange.ignored = 0;
        exchange.repeated = true;
        let many = exchange.sockets.len().saturating_sub(MAX_SOCKETS - 2);
        let old: Vec<_> = exchange.sockets.drain(..many).collect();
        for socket in old {
            self.leave(ask, socket);
        }
        self.send(ask, false);
    }

    /// Ends a question that nobody could answer.
    pub(super) fn give_up(&mut self, ask: usize, now: Instant) {
        let record_type = self.asks[ask].record_type;
        if let Some(active) = self.asks[ask].active() {
            let report = Report::Learned {
                name: self.name().clone(),
                record_type,
                what: Cached::failure(self.plan.servers[active.server].address, now),
                generation: self.plan.generation,
            };
            self.outputs.push_back(Output::Report(report));
        }
        self.settle(ask, Finding::Failed(LookupErrorKind::Unavailable));
    }

    /// Asks the server that had the other family's addresses, where this question has not come so
    /// far; ends it otherwise.
    fn catch_up(&mut self, ask: usize, now: Instant) {
        let place = self.asks[ask].active().map(Active::place);
        let ahead = self.found_at.filter(|&found| Some(found) > place);
        let Some(ahead) = ahead else {
            self.settle(ask, Finding::Failed(LookupErrorKind::Unavailable));
            return;
        };
        self.release(ask);
        if let Some(active) = self.asks[ask].active_mut() {
            (active.round, active.server) = ahead;
            active.give_up = None;
        }
        self.begin(ask, now);
    }

    pub(super) fn ask_timeout(&mut self, ask: usize, now: Instant) {
        let Some(active) = self.asks[ask].active_mut() else {
            return;
        };
        if active.give_up.is_some_and(|at| at <= now) {
            let server = self.plan.servers[active.server].address;
            self.note(ask, ServerOutcome::TimedOut, now);
            self.outputs
                .push_back(Output::Report(Report::Failed { server }));
            self.catch_up(ask, now);
        } else if active.attempt.deadline <= now {
            self.attempt_over(ask, ServerOutcome::TimedOut, now);
        } else if active.attempt.copy_at.is_some_and(|at| at <= now) {
            active.attempt.copy_at = None;
            active.attempt.repeated = true;
            self.send(ask, true);
        }
    }
}
