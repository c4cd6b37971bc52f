//! How `round_robin` handles events.

use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

use super::picker::RoundRobinPicker;
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::inspection::PolicyNode;
use crate::pick_first::{PickFirst, PickFirstConfig};
use crate::picker::{Pick, Picker};
use crate::policy::{Policy, Update};
use crate::registry::PolicyOptions;
use crate::sharding::{EndpointSharding, ReadyList, forward_to_endpoints};
use crate::subchannel::SubchannelId;

/// Keeps a connection to every endpoint, and sends calls to the ready endpoints in turn.
///
/// Each endpoint has a [`PickFirst`] of its own, so a backend with an IPv4 and an IPv6 address
/// gets one share of the calls. Calls wait while no endpoint is ready and one is connecting. They
/// fail, with the newest error, when all endpoints have failed. Each picker begins at a random
/// endpoint, so that many clients that get the same update do not call the same endpoint at the
/// same time. With health checks, an endpoint is ready once its backend is healthy.
///
/// Source:
/// [gRPC's load balancing policies](https://github.com/grpc/grpc/blob/master/doc/load-balancing.md#round_robin),
/// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md),
/// [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md).
#[derive(Debug)]
pub struct RoundRobin {
    endpoints: EndpointSharding<PickFirst>,
    /// The subchannels of the ready endpoints.
    ready: ReadyList<SubchannelId>,
    /// The options of the children, whose seed differs from child to child.
    options: PolicyOptions,
    /// The configuration of the children.
    child_config: Arc<dyn PolicyConfig>,
    /// Chooses where each picker begins.
    rng: Rng,
}

impl RoundRobin {
    /// Creates a policy that waits for its first list.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        Self {
            endpoints: EndpointSharding::new(rng.next_seed()),
            ready: ReadyList::new(),
            options: options.clone(),
            child_config: Arc::new(PickFirstConfig::default().with_health_checks(true)),
            rng,
        }
    }

    /// Creates the picker for this state of all endpoints together.
    fn picker(&mut self, state: ConnectivityState) -> Arc<dyn Picker> {
        match state {
            ConnectivityState::Ready => {
                let ready = self.ready.in_order(self.endpoints.slots());
                Arc::new(RoundRobinPicker::new(
                    ready.copied().collect(),
                    &mut self.rng,
                ))
            }
            ConnectivityState::TransientFailure => self.endpoints.last_failure().clone(),
            _ => Arc::new(Pick::Queue),
        }
    }
}

impl Policy for RoundRobin {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let options = &mut self.options;
        self.endpoints
            .handle_update(&update, &self.child_config, control, |seed| {
                options.seed = seed;
                PickFirst::new(options)
            })
    }

    forward_to_endpoints!();

    fn settle(&mut self, control: &mut Control<'_>) {
        let change = self.endpoints.settle(control);
        self.ready
            .refresh(self.endpoints.settled(), |child| child.policy().selected());
        if let Some(state) = change {
            control.publish(state, self.picker(state));
        }
    }

    /// Does nothing: no endpoint stays idle.
    fn exit_idle(&mut self, _: &mut Control<'_>) {}

    fn inspect(&self, _: Instant) -> PolicyNode {
        self.endpoints.inspect("round_robin", |_, child, node| {
            child.policy().describe(node)
        })
    }
}
