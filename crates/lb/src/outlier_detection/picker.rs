//! The picker of `outlier_detection_experimental`.

use std::sync::Arc;

use trunkline_status::Code;

use super::calls::CallTable;
use crate::attempt::{AttemptOutcome, AttemptTracker};
use crate::picker::{Pick, PickRequest, Picker};
use crate::subchannel::SubchannelId;

/// Leaves the choice to the child's picker, and counts how the calls end.
#[derive(Debug)]
pub(super) struct CountingPicker {
    child: Arc<dyn Picker>,
    table: Arc<CallTable>,
}

impl CountingPicker {
    pub(super) fn new(child: Arc<dyn Picker>, table: Arc<CallTable>) -> Self {
        Self { child, table }
    }
}

impl Picker for CountingPicker {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        self.child.pick(request)
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        Some(self)
    }
}

impl AttemptTracker for CountingPicker {
    fn attempt_ended(&self, id: SubchannelId, outcome: &AttemptOutcome<'_>) {
        if shows_backend(outcome)
            && let Some(counter) = self.table.get(id)
        {
            counter.count(outcome.status.code() == Code::Ok);
        }
        if let Some(tracker) = self.child.tracker() {
            tracker.attempt_ended(id, outcome);
        }
    }
}

/// Returns whether the end of an attempt shows something of its backend: it was sent, and the client
/// did not end it itself.
fn shows_backend(outcome: &AttemptOutcome<'_>) -> bool {
    outcome.was_sent && !outcome.was_dropped
}
