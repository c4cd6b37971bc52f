//! What is known of the cookies of a server (RFC 7873, RFC 9018).

use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Our part is made anew after a day (RFC 9018 section 3).
const LIFE: Duration = Duration::from_secs(86_400);
/// A server that sends no cookies gets none for this time (c-ares has the same).
const UNSUPPORTED: Duration = Duration::from_secs(300);
/// A server that had sent cookies and sends none for this time has given them up (c-ares, too).
const REGRESSION: Duration = Duration::from_secs(120);

/// What is known of the cookies of a server.
#[derive(Debug, Default)]
pub(super) struct Cookies {
    /// Our part, and when it was made.
    ours: Option<([u8; 8], Instant)>,
    /// The server's part; none until it has sent one.
    server: Box<[u8]>,
    /// The address of ours that the server sees: one part is not for two, by which we could be
    /// followed (RFC 9018 section 8.1).
    source: Option<IpAddr>,
    /// Since when a server that had sent cookies sends none.
    missing_since: Option<Instant>,
    /// Until when the server gets none.
    unsupported_until: Option<Instant>,
}

impl Cookies {
    /// What goes with a query: our part, for which `fresh` is at hand, and the server's where it is
    /// known; `None` where the server knows no cookies.
    pub(super) fn next(&mut self, fresh: [u8; 8], now: Instant) -> Option<Box<[u8]>> {
        if self.unsupported_until.is_some_and(|until| now < until) {
            return None;
        }
        let old = self.ours.is_some_and(|(_, made)| now >= made + LIFE);
        let given_up = self.missing_since.is_some_and(|at| now >= at + REGRESSION);
        if old || given_up {
            self.forget();
        }
        let (ours, _) = *self.ours.get_or_insert((fresh, now));
        Some([&ours[..], &self.server].concat().into())
    }

    /// Takes the address of ours that the server sees.
    pub(super) fn handle_source(&mut self, source: Option<IpAddr>) {
        if self.source != source {
            self.forget();
            self.source = source;
        }
    }

    /// The server sent its part.
    pub(super) fn handle_cookie(&mut self, server: Box<[u8]>) {
        self.server = server;
        self.missing_since = None;
        self.unsupported_until = None;
    }

    /// The server answered a query with a cookie by a reply without.
    pub(super) fn handle_missing(&mut self, now: Instant) {
        if self.server.is_empty() {
            self.unsupported_until = now.checked_add(UNSUPPORTED);
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
