//! The runtime as a probe of source addresses.

use std::net::SocketAddr;
use std::time::Instant;

use trunkline_runtime::Runtime;

use super::options::ConnectOptions;
use crate::{RoundTrip, SourceAddress, SourceProbe};

/// A runtime finds the source address and none of its other properties.
impl SourceProbe for dyn Runtime {
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
        self.source_address(destination)
            .ok()
            .map(SourceAddress::new)
    }
}

/// The probe of a race: the runtime's source addresses if the race sorts, and the round-trip times
/// of the history if there is one.
pub(super) struct SystemProbe<'a> {
    pub(super) runtime: &'a dyn Runtime,
    pub(super) options: &'a ConnectOptions,
    pub(super) sort: bool,
    pub(super) now: Instant,
}

impl SourceProbe for SystemProbe<'_> {
    fn source(&self, destination: SocketAddr) -> Option<SourceAddress> {
        if self.sort {
            self.runtime.source(destination)
        } else {
            None
        }
    }

    fn round_trip(&self, destination: SocketAddr) -> Option<RoundTrip> {
        let history = self.options.history.as_ref()?;
        history.lock().round_trip(destination.ip(), self.now)
    }
}
