//! The system as a probe.

use std::net::SocketAddr;

use trunkline_runtime::Runtime;

use crate::{Source, SourceProbe};

/// A runtime tells the source address and nothing else.
impl SourceProbe for dyn Runtime {
    fn source(&self, destination: SocketAddr) -> Option<Source> {
        self.source_address(destination).ok().map(Source::new)
    }
}
