//! The policy `round_robin`: every endpoint in turn.

mod config;
mod picker;

use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

use self::picker::RoundRobinPicker;
use crate::{
    ConnectivityState, Control, EndpointSharding, OldList, Pick, PickFirst, PickFirstConfig,
    Picker, Policy, PolicyOptions, SubchannelId, SubchannelState, Update, WatchEvent, WatchId,
};

pub use self::config::{RoundRobinConfig, RoundRobinFactory};

/// Keeps a connection to every endpoint and sends calls to those that are ready, in turn.
///
/// Each endpoint has a [`PickFirst`] of its own, so a backend with an IPv4 and an IPv6 address
/// gets one share of the calls. Calls wait while none is ready and one is connecting; they fail,
/// with the newest error, when all have failed. Each picker begins at a random endpoint, so that
/// many clients that hear of the same change do not move in step.
///
/// Source: [gRPC's load balancing policies](https://github.com/grpc/grpc/blob/master/doc/load-balancing.md#round_robin),
/// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md).
#[derive(Debug)]
pub struct RoundRobin {
    endpoints: EndpointSharding<PickFirst>,
    /// The subchannel of each endpoint that is ready, by the place of its child.
    selected: Vec<Option<SubchannelId>>,
    /// What the children are made with, but for the seed.
    options: PolicyOptions,
    child_config: Arc<dyn PolicyConfig>,
    rng: Rng,
}

impl RoundRobin {
    /// A policy that waits for its first list.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        Self {
            endpoints: EndpointSharding::new(rng.next_seed()),
            selected: Vec::new(),
            options: options.clone(),
            child_config: Arc::new(PickFirstConfig::default()),
            rng,
        }
    }

    /// How calls are to choose while the endpoints together are in this state.
    fn picker(&mut self, state: ConnectivityState) -> Arc<dyn Picker> {
        match state {
            ConnectivityState::Ready => {
                let slots = self.endpoints.slots();
                let ready = slots.filter_map(|slot| *self.selected.get(slot)?);
                Arc::new(RoundRobinPicker::new(ready.collect(), &mut self.rng))
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

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.endpoints.handle_resolver_error(&error, old, control);
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        self.endpoints.handle_subchannel(id, state, control);
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        self.endpoints.handle_watch(watch, id, event, control);
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.endpoints.handle_timeout(control);
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        let change = self.endpoints.settle(control);
        for (slot, child) in self.endpoints.settled() {
            if self.selected.len() <= slot {
                self.selected.resize(slot + 1, None);
            }
            self.selected[slot] = child.policy().selected();
        }
        if let Some(state) = change {
            control.publish(state, self.picker(state));
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.endpoints.poll_timeout()
    }

    /// Nothing: no endpoint is ever left idle.
    fn exit_idle(&mut self, _: &mut Control<'_>) {}

    fn reset_backoff(&mut self) {
        self.endpoints.reset_backoff();
    }
}
