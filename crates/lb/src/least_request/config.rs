//! The configuration of `least_request`.

use std::any::Any;

use crate::policy::Update;

/// The least number of endpoints that are compared for a call.
pub(super) const LEAST_CHOICES: u32 = 2;

/// The largest number of endpoints that are compared for a call.
///
/// Source: [gRFC A48](https://github.com/grpc/proposal/blob/master/A48-xds-least-request-lb-policy.md).
const MOST_CHOICES: u32 = 10;

/// The configuration of [`LeastRequest`](crate::LeastRequest).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeastRequestConfig {
    /// How many endpoints are drawn at random for each call, with replacement: from 2 to 10. By
    /// default 2.
    pub choice_count: u32,
}

impl LeastRequestConfig {
    /// Sets how many endpoints are drawn at random for each call. A number below 2 counts as 2, one
    /// above 10 as 10. Default: 2.
    #[must_use]
    pub fn with_choice_count(mut self, choice_count: u32) -> Self {
        self.choice_count = choice_count.clamp(LEAST_CHOICES, MOST_CHOICES);
        self
    }

    /// Returns the configuration of an update, or the default if it belongs to another policy.
    pub(super) fn of(update: &Update) -> Self {
        let config: &dyn Any = &*update.config;
        config.downcast_ref().copied().unwrap_or_default()
    }
}

impl Default for LeastRequestConfig {
    fn default() -> Self {
        Self {
            choice_count: LEAST_CHOICES,
        }
    }
}
