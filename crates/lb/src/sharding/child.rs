//! A child, as its parent sees it.

use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::Endpoint;

use crate::{Child, ConnectivityState, Pick, Picker};

/// One child of an [`EndpointSharding`](crate::EndpointSharding).
#[derive(Debug)]
pub struct EndpointChild<P> {
    pub(super) child: Child<P>,
    pub(super) endpoint: Endpoint,
    pub(super) state: ConnectivityState,
    pub(super) picker: Arc<dyn Picker>,
    /// When the policy wants to be woken.
    pub(super) deadline: Option<Instant>,
}

impl<P> EndpointChild<P> {
    /// A child that was not given its endpoint yet.
    pub(super) fn new(policy: P) -> Self {
        Self {
            child: Child::new(policy),
            endpoint: Endpoint::default(),
            state: ConnectivityState::Connecting,
            picker: Arc::new(Pick::Queue),
            deadline: None,
        }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &P {
        self.child.policy()
    }

    /// The endpoint that the child was given last.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How the child counts: ready, connecting, or failing since it was ready last.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        self.state
    }

    /// The picker that goes with the state.
    #[must_use]
    pub fn picker(&self) -> &Arc<dyn Picker> {
        &self.picker
    }
}
