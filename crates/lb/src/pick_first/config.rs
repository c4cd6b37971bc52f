//! The configuration of `pick_first`.

use std::any::Any;

use crate::policy::Update;

/// The configuration of [`PickFirst`](crate::PickFirst).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PickFirstConfig {
    /// Whether each update puts the endpoints into a random order, in which an endpoint with a
    /// larger [`Weight`](trunkline_endpoint::Weight) is more likely to come early. The addresses
    /// within an endpoint keep their order. False by default.
    pub shuffle_address_list: bool,
    /// Whether the health of the connected backend counts, where health checks are on
    /// ([`Update::health_check`](crate::Update)). False by default.
    ///
    /// For policies that have one pick_first for each endpoint. A service config cannot set it: a
    /// pick_first on its own has no other backend for its calls.
    ///
    /// Source: [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
    pub health_checks: bool,
}

impl PickFirstConfig {
    /// Creates a configuration without health checks.
    #[must_use]
    pub fn new(shuffle_address_list: bool) -> Self {
        Self {
            shuffle_address_list,
            health_checks: false,
        }
    }

    /// Sets whether the health of the connected backend counts, where health checks are on.
    /// Default: false.
    #[must_use]
    pub fn with_health_checks(mut self, health_checks: bool) -> Self {
        self.health_checks = health_checks;
        self
    }

    /// Sets whether each update puts the endpoints into a random order. Default: false.
    #[must_use]
    pub fn with_shuffle_address_list(mut self, shuffle: bool) -> Self {
        self.shuffle_address_list = shuffle;
        self
    }

    /// Returns the configuration of an update, or the default if it belongs to another policy.
    pub(super) fn of(update: &Update) -> Self {
        let config: &dyn Any = &*update.config;
        config.downcast_ref().copied().unwrap_or_default()
    }
}
