//! The configuration of `ring_hash`.

use std::any::Any;

use http::HeaderName;

use crate::policy::Update;

/// The largest size of a ring that a configuration may have.
///
/// Source: [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md).
pub(super) const LARGEST_RING: u32 = 8 * 1024 * 1024;

/// The configuration of [`RingHash`](crate::RingHash).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RingHashConfig {
    /// The least number of entries on the ring: the more, the more evenly the calls spread. 1024 by
    /// default.
    pub min_ring_size: u32,
    /// The largest number of entries on the ring, also if there are more endpoints. 4096 by default.
    ///
    /// Both sizes are also limited by
    /// [`PolicyOptions::ring_size_cap`](crate::PolicyOptions::ring_size_cap).
    pub max_ring_size: u32,
    /// The header whose values are hashed to choose the endpoint of a call.
    ///
    /// `None` by default: then the hash is the call attribute [`RequestHash`](crate::RequestHash).
    pub request_hash_header: Option<HeaderName>,
}

impl RingHashConfig {
    /// Sets the least number of entries on the ring. Default: 1024.
    #[must_use]
    pub fn with_min_ring_size(mut self, min_ring_size: u32) -> Self {
        self.min_ring_size = min_ring_size;
        self
    }

    /// Sets the largest number of entries on the ring. Default: 4096.
    #[must_use]
    pub fn with_max_ring_size(mut self, max_ring_size: u32) -> Self {
        self.max_ring_size = max_ring_size;
        self
    }

    /// Sets the header whose values choose the endpoint. Default: none.
    #[must_use]
    pub fn with_request_hash_header(mut self, header: HeaderName) -> Self {
        self.request_hash_header = Some(header);
        self
    }

    /// Returns the configuration of an update, or the default if it belongs to another policy.
    pub(super) fn of(update: &Update) -> Self {
        let config: &dyn Any = &*update.config;
        config.downcast_ref().cloned().unwrap_or_default()
    }
}

impl Default for RingHashConfig {
    fn default() -> Self {
        Self {
            min_ring_size: 1024,
            max_ring_size: 4096,
            request_hash_header: None,
        }
    }
}
