//! The record of a call.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderMap;
use http::uri::PathAndQuery;
use trunkline_runtime::Runtime;
use trunkline_status::Status;

use crate::observer::CallEnded;
use crate::observer::observers::Observers;
use crate::open_calls::{OpenCall, OpenCalls};
use crate::record::facts::{ObservedCall, SpareCall, dropped};

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

    /// Returns the call, if an observer wants it.
    pub(crate) fn observed(&self) -> Option<&Arc<ObservedCall>> {
        self.observed.as_ref()
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
        let open = self.open.take();
        let Some(call) = self.observed.take() else {
            return;
        };
        let now = now.unwrap_or_else(|| call.runtime.now());
        let progress = call.progress.lock();
        let ended = CallEnded {
            path: call.path.path(),
            status,
            latency: now.saturating_duration_since(call.started),
            attempts: progress.sent,
            peer: progress.peer.as_ref(),
            has_headers: progress.has_headers,
            has_status: progress.has_status,
            bytes_sent: progress.bytes_sent,
            bytes_received: progress.bytes_received,
            retries: progress.retries,
            transparent_retries: progress.transparent_retries,
            hedges: progress.hedges,
            retry_delay: progress.retry_delay,
        };
        for observer in call.observers() {
            observer.call_ended(&ended);
        }
        for trace in call.traces() {
            trace.call_ended(&ended);
        }
        drop(progress);
        if let (Some(open), Some(spare)) = (open, call.into_spare()) {
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
