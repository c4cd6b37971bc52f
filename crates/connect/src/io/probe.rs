//! The system as a probe.

use std::net::SocketAddr;
use std::time::Instant;

use trunkline_runtime::Runtime;

use super::options::ConnectOptions;
use crate::{RoundTrip, SourceAddress, SourceProbe};

/// A runtime tells the source address and nothing else.
impl SourceProbe for dyn Runtime {
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
        self.source_address(destination)
            .ok()
            .map(SourceAddress::new)
    }
}

/// The system and the history, as the options say.
pub(super) struct SystemProbe<'a> {
    pub(super) runtime: &'a dyn Runtime,
    pub(super) options: &'a ConnectOptions,
    pub(super) sort: bool,
    pub(super) now: Instant,
}

impl SourceProbe for SystemProbe<'_> {
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
        match self.sort {
            true => self.runtime.source(destination),
            false => None,
        }
    }

    fn round_trip(&self, destination: SocketAddr) -> Option<RoundTrip> {
        let history = self.options.history.as_ref()?;
        history.lock().round_trip(destination.ip(), self.now)
    }
}
