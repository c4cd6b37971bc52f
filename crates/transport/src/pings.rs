//! The PINGs of this side.

use std::task::{Context, Poll};

use h2::{Ping, PingPong};

/// Sends PINGs, one at a time: h2 has one place for them.
pub(crate) struct Pings {
    pings: PingPong,
    /// True from a PING until its answer.
    is_waiting: bool,
}

impl Pings {
    pub(crate) fn new(pings: PingPong) -> Self {
        Self {
            pings,
            is_waiting: false,
        }
    }

    /// Sends a PING with the next poll of the connection, unless one is on its way. Returns whether
    /// it does.
    pub(crate) fn send(&mut self) -> bool {
        let is_new = !self.is_waiting;
        if is_new {
            // It fails when the connection has ended, which h2 reports itself.
            self.is_waiting = self.pings.send_ping(Ping::opaque()).is_ok();
        }
        is_new && self.is_waiting
    }

    /// Returns whether the answer has come. Ready once for each PING.
    pub(crate) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_waiting || self.pings.poll_pong(cx).is_pending() {
            return Poll::Pending;
        }
        self.is_waiting = false;
        Poll::Ready(())
    }
}
