//! The traces of one call.

use std::iter;
use std::sync::Arc;

use http::HeaderMap;

use crate::observer::CallTrace;

/// The traces of one call: one of each observer that returned one. A clone is another reference.
#[derive(Clone)]
pub(crate) struct Traces(Arc<[Box<dyn CallTrace>]>);

impl Traces {
    /// Returns `None` if there is no trace.
    pub(crate) fn collect(mut traces: impl Iterator<Item = Box<dyn CallTrace>>) -> Option<Self> {
        let first = traces.next()?;
        Some(Self(iter::once(first).chain(traces).collect()))
    }

    pub(crate) fn as_slice(&self) -> &[Box<dyn CallTrace>] {
        &self.0
    }

    /// Adds the headers of all traces to those of an attempt.
    pub(crate) fn inject(&self, number: u32, headers: &mut HeaderMap) {
        for trace in self.as_slice() {
            trace.inject(number, headers);
        }
    }
}
