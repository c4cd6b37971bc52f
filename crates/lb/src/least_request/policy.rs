//! How `least_request` handles events.

use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

use super::config::LeastRequestConfig;
use super::counts::{Place, Places};
use super::picker::{LeastRequestPicker, ReadyEndpoint};
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::inspection::PolicyNode;
use crate::per_thread::PickRng;
use crate::pick_first::{PickFirst, PickFirstConfig};
use crate::picker::{Pick, Picker};
use crate::policy::{Policy, Update};
use crate::registry::PolicyOptions;
use crate::sharding::{EndpointSharding, ReadyList, forward_to_endpoints};
use crate::subchannel_table::SubchannelTable;

/// Keeps a connection to every endpoint, and sends each call to the least loaded of a few endpoints
/// that are drawn at random.
///
/// The load of an endpoint is the number of this client's calls that are in flight there. For each
/// call [`choice_count`](LeastRequestConfig::choice_count) ready endpoints are drawn, each from all
/// of them, and the first of those with the fewest calls in flight gets the call. Even two choices
/// make long queues very rare: where endpoints have Poisson arrivals and a load of 80 %, 1 % of the
/// queues are longer than 4, against 20 with random choice. Slow endpoints get fewer calls.
///
/// The count of an endpoint begins at 0 when it becomes ready. It goes up with each pick and down at
/// the end of each attempt, however that ends. Threads share the count: that cannot be otherwise.
/// Connections, states and errors are those of [`RoundRobin`](crate::RoundRobin): one
/// [`PickFirst`] for each endpoint, and weights do not count.
///
/// Source:
/// [gRFC A48](https://github.com/grpc/proposal/blob/master/A48-xds-least-request-lb-policy.md),
/// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md), and
/// [The Power of Two Choices](https://www.eecs.harvard.edu/~michaelm/postscripts/tpds2001.pdf).
#[derive(Debug)]
pub struct LeastRequest {
    endpoints: EndpointSharding<PickFirst>,
    /// The ready endpoints.
    ready: ReadyList<ReadyEndpoint>,
    /// Where calls in flight are counted.
    places: Places,
    /// Where those of each subchannel are counted.
    by_subchannel: SubchannelTable<Place>,
    /// How many endpoints are drawn for each call.
    choice_count: u32,
    /// Whether the picker that was published last draws another number of endpoints.
    is_choice_count_new: bool,
    /// The options of the children, whose seed differs from child to child.
    options: PolicyOptions,
    /// The configuration of the children.
    child_config: Arc<dyn PolicyConfig>,
    /// Draws the endpoints.
    rng: Arc<PickRng>,
}

impl LeastRequest {
    /// Creates a policy that waits for its first list.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        Self {
            endpoints: EndpointSharding::new(rng.next_seed()),
            ready: ReadyList::new(),
            places: Places::new(),
            by_subchannel: SubchannelTable::new(),
            choice_count: LeastRequestConfig::default().choice_count,
            is_choice_count_new: false,
            options: options.clone(),
            child_config: Arc::new(PickFirstConfig::default().with_health_checks(true)),
            rng: Arc::new(PickRng::from_seed(rng.next_seed())),
        }
    }

    /// Creates the picker for this state of all endpoints together.
    fn picker(&self, state: ConnectivityState) -> Arc<dyn Picker> {
        match state {
            ConnectivityState::Ready => {
                let count = self.endpoints.count(ConnectivityState::Ready);
                let mut ready = Vec::with_capacity(count);
                ready.extend(self.ready.in_order(self.endpoints.slots()));
                Arc::new(LeastRequestPicker {
                    ready: ready.into(),
                    places: self.by_subchannel.clone(),
                    counts: self.places.counts().clone(),
                    choice_count: self.choice_count,
                    rng: Arc::clone(&self.rng),
                })
            }
            ConnectivityState::TransientFailure => self.endpoints.last_failure().clone(),
            _ => Arc::new(Pick::Queue),
        }
    }
}

impl Policy for LeastRequest {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let choice_count = LeastRequestConfig::of(&update).choice_count;
        self.is_choice_count_new |= choice_count != self.choice_count;
        self.choice_count = choice_count;
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
        let (places, by_subchannel) = (&mut self.places, &mut self.by_subchannel);
        places.refresh();
        self.ready
            .update(self.endpoints.settled(), |child, earlier| {
                let id = child.policy().selected();
                if let Some(gone) = earlier.filter(|earlier| Some(earlier.id) != id) {
                    by_subchannel.remove(gone.id);
                    places.give_back(gone.place);
                }
                let kept = earlier.filter(|earlier| Some(earlier.id) == id);
                kept.or_else(|| {
                    let (id, place) = (id?, places.take());
                    by_subchannel.insert(id, place);
                    Some(ReadyEndpoint { id, place })
                })
            });
        let is_new = std::mem::take(&mut self.is_choice_count_new);
        let change = change.or_else(|| is_new.then(|| self.endpoints.state()));
        if let Some(state) = change {
            control.publish(state, self.picker(state));
        }
    }

    /// Does nothing: no endpoint stays idle.
    fn exit_idle(&mut self, _: &mut Control<'_>) {}

    /// Describes the calls in flight at each endpoint that is ready, counted at different moments.
    fn inspect(&self, _: Instant) -> PolicyNode {
        let node = self
            .endpoints
            .inspect("least_request_experimental", |slot, child, node| {
                let node = child.policy().describe(node);
                match self.ready.get(slot) {
                    Some(ready) => {
                        let calls = self.places.counts().at(ready.place).get();
                        node.with_fact("calls_in_flight", calls)
                    }
                    None => node,
                }
            });
        node.with_fact("choice_count", self.choice_count)
    }
}
