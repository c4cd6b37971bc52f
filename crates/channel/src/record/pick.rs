//! A pick whose end is not reported yet.

use std::sync::Arc;
use std::time::Instant;

use trunkline_lb::{AttemptOutcome, SubchannelId};
use trunkline_transport::Connection;

use crate::core::holds::HoldId;
use crate::core::pushback::Pushback;
use crate::core::snapshot::Snapshot;
use crate::throttle::ThrottleShare;

/// A pick whose end is not reported yet.
pub(crate) struct PickInForce {
    /// What the picker returned, and its tracker gets.
    pub(crate) hold: HoldId,
    /// The subchannel, as observers know it. That of the hold until the pick has a connection.
    pub(crate) subchannel: SubchannelId,
    /// The snapshot of the pick, if its picker has a tracker.
    pub(crate) snapshot: Option<Arc<Snapshot<Connection>>>,
    /// The effect of the end on the throttle, if the call has a plan and the channel a throttle.
    pub(crate) throttle: Option<ThrottleShare>,
    pub(crate) at: Instant,
}

impl PickInForce {
    /// Returns whether the throttle or the picker's tracker is notified of the end.
    pub(crate) fn is_tracked(&self) -> bool {
        self.throttle.is_some() || self.snapshot.is_some()
    }

    /// Reports the end of the pick to the throttle and to the picker's tracker.
    pub(crate) fn end(&self, outcome: &AttemptOutcome<'_>) {
        if let Some(throttle) = &self.throttle {
            let pushback = outcome.trailers.map(Pushback::of);
            throttle.handle_end(outcome.status.code(), pushback.unwrap_or_default());
        }
        if let Some(snapshot) = &self.snapshot
            && let Some(tracker) = snapshot.picker.tracker()
        {
            tracker.attempt_ended(self.hold, outcome);
        }
    }
}
