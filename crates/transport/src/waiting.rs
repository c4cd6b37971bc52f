//! What a call waits for.

use std::fmt;

use trunkline_runtime::PeerAddr;

/// What an attempt without a response waits for.
///
/// Prints as what the call does, such as `waiting for 192.0.2.1:443 to answer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingFor {
    pub(crate) peer: PeerAddr,
    pub(crate) step: WaitingStep,
    pub(crate) held_back: Option<u32>,
}

/// The step that an attempt without a response is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitingStep {
    /// The server allows no more concurrent calls on the connection. Nothing of the request was sent.
    FreeStream {
        /// The server's `SETTINGS_MAX_CONCURRENT_STREAMS`.
        limit: u32,
    },
    /// The peer does not read what was sent earlier, so the request could not be written yet.
    Writing,
    /// A part of the request waits for room in the server's flow-control windows.
    FlowControl,
    /// The request, or as much of it as the application has made, was sent.
    Response,
}

impl WaitingFor {
    /// Returns the address at the other end.
    #[must_use]
    pub fn peer_addr(&self) -> &PeerAddr {
        &self.peer
    }

    /// Returns the step that the attempt is at.
    #[must_use]
    pub fn step(&self) -> WaitingStep {
        self.step
    }

    /// Returns the server's `SETTINGS_MAX_CONCURRENT_STREAMS` if that limit has held the request
    /// back for a time, even if the request was sent since then.
    #[must_use]
    pub fn held_back(&self) -> Option<u32> {
        self.held_back
    }
}

impl fmt::Display for WaitingFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = &self.peer;
        match self.step {
            WaitingStep::FreeStream { limit } => write!(
                f,
                "waiting for a free stream, before the call was sent: {peer} allows {limit} \
                 concurrent calls on the connection (MAX_CONCURRENT_STREAMS)"
            ),
            WaitingStep::Writing => write!(f, "waiting for {peer} to read what was sent"),
            WaitingStep::FlowControl => write!(
                f,
                "waiting for room in the flow-control window of {peer}, before all of the request \
                 was sent"
            ),
            WaitingStep::Response => write!(f, "waiting for {peer} to answer"),
        }?;
        match (self.step, self.held_back) {
            (WaitingStep::FreeStream { .. }, _) | (_, None) => Ok(()),
            (_, Some(limit)) => write!(
                f,
                "; before that it waited for a free stream: {peer} allows {limit} concurrent calls \
                 on the connection (MAX_CONCURRENT_STREAMS)"
            ),
        }
    }
}
