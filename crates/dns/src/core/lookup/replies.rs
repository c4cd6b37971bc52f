//! What a reply does to the question that it answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::asking::Asking;
use super::common::Common;
use crate::core::cache::{Cached, CachedFinding};
use crate::core::output::Report;
use crate::core::result::Finding;
use crate::wire::{CLIENT_COOKIE, Cookie, FinalReply, ReplyMeaning, Skeleton, read};
use crate::{AnswerSource, ServerOutcome, Transport, rcode};

/// The number of rejected cookies after which the query goes over TCP (RFC 7873 section 5.3).
const MAX_BAD_COOKIES: u8 = 3;

impl Asking {
    /// Handles a message with the id of the current exchange.
    pub(super) fn handle_reply(
        &mut self,
        common: &mut Common,
        message: &[u8],
        cut: bool,
        now: Instant,
    ) -> Option<Finding> {
        let spec = &self.exchange.spec;
        let exact = common.plan.case_randomization && spec.transport == Transport::Udp;
        let query = self.exchange.query(self.record_type);
        let (meaning, cookie) = read(message, query, exact, spec.transport, cut);
        if matches!(meaning, ReplyMeaning::Foreign) {
            self.ignore(common, now);
            return None;
        }
        common.log.record_reply();
        let is_plain = || Skeleton::walk(message).is_ok_and(|outline| outline.opt().is_none());
        if !self.exchange.spec.edns && self.leaves_out_edns(common) && is_plain() {
            // It was silent as long as the query had EDNS. A reply with EDNS is a late one.
            self.handle_no_edns(common);
        }
        self.handle_cookie(common, cookie);
        let spec = &self.exchange.spec;
        let (outcome, spec) = match meaning {
            ReplyMeaning::Foreign => return None,
            ReplyMeaning::Failure(outcome) => return self.fail(common, outcome, now),
            ReplyMeaning::Final(reply) => return Some(self.handle_final(common, reply, now)),
            ReplyMeaning::BadCookie => return self.handle_bad_cookie(common, now),
            ReplyMeaning::OtherLetters => (
                ServerOutcome::Malformed("its question is in other letters"),
                spec.over_tcp(),
            ),
            ReplyMeaning::NoCookie => (
                ServerOutcome::Malformed("it lacks the server's cookie"),
                spec.over_tcp(),
            ),
            ReplyMeaning::Truncated => (ServerOutcome::Truncated, spec.over_tcp()),
            ReplyMeaning::NoEdns => {
                let spec = spec.without_edns();
                self.record(common, ServerOutcome::NoEdns, now);
                self.handle_no_edns(common);
                self.again(common, spec, now);
                return None;
            }
            ReplyMeaning::BadOption => {
                common.plan.servers[self.server].cookie = None;
                let outcome = ServerOutcome::Rcode(rcode::FORMERR);
                (outcome, spec.with_cookie(None))
            }
        };
        self.record(common, outcome, now);
        self.again(common, spec, now);
        None
    }

    /// Records that the server does not support EDNS, for this lookup and for later ones.
    fn handle_no_edns(&self, common: &mut Common) {
        let planned = &mut common.plan.servers[self.server];
        planned.edns = false;
        let server = planned.address;
        common.report(Report::NoEdns { server });
    }

    /// Records what the reply shows about the cookies of the server.
    fn handle_cookie(&self, common: &mut Common, cookie: Cookie) {
        let planned = &mut common.plan.servers[self.server];
        let server = planned.address;
        match cookie {
            Cookie::Unasked => {}
            Cookie::Missing => common.report(Report::NoCookie { server }),
            Cookie::Server(cookie) => {
                let sent = planned.cookie.as_deref();
                if let Some(ours) = sent.and_then(|sent| sent.get(..CLIENT_COOKIE)) {
                    planned.cookie = Some([ours, &cookie].concat().into());
                }
                common.report(Report::Cookie { server, cookie });
            }
        }
    }

    /// Asks the server again with the cookie that it has sent.
    fn handle_bad_cookie(&mut self, common: &mut Common, now: Instant) -> Option<Finding> {
        let outcome = ServerOutcome::Rcode(rcode::BADCOOKIE);
        if self.is_tcp() {
            return self.fail(common, outcome, now);
        }
        self.record(common, outcome, now);
        self.bad_cookies += 1;
        let cookie = common.plan.servers[self.server].cookie.clone();
        let mut spec = self.exchange.spec.with_cookie(cookie);
        if self.bad_cookies > MAX_BAD_COOKIES {
            spec = spec.over_tcp();
        }
        self.again(common, spec, now);
        None
    }

    /// Handles a reply that ends the question.
    fn handle_final(&self, common: &mut Common, reply: FinalReply, now: Instant) -> Finding {
        let server = common.plan.servers[self.server].address;
        let max_ttl = common.plan.max_ttl;
        let until = |ttl: Option<u32>| ttl.map(|ttl| expiry(ttl, max_ttl, now));
        let (outcome, finding, cached) = match reply {
            FinalReply::Found(found) => {
                common.log.record_found(self.place());
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
            FinalReply::NoData { ttl, absence } => {
                let cached =
                    until(ttl).map(|expires| (CachedFinding::NoData(absence.clone()), expires));
                (ServerOutcome::NoData, Finding::NoData(absence), cached)
            }
            FinalReply::NotFound { ttl, absence } => {
                let cached =
                    until(ttl).map(|expires| (CachedFinding::NotFound(absence.clone()), expires));
                (ServerOutcome::NotFound, Finding::NotFound(absence), cached)
            }
        };
        self.record(common, outcome, now);
        let exchange = &self.exchange;
        let timed = !self.is_tcp() && !exchange.repeated;
        let round_trip = timed.then(|| now.saturating_duration_since(exchange.started));
        common.report(Report::Answered { server, round_trip });
        if let Some((finding, expires)) = cached {
            let report = Report::Learned {
                name: common.name().clone(),
                record_type: self.record_type,
                what: Cached {
                    finding,
                    server,
                    expires,
                },
                generation: common.plan.generation,
            };
            common.report(report);
        }
        finding
    }
}

/// Returns when an answer with this TTL expires.
fn expiry(ttl_secs: u32, max_ttl: Duration, now: Instant) -> Instant {
    let ttl = Duration::from_secs(ttl_secs.into()).min(max_ttl);
    now.checked_add(ttl).unwrap_or(now)
}
