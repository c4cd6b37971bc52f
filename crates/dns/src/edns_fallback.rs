//! EDNS fallback: when a server that does not support EDNS is asked without it (RFC 6891).
//!
//! A query carries an OPT record, which asks for EDNS version 0. Section 7 requires that a client
//! falls back to plain DNS where a server does not support it. The same server is then asked again,
//! over the same transport, without the OPT record and so without a cookie. Two events lead to the
//! fallback:
//!
//! - **The server rejects the OPT record** ([`is_rejection`]). It is asked again at once, after one
//!   of these replies:
//!
//!   | reply | why |
//!   |---|---|
//!   | FORMERR without an OPT record | the answer of a server without EDNS (section 7) |
//!   | FORMERR with an OPT record | the server cannot process the OPT record of the query (section 7) |
//!   | NOTIMP without an OPT record | the answer of other servers without EDNS |
//!   | BADVERS | the server does not support version 0 (section 6.1.3) |
//!
//!   FORMERR and NOTIMP count also in a header alone, which old servers send. After FORMERR with an
//!   OPT record to a query with the client's part of a cookie alone, the cookie is left out first,
//!   and EDNS only if the server rejects that query too.
//! - **The server was silent** ([`SilentServers`]): a firewall may drop queries with EDNS. A server
//!   that did not answer a query with EDNS over UDP is asked without it in the last round. A reply
//!   without an OPT record to that query shows that the server, or a firewall, drops EDNS. A reply
//!   with an OPT record is a late one, to a query with EDNS.
//!
//! After a rejection, or a reply without an OPT record in the second case, the rest of the lookup
//! asks the server without EDNS. So do the client's later lookups for 10 minutes ([`EdnsSupport`]).
//!
//! These do not lead to the fallback:
//!
//! - A usable reply without an OPT record: it is used, and the next query has EDNS.
//! - A reply with a broken OPT record: two of them, or one whose owner is not the root (section
//!   6.1.1). Over UDP it may be forged and is ignored; over TCP the server has failed.
//! - A server that is known to send cookies, since a cookie needs EDNS (RFC 7873). Over UDP, its
//!   rejection without its cookie may be forged, and the query goes over TCP. Its silence is taken
//!   to have another cause.
//!
//! `wire/response.rs` reads whether a reply is a rejection. `core/lookup/asking.rs` and
//! `core/lookup/replies.rs` ask the server again. `core/client_state.rs` keeps the `EdnsSupport` of
//! each server.

use std::time::{Duration, Instant};

use crate::{Transport, rcode};

/// The time for which a server is asked without EDNS, after it did not support it.
const NO_EDNS_FOR: Duration = Duration::from_secs(600);

/// Returns whether a reply to a query with EDNS shows that the server does not support it.
///
/// `rcode` is the response code with its extension from the OPT record. `has_opt` is true where the
/// reply has an OPT record.
pub(crate) fn is_rejection(rcode: u16, has_opt: bool) -> bool {
    match rcode {
        // With an OPT record in its reply the server knows EDNS, and rejects that of the query: an
        // option, or the version.
        rcode::FORMERR | rcode::BADVERS => true,
        // With an OPT record in its reply the server knows EDNS, and rejects the query itself.
        rcode::NOTIMP => !has_opt,
        _ => false,
    }
}

/// The servers that were silent when one question was sent to them with EDNS over UDP: some
/// firewalls drop such queries.
#[derive(Debug, Default)]
pub(crate) struct SilentServers {
    /// Indices in the list of servers.
    list: Vec<usize>,
}

impl SilentServers {
    /// Handles the timeout of a query to a server.
    pub(crate) fn handle_silence(&mut self, server: usize, edns: bool, transport: Transport) {
        if edns && transport == Transport::Udp {
            self.list.push(server);
        }
    }

    /// Returns whether a server is asked without EDNS, because it was silent so far: in the last of
    /// `attempts` rounds and in those after it, but never in the first round, which has number 0.
    ///
    /// `sends_cookies` is true where the server is known to send cookies, for which it must know
    /// EDNS: then it is asked with EDNS.
    pub(crate) fn is_asked_without_edns(
        &self,
        server: usize,
        round: u32,
        attempts: u8,
        sends_cookies: bool,
    ) -> bool {
        let is_last = round > 0 && round + 1 >= u32::from(attempts);
        is_last && self.list.contains(&server) && !sends_cookies
    }
}

/// What a client remembers of a server's support for EDNS: it is assumed, until a lookup shows that
/// there is none.
#[derive(Debug, Default)]
pub(crate) struct EdnsSupport {
    /// When the server is asked with EDNS again.
    again_at: Option<Instant>,
}

impl EdnsSupport {
    /// Handles the result of a lookup that the server does not support EDNS.
    pub(crate) fn handle_unsupported(&mut self, now: Instant) {
        self.again_at = Some(now + NO_EDNS_FOR);
    }

    /// Returns whether the server is asked with EDNS.
    pub(crate) fn is_assumed(&self, now: Instant) -> bool {
        self.again_at.is_none_or(|at| at <= now)
    }
}
