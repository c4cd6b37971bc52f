//! How often a call may be sent, by its service config.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_runtime::Runtime;
use trunkline_service_config::AttemptPolicy;
use trunkline_status::Code;
use trunkline_transport::Reservation;

use crate::core::hedging::Hedging;
use crate::core::pushback::Pushback;
use crate::core::retry::Retries;
use crate::throttle::{RetryThrottle, ThrottleShare};

/// The plan of a call whose method has a retry or hedging policy.
pub(crate) struct AttemptPlan {
    pub(crate) kind: PlanKind,
    throttle: Option<Arc<RetryThrottle>>,
    /// The memory of the request, from the budget of the channel, until the plan is dropped.
    _reserved: Option<Reservation>,
}

pub(crate) enum PlanKind {
    /// Attempts one after the other.
    Retry(Retries),
    /// Attempts side by side.
    Hedging(Hedging),
}

impl AttemptPlan {
    /// Creates the plan of a call that makes at most `limit` attempts. Without a reservation of
    /// memory for its request it makes one.
    pub(crate) fn new(
        policy: &AttemptPolicy,
        limit: u32,
        reserved: Option<Reservation>,
        throttle: Option<Arc<RetryThrottle>>,
        now: Instant,
    ) -> Self {
        let limit = if reserved.is_some() { limit } else { 1 };
        let kind = match policy {
            AttemptPolicy::Retry(policy) => PlanKind::Retry(Retries::new(policy, limit)),
            AttemptPolicy::Hedging(policy) => PlanKind::Hedging(Hedging::new(policy, limit, now)),
        };
        Self {
            kind,
            throttle,
            _reserved: reserved,
        }
    }

    /// Returns the effect that the end of an attempt has on the throttle; `None` without one.
    pub(crate) fn throttle_share(&self) -> Option<ThrottleShare> {
        let codes = match &self.kind {
            PlanKind::Retry(retries) => retries.codes(),
            PlanKind::Hedging(hedging) => hedging.codes(),
        };
        let throttle = Arc::clone(self.throttle.as_ref()?);
        Some(ThrottleShare::new(throttle, codes))
    }

    /// Returns whether the throttle allows further attempts.
    pub(crate) fn is_allowed(&self) -> bool {
        self.throttle.as_ref().is_none_or(|own| own.allows())
    }

    /// Returns the number of attempts before the next one. Transparent retries do not count.
    pub(crate) fn previous_attempts(&self) -> u32 {
        match &self.kind {
            PlanKind::Retry(retries) => retries.previous_attempts(),
            PlanKind::Hedging(hedging) => hedging.previous_attempts(),
        }
    }

    /// Handles an attempt that failed. Returns the delay before the next one; `None` when the call
    /// is not retried.
    pub(crate) fn retry_after(
        &mut self,
        code: Code,
        pushback: Pushback,
        runtime: &dyn Runtime,
    ) -> Option<Duration> {
        let is_allowed = self.is_allowed();
        match &mut self.kind {
            PlanKind::Retry(retries) => {
                retries.handle_failure(code, pushback, is_allowed, || runtime.seed())
            }
            PlanKind::Hedging(_) => None,
        }
    }
}
