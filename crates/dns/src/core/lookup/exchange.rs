//! One exchange with one server.

use std::time::{Duration, Instant};

use crate::core::output::SocketId;
use crate::core::plan::PlannedServer;
use crate::wire::QueryMessage;
use crate::{Name, RecordType, Transport};

/// The time after which a second copy of a query goes out, from a new port: a packet may have been
/// lost, and some firewalls lose one of two packets that leave a port at the same time.
const COPY_AFTER: Duration = Duration::from_secs(1);

/// How a server is asked.
#[derive(Clone, Debug)]
pub(super) struct ExchangeSpec {
    pub(super) transport: Transport,
    pub(super) edns: bool,
    /// The cookie of the query; none without EDNS.
    pub(super) cookie: Option<Box<[u8]>>,
}

impl ExchangeSpec {
    /// Returns how a server is asked first, which follows from what the plan knows of it.
    pub(super) fn first(server: &PlannedServer, tcp_only: bool) -> Self {
        Self {
            transport: if tcp_only {
                Transport::Tcp
            } else {
                Transport::Udp
            },
            edns: server.edns,
            cookie: server.cookie.clone().filter(|_| server.edns),
        }
    }

    /// Returns the same spec over TCP.
    pub(super) fn over_tcp(&self) -> Self {
        Self {
            transport: Transport::Tcp,
            ..self.clone()
        }
    }

    /// Returns the same spec without EDNS, and so without a cookie: the fallback (see
    /// [`edns_fallback`](crate::edns_fallback)).
    pub(super) fn without_edns(&self) -> Self {
        Self {
            transport: self.transport,
            edns: false,
            cookie: None,
        }
    }

    /// Returns the same spec with another cookie, or without a cookie.
    pub(super) fn with_cookie(&self, cookie: Option<Box<[u8]>>) -> Self {
        Self {
            transport: self.transport,
            edns: self.edns,
            cookie,
        }
    }
}

/// One exchange with one server: a query, its copies, and the wait for a reply.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) spec: ExchangeSpec,
    pub(super) id: u16,
    /// The name in the letter case in which it is sent.
    pub(super) sent_name: Name,
    /// The sockets that the query and its copies have left from.
    pub(super) sockets: Vec<SocketId>,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
    /// The time from `started` to `deadline`.
    pub(super) timeout: Duration,
    /// When a second copy goes out, from another port.
    pub(super) copy_at: Option<Instant>,
    /// Number of messages that did not match.
    pub(super) ignored: u32,
    /// True when a connection that was closed has been replaced.
    pub(super) reconnected: bool,
    /// True when more than one copy went out: a reply may be to either, so its round trip is not
    /// known (Karn's rule).
    pub(super) repeated: bool,
}

impl Exchange {
    pub(super) fn new(
        spec: ExchangeSpec,
        id: u16,
        sent_name: Name,
        timeout: Duration,
        now: Instant,
    ) -> Self {
        let is_udp = spec.transport == Transport::Udp;
        let mut exchange = Self {
            spec,
            id,
            sent_name,
            sockets: Vec::new(),
            started: now,
            deadline: now,
            timeout,
            copy_at: None,
            ignored: 0,
            reconnected: false,
            repeated: false,
        };
        exchange.restart(timeout, now);
        // Over TCP the system sends a lost packet again.
        exchange.copy_at = exchange.copy_at.filter(|_| is_udp);
        exchange
    }

    /// Restarts the timers; a short exchange sends no second copy.
    pub(super) fn restart(&mut self, timeout: Duration, now: Instant) {
        self.started = now;
        self.timeout = timeout;
        self.deadline = now + timeout;
        self.copy_at = (timeout > COPY_AFTER).then(|| now + COPY_AFTER);
        self.ignored = 0;
    }

    /// Returns the query as it goes out.
    pub(super) fn query(&self, record_type: RecordType) -> QueryMessage<'_> {
        QueryMessage {
            id: self.id,
            name: &self.sent_name,
            record_type,
            edns: self.spec.edns,
            cookie: self.spec.cookie.as_deref(),
        }
    }

    /// Records a message that did not match the query.
    pub(super) fn ignore(&mut self) {
        self.ignored = self.ignored.saturating_add(1);
    }
}
