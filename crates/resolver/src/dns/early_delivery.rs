//! When a part of an answer is delivered before the rest.

use std::time::{Duration, Instant};

/// Decides when a channel that has no list gets the part of an answer that has arrived.
///
/// The delay runs from the moment when the first part was available. A part is delivered at most
/// once in a lookup.
///
/// Source: [RFC 8305 section 3](https://www.rfc-editor.org/rfc/rfc8305#section-3).
#[derive(Debug)]
pub(super) struct EarlyDelivery {
    /// How long a part waits for the rest.
    delay: Duration,
    /// When a part was available for the first time.
    since: Option<Instant>,
    /// Whether a part was delivered.
    delivered: bool,
}

impl EarlyDelivery {
    /// Returns the state at the start of a lookup. A part waits for the rest for `delay`.
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            since: None,
            delivered: false,
        }
    }

    /// Returns whether a part may still be delivered in this lookup.
    pub(super) fn is_open(&self) -> bool {
        !self.delivered
    }

    /// Returns true once: when the delay has passed since the first call.
    ///
    /// Call it only while there is a part to deliver.
    pub(super) fn poll_due(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        if self.delivered || now < since + self.delay {
            return false;
        }
        self.delivered = true;
        true
    }

    /// Returns when the part that is available becomes due; `None` while there is no part, and
    /// after it was delivered.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let since = self.since.filter(|_| !self.delivered)?;
        Some(since + self.delay)
    }
}
