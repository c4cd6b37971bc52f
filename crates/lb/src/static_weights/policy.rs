//! How `static_weights` handles events.

use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_endpoint::{Endpoint, Weight};
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

use super::picker::StaticWeightsPicker;
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::inspection::PolicyNode;
use crate::pick_first::{PickFirst, PickFirstConfig};
use crate::picker::{Pick, Picker};
use crate::policy::{Policy, Update};
use crate::registry::PolicyOptions;
use crate::sharding::{EndpointSharding, ReadyList, forward_to_endpoints};
use crate::subchannel::SubchannelId;

/// Keeps a connection to every endpoint, and shares calls among the ready endpoints in proportion to
/// their [`Weight`].
///
/// An extension of this crate, for SRV records (RFC 2782): a channel uses it for targets of the scheme
/// `srv` where no policy is chosen. An endpoint without a weight has the weight 1. Endpoints of
/// weight 0 get a very small share, together one part more than the sum of the other weights; where
/// all weights are 0, all shares are equal. In all else it is as
/// [`RoundRobin`](crate::RoundRobin).
///
/// Source: [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782), "Weight".
#[derive(Debug)]
pub struct StaticWeights {
    endpoints: EndpointSharding<PickFirst>,
    /// The subchannels of the ready endpoints, with their weights.
    ready: ReadyList<(SubchannelId, u32)>,
    /// The options of the children, whose seed differs from child to child.
    options: PolicyOptions,
    /// The configuration of the children.
    child_config: Arc<dyn PolicyConfig>,
    /// Chooses where each picker begins.
    rng: Rng,
    /// Whether the weights may have changed since the picker was made.
    has_new_list: bool,
}

impl StaticWeights {
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
            has_new_list: false,
        }
    }

    /// Creates the picker for this state of all endpoints together.
    fn picker(&mut self, state: ConnectivityState) -> Arc<dyn Picker> {
        match state {
            ConnectivityState::Ready => {
                let ready = self.ready.in_order(self.endpoints.slots());
                let ready: Vec<(SubchannelId, u32)> = ready.copied().collect();
                Arc::new(StaticWeightsPicker::new(&ready, &mut self.rng))
            }
            ConnectivityState::TransientFailure => self.endpoints.last_failure().clone(),
            _ => Arc::new(Pick::Queue),
        }
    }
}

fn weight_of(endpoint: &Endpoint) -> u32 {
    let weight = endpoint.attributes().get::<Weight>();
    weight.copied().unwrap_or(1)
}

impl Policy for StaticWeights {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        self.has_new_list = true;
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
        self.ready.refresh(self.endpoints.settled(), |child| {
            Some((child.policy().selected()?, weight_of(child.endpoint())))
        });
        let has_new_list = std::mem::take(&mut self.has_new_list);
        let has_new_weights = has_new_list && self.endpoints.state() == ConnectivityState::Ready;
        let change = change.or_else(|| has_new_weights.then_some(ConnectivityState::Ready));
        if let Some(state) = change {
            control.publish(state, self.picker(state));
        }
    }

    /// Does nothing: no endpoint stays idle.
    fn exit_idle(&mut self, _: &mut Control<'_>) {}

    fn inspect(&self, _: Instant) -> PolicyNode {
        self.endpoints.inspect("static_weights", |_, child, node| {
            let weight = weight_of(child.endpoint());
            child.policy().describe(node).with_fact("weight", weight)
        })
    }
}
