//! The record of a call.

use std::sync::Arc;
use std::time::Instant;

use trunkline_runtime::Runtime;
use trunkline_status::Status;

use crate::observer::observers::Observers;
use crate::open_calls::{OpenCall, OpenCalls};
use crate::record::facts::NewCall;
use crate::record::observed::{Attempt, ObservedCall, SpareCall, dropped};
use crate::record::progress::EndedAttempt;

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
    /// Starts the record of a call. `now` returns the time; it is not asked where no observer wants the call.
    pub(crate) fn start(
        observers: &Observers,
        runtime: &Arc<dyn Runtime>,
        open_calls: &OpenCalls<SpareCall>,
        call: &NewCall<'_>,
        now: impl FnOnce() -> Instant,
    ) -> Self {
        let open = open_calls.begin();
        let spare = || open.take_spare();
        let observers = Some(observers.of_calls()).filter(|observers| !observers.is_empty());
        let observed = observers
            .and_then(|observers| ObservedCall::start(observers, runtime, call, spare, now));
        Self {
            observed,
            open: Some(open),
        }
    }

    /// Returns the call, if an observer wants it.
    pub(crate) fn observed(&mut self) -> Option<&mut Arc<ObservedCall>> {
        self.observed.as_mut()
    }

    /// Records that the call waits for the first resolution of the name.
    pub(crate) fn wait_for_resolution(&self) {
        if let Some(call) = &self.observed
            && call.facts.traces.is_some()
        {
            call.wait_for_resolution(|| call.runtime.now());
        }
    }

    /// Records that the name is resolved.
    pub(crate) fn set_resolved(&self) {
        let observed = self.observed.as_ref();
        let Some(call) = observed.filter(|call| call.facts.traces.is_some()) else {
            return;
        };
        if let Some(since) = call.take_unresolved() {
            let now = call.runtime.now();
            for trace in call.facts.traces() {
                trace.resolution_delayed(now.saturating_duration_since(since), now);
            }
        }
    }

    /// Reports the end of the call, unless it was reported before. `now` is the time, if it is known.
    pub(crate) fn end(&mut self, status: &Status, now: Option<Instant>) {
        self.end_after(status, None, now);
    }

    /// Reports the end of the call, as [`end`](Self::end) does. `last` is an attempt of an
    /// observed call that ends with it, with its memory.
    #[inline]
    pub(crate) fn end_after(
        &mut self,
        status: &Status,
        last: Option<(Box<Attempt>, &EndedAttempt<'_>)>,
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
