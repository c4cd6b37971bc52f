//! The DNS cookies of one server (RFC 7873, RFC 9018).

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// The client's part is replaced after a day (RFC 9018 section 3).
const CLIENT_PART_LIFE: Duration = Duration::from_secs(86_400);
/// A server that sends no cookies gets none for this time (as in c-ares).
const UNSUPPORTED_FOR: Duration = Duration::from_secs(300);
/// A server that has sent cookies and sends none for this time no longer supports them (as in
/// c-ares).
const MISSING_FOR: Duration = Duration::from_secs(120);

/// The cookies of one server.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    /// The client's part, and when it was made.
    ours: Option<([u8; 8], Instant)>,
    /// The server's part; empty until the server has sent one.
    server: Box<[u8]>,
    /// The client's address that the server sees. Another address gets another client part, so that
    /// the server cannot track the client from one network to the next (RFC 9018 section 8.1).
    source: Option<IpAddr>,
    /// Since when a server that has sent cookies sends none.
    missing_since: Option<Instant>,
    /// Until when the server gets no cookies.
    unsupported_until: Option<Instant>,
}

impl Cookies {
    /// Returns the cookie of the next query: the client's part, then the server's where it is
    /// known. `None` where the server does not support cookies. `fresh` becomes the client's part
    /// where a new one is due.
    pub(super) fn next(&mut self, fresh: [u8; 8], now: Instant) -> Option<Box<[u8]>> {
        if self.unsupported_until.is_some_and(|until| now < until) {
            return None;
        }
        let old = self
            .ours
            .is_some_and(|(_, made)| now >= made + CLIENT_PART_LIFE);
        let given_up = self.missing_since.is_some_and(|at| now >= at + MISSING_FOR);
        if old || given_up {
            self.forget();
        }
        let (ours, _) = *self.ours.get_or_insert((fresh, now));
        Some([&ours[..], &self.server].concat().into())
    }

    /// Handles the client's address that the server sees.
    pub(super) fn handle_source(&mut self, source: Option<IpAddr>) {
        if self.source != source {
            self.forget();
            self.source = source;
        }
    }

    /// Handles the server's part of a cookie.
    pub(super) fn handle_cookie(&mut self, server: Box<[u8]>) {
        self.server = server;
        self.missing_since = None;
        self.unsupported_until = None;
    }

    /// Handles a reply without a cookie to a query with one.
    pub(super) fn handle_missing(&mut self, now: Instant) {
        if self.server.is_empty() {
            self.unsupported_until = now.checked_add(UNSUPPORTED_FOR);
        } else {
            self.missing_since.get_or_insert(now);
        }
    }

    fn forget(&mut self) {
        let source = self.source;
        *self = Self {
            source,
            ..Self::default()
        };
    }
}
