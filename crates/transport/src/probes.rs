//! What PINGs find out of a connection: whether its peer is alive, and the bandwidth of the path.

use std::task::Context;
use std::time::Instant;

use h2::PingPong;
use trunkline_runtime::Runtime;

use crate::bandwidth::BandwidthEstimator;
use crate::keepalive::{Keepalive, KeepaliveAction};
use crate::pings::Pings;

/// The keepalive and the bandwidth estimator of a connection, and the PINGs that they share.
pub(crate) struct Probes {
    pings: Pings,
    keepalive: Option<Keepalive>,
    bandwidth: Option<BandwidthEstimator>,
    /// What had come from the peer at the last poll.
    received: Received,
    /// The number of PINGs that the keepalive has sent.
    keepalives: u64,
}

/// The numbers of bytes that have come from the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) all: u64,
    /// Those in DATA frames.
    pub(crate) data: u64,
}

impl Probes {
    pub(crate) fn new(
        pings: PingPong,
        keepalive: Option<Keepalive>,
        bandwidth: Option<BandwidthEstimator>,
    ) -> Self {
        Self {
            pings: Pings::new(pings),
            keepalive,
            bandwidth,
            received: Received::default(),
            keepalives: 0,
        }
    }

    /// Returns the number of PINGs that the keepalive has sent.
    pub(crate) fn keepalives_sent(&self) -> u64 {
        self.keepalives
    }

    fn send_keepalive(&mut self) {
        self.keepalives += u64::from(self.pings.send());
    }

    /// Returns the keepalive, if that is asked for.
    pub(crate) fn keepalive(&self) -> Option<&Keepalive> {
        self.keepalive.as_ref()
    }

    /// Handles whether calls are on the connection, before they are sent.
    pub(crate) fn handle_calls(&mut self, has_calls: bool, runtime: &dyn Runtime) {
        if let Some(keepalive) = &mut self.keepalive
            && keepalive
                .handle_calls(has_calls, || runtime.now())
                .is_some()
        {
            self.send_keepalive();
        }
    }

    /// Handles what has come from the peer so far. Returns the new window of calls, if it grows.
    pub(crate) fn handle_received(
        &mut self,
        received: Received,
        runtime: &dyn Runtime,
        cx: &mut Context<'_>,
    ) -> Option<u32> {
        let before = std::mem::replace(&mut self.received, received);
        if let Some(keepalive) = self.keepalive.as_mut().filter(|_| before != received) {
            keepalive.handle_read(runtime.now());
        }
        let data = received.data - before.data;
        let bandwidth = self.bandwidth.as_mut();
        let wants_ping = bandwidth.is_some_and(|bandwidth| bandwidth.handle_data(data));
        // The answer is among the bytes that were read.
        let is_answered = self.pings.poll_answer(cx).is_ready();
        let bandwidth = self.bandwidth.as_mut()?;
        if is_answered {
            return bandwidth.handle_answer(runtime.now());
        }
        if wants_ping && self.pings.send() {
            bandwidth.handle_ping(runtime.now());
        }
        None
    }

    /// Handles the time that the keepalive returned.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<KeepaliveAction> {
        let keepalive = self.keepalive.as_mut()?;
        if keepalive.poll_timeout().is_none_or(|at| at > now) {
            return None;
        }
        let action = keepalive.handle_timeout(now);
        if action == Some(KeepaliveAction::Ping) {
            self.send_keepalive();
        }
        action
    }
}
