//! What comes back.

use std::sync::Arc;
use std::time::Instant;

use super::Lookup;
use crate::core::cache::{Cached, CachedFinding};
use crate::core::output::{Output, Report, SocketId, expiry};
use crate::core::result::Finding;
use crate::wire::{Cookie, FinalReply, QueryMessage, Reading, read};
use crate::{AnswerSource, ServerOutcome, Transport};

/// After so many refused cookies the question goes over TCP (RFC 7873 section 5.3).
const MAX_BAD_COOKIES: u8 = 3;

impl Lookup {
    /// A message came: a datagram, or one of a stream.
    pub(super) fn match_message(
        &mut self,
        socket: SocketId,
        message: &[u8],
        cut: bool,
        now: Instant,
    ) {
        let id = message.first_chunk().map(|&id| u16::from_be_bytes(id));
        let asked = (0..self.asks.len()).find(|&ask| {
            let active = self.uses(ask, socket);
            active.is_some_and(|active| Some(active.attempt.id) == id)
        });
        match asked {
            Some(ask) => self.handle_reply(ask, message, cut, now),
            // A second answer to what is settled: no lie, and of no use.
            None if id.is_some() && self.asks.iter().any(|ask| ask.left == id) => {}
            // It answers nothing that was asked here: as if it had not come.
            None => self.ignore(socket),
        }
    }

    fn ignore(&mut self, socket: SocketId) {
        for ask in 0..self.asks.len() {
            if let Some(active) = self.uses(ask, socket) {
                active.attempt.ignored = active.attempt.ignored.saturating_add(1);
            }
        }
    }

    fn handle_reply(&mut self, ask: usize, message: &[u8], cut: bool, now: Instant) {
        let record_type = self.asks[ask].record_type;
        let exact = self.plan.case_randomization;
        let Some(active) = self.asks[ask].active_mut() else {
            return;
        };
        let server = self.plan.servers[active.server].address;
        let exchange = &active.attempt;
        let query = QueryMessage {
            id: exchange.id,
            name: &exchange.sent_name,
            record_type,
            edns: exchange.edns,
            cookie: exchange.cookie.as_deref(),
        };
        let exact = exact && exchange.transport == Transport::Udp;
        let (reading, cookie) = read(message, query, exact, exchange.transport, cut);
        if matches!(reading, Reading::Foreign) {
            active.attempt.ignored = active.attempt.ignored.saturating_add(1);
            return;
        }
        let index = active.server;
        self.heard = true;
        match cookie {
            Cookie::Unasked => {}
            Cookie::Missing => self
                .outputs
                .push_back(Output::Report(Report::NoCookie { server })),
            Cookie::Server(cookie) => self.learn_cookie(index, cookie),
        }
        match reading {
            Reading::Foreign => {}
            Reading::OtherLetters => {
                self.note(
                    ask,
                    ServerOutcome::Malformed("its question is in other letters"),
                    now,
                );
                self.again(ask, |next| next.transport = Transport::Tcp, now);
            }
            Reading::Truncated => {
                self.note(ask, ServerOutcome::Truncated, now);
                self.again(ask, |next| next.transport = Transport::Tcp, now);
            }
            Reading::NoEdns => {
                self.note(ask, ServerOutcome::NoEdns, now);
                self.plan.servers[index].edns = false;
                self.outputs
                    .push_back(Output::Report(Report::NoEdns { server }));
                let without = |next: &mut crate::core::ask::Exchange| {
                    next.edns = false;
                    next.cookie = None;
                };
                self.again(ask, without, now);
            }
            Reading::NoCookie => {
                self.note(
                    ask,
                    ServerOutcome::Malformed("it lacks the server's cookie"),
                    now,
                );
                self.again(ask, |next| next.transport = Transport::Tcp, now);
            }
            Reading::BadOption => {
                self.note(ask, ServerOutcome::Rcode(1), now);
                self.plan.servers[index].cookie = None;
                self.again(ask, |next| next.cookie = None, now);
            }
            Reading::BadCookie => self.handle_bad_cookie(ask, index, now),
            Reading::Failure(outcome) => self.attempt_over(ask, outcome, now),
            Reading::Final(verdict) => self.handle_verdict(ask, verdict, now),
        }
    }

    fn learn_cookie(&mut self, index: usize, cookie: Box<[u8]>) {
        let planned = &mut self.plan.servers[index];
        if let Some(ours) = planned.cookie.as_ref().and_then(|whole| whole.get(..8)) {
            planned.cookie = Some([ours, &cookie].concat().into());
        }
        let server = planned.address;
        let report = Report::Cookie { server, cookie };
        self.outputs.push_back(Output::Report(report));
    }

    fn handle_bad_cookie(&mut self, ask: usize, index: usize, now: Instant) {
        let cookie = self.plan.servers[index].cookie.clone();
        let again = |next: &mut crate::core::ask::Exchange| {
            next.bad_cookies += 1;
            next.cookie = cookie;
            if next.bad_cookies > MAX_BAD_COOKIES {
                next.transport = Transport::Tcp;
            }
        };
        if self.is_tcp(ask) {
            self.attempt_over(ask, ServerOutcome::Rcode(23), now);
        } else {
            self.note(ask, ServerOutcome::Rcode(23), now);
            self.again(ask, again, now);
        }
    }

    fn handle_verdict(&mut self, ask: usize, verdict: FinalReply, now: Instant) {
        let record_type = self.asks[ask].record_type;
        let Some(active) = self.asks[ask].active() else {
            return;
        };
        let server = self.plan.servers[active.server].address;
        let exchange = &active.attempt;
        // Karn's rule: a reply to a question that was sent twice may be to either.
        let timed = exchange.transport == Transport::Udp && !exchange.repeated;
        let round_trip = timed.then(|| now.saturating_duration_since(exchange.started));
        let max_ttl = self.plan.max_ttl;
        let until = |ttl: Option<u32>| ttl.map(|ttl| expiry(ttl, max_ttl, now));
        let (outcome, finding, cached) = match verdict {
            FinalReply::Found(found) => {
                self.found_at = Some(active.place());
                let expires = expiry(found.ttl_secs, max_ttl, now);
                let outcome = ServerOutcome::Answered(found.records.count());
                let found = Arc::new(found);
                let cached = (CachedFinding::Found(Arc::clone(&found)), expires);
                let finding = Finding::Found {
                    found,
                    source: AnswerSource::Server(server),
                    expires,
                };
                (outcome, finding, Some(cached))
            }
            FinalReply::NoData { ttl, why } => {
                let outcome = why.map_or(ServerOutcome::NoData, ServerOutcome::Malformed);
                let cached = until(ttl).map(|expires| (CachedFinding::NoData, expires));
                (outcome, Finding::NoData, cached)
            }
            FinalReply::NotFound { ttl } => {
                let cached = until(ttl).map(|expires| (CachedFinding::NotFound, expires));
                (ServerOutcome::NotFound, Finding::NotFound, cached)
            }
        };
        self.note(ask, outcome, now);
        self.outputs
            .push_back(Output::Report(Report::Answered { server, round_trip }));
        if let Some((finding, expires)) = cached {
            let report = Report::Learned {
                name: self.name().clone(),
                record_type,
                what: Cached {
                    finding,
                    server,
                    expires,
                },
                generation: self.plan.generation,
            };
            self.outputs.push_back(Output::Report(report));
        }
        self.settle(ask, finding);
    }
}
