//! The child policy of one endpoint.

use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::Endpoint;

use crate::connectivity::ConnectivityState;
use crate::picker::{Pick, Picker};

/// One child of an [`EndpointSharding`](crate::EndpointSharding).
#[derive(Debug)]
pub struct EndpointChild<P> {
    pub(super) policy: P,
    pub(super) endpoint: Endpoint,
    pub(super) state: ConnectivityState,
    pub(super) picker: Arc<dyn Picker>,
    /// When the policy wants to be woken.
    pub(super) deadline: Option<Instant>,
}

impl<P> EndpointChild<P> {
    /// Creates a child that has not been given its endpoint yet.
    pub(super) fn new(policy: P) -> Self {
        Self {
            policy,
            endpoint: Endpoint::default(),
            state: ConnectivityState::Connecting,
            picker: Arc::new(Pick::Queue),
            deadline: None,
        }
    }

    /// Returns the policy.
    #[must_use]
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// Returns the endpoint of the last update.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the state as it counts for the parent: `READY`, `CONNECTING` or
    /// `TRANSIENT_FAILURE`, and `IDLE` where idle children stay idle. A failure is sticky: it counts
    /// until the child is ready.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        self.state
    }

    /// Returns the picker that belongs to the state.
    #[must_use]
    pub fn picker(&self) -> &Arc<dyn Picker> {
        &self.picker
    }
}
