//! The trace of a call that is not recorded.

use http::HeaderMap;
use opentelemetry::Context;
use trunkline_channel::CallTrace;

use crate::propagation::MetadataInjector;
use crate::trace::settings::Propagator;

/// The trace of a call that is not sampled: only its context is sent, so that servers do not sample it
/// either.
///
/// Its attempts have no spans. Each of them sends the context of the call.
#[derive(Debug)]
pub(super) struct SilentTrace {
    /// The context of the call's span.
    pub(super) context: Context,
    pub(super) propagator: Propagator,
}

impl CallTrace for SilentTrace {
    fn inject(&self, _: u32, headers: &mut HeaderMap) {
        let mut injector = MetadataInjector::new(headers);
        self.propagator.inject_context(&self.context, &mut injector);
    }
}
