//! The record of a call.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use http::uri::PathAndQuery;
use trunkline_runtime::Runtime;
use trunkline_status::Status;

use crate::observer::observers::Observers;
use crate::open_calls::{OpenCall, OpenCalls};
use crate::record::facts::{EndedAttempt, ObservedCall, SpareCall, dropped};

/// Records one call from its start, and reports its end to the observers exactly once: when
/// [`end`](Self::end) is called, or as `CANCELLED` when it is dropped before.
///
/// It also keeps the channel from entering idleness until then. That is all it does for a call that
/// no observer wants.
#[derive(Default)]
pub(crate) struct CallRecord {
    /// `None` if no observer wants the call.
    observed: Option<Arc<ObservedCall>>,
    /// `None` once the call has ended.
    open: Option<OpenCall<SpareCall>>,
}

impl CallRecord {
    pub(crate) fn start(
        observers: &Observers,
        runtime: &Arc<dyn Runtime>,
        open_calls: &OpenCalls<SpareCall>,
        path: &PathAndQuery,
        metadata: &HeaderMap,
        now: Instant,
    ) -> Self {
        let open = open_calls.begin();
        let spare = || open.take_spare();
        let observed = ObservedCall::start(observers, runtime, path, metadata, now, spare);
        Self {
            observed,
            open: Some(open),
        }
    }

    /// Records a call of a channel without observers.
    pub(crate) fn unobserved(open_calls: &OpenCalls<SpareCall>) -> Self {
        Self {
            observed: None,
            open: Some(open_calls.begin()),
        }
    }

    /// Returns the call, if an observer wants it.
    pub(crate) fn observed(&mut self) -> Option<&mut Arc<ObservedCall>> {
        self.observed.as_mut()
    }

    /// Records that the call waits for the first resolution of the name.
    pub(crate) fn wait_for_resolution(&self) {
        if let Some(call) = &self.observed
            && call.traces.is_some()
        {
            let mut progress = call.progress.lock();
            if progress.unresolved_since.is_none() {
                progress.unresolved_since = Some(call.runtime.now());
            }
        }
    }

    /// Records that the name is resolved.
    pub(crate) fn set_resolved(&self) {
        let Some(call) = self.observed.as_ref().filter(|call| call.traces.is_some()) else {
            return;
        };
        let since = call.progress.lock().unresolved_since.take();
        if let Some(since) = since {
            let now = call.runtime.now();
            for trace in call.traces() {
                trace.resolution_delayed(now.saturating_duration_since(since), now);
            }
        }
    }

    /// Reports the end of the call, unless it was reported before. `now` is the time, if it is known.
    pub(crate) fn end(&mut self, status: &Status, now: Option<Instant>) {
        self.end_after(status, None, now);
    }

    /// Reports the end of the call, as [`end`](Self::end) does. `last` is an attempt that ends with it.
    pub(crate) fn end_after(
        &mut self,
        status: &Status,
        last: Option<EndedAttempt>,
        now: Option<Instant>,
    ) {
        let open = self.open.take();
        let Some(call) = self.observed.take() else {
            return;
        };
        if let (Some(spare), Some(open)) = (call.end(status, last, now), open) {
            open.give_spare(spare);
        }
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        if self.observed.is_some() {
            self.end(&dropped(), None);
        }
    }
}
