//! How `ring_hash` handles events.

use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

use super::config::RingHashConfig;
use super::lazy_child::LazyChild;
use super::members::{Members, Weights};
use super::picker::{EndpointState, RingHashPicker};
use super::requests::Requests;
use super::ring::Ring;
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::inspection::PolicyNode;
use crate::per_thread::PickRng;
use crate::pick_first::PickFirstConfig;
use crate::picker::Picker;
use crate::policy::{Policy, Update};
use crate::registry::PolicyOptions;
use crate::sharding::{EndpointSharding, forward_to_endpoints};

/// Sends calls with the same hash to the same endpoint, and connects to an endpoint only when calls
/// belong there.
///
/// Each endpoint has entries on a ring of hashes, more of them the larger its
/// [`Weight`](trunkline_endpoint::Weight) is. A call belongs to the endpoint whose entry follows the
/// call's hash: that of a header, or the call attribute [`RequestHash`](crate::RequestHash). When an
/// endpoint comes or goes, the calls that belong to it move, and few others: some do where the
/// endpoints get more or fewer entries each, to keep the size of the ring. An endpoint is placed by
/// its first address or its [`HashKey`](crate::HashKey). One that is listed more than once has the sum
/// of the weights.
///
/// Endpoints begin idle, each with a [`PickFirst`](crate::PickFirst) of its own. The first call that
/// belongs to an endpoint makes it connect, and waits. Calls of an endpoint that fails go to the next
/// one on the ring. A call without the header goes to any endpoint that is ready.
///
/// The policy is `READY` if an endpoint is ready, else `TRANSIENT_FAILURE` if two are failing,
/// `CONNECTING` if one is connecting, or one is failing and there are others, `IDLE` if one is idle,
/// else `TRANSIENT_FAILURE`. While it is `CONNECTING` or `TRANSIENT_FAILURE` it tries one endpoint
/// after the other, also without calls, from a random place on the ring. So it does when it leaves
/// idleness without a call ([`exit_idle`](Policy::exit_idle)).
///
/// A pick searches the ring, whose size is limited, by bisection.
///
/// Source:
/// [gRFC A42](https://github.com/grpc/proposal/blob/master/A42-xds-ring-hash-lb-policy.md),
/// [gRFC A61](https://github.com/grpc/proposal/blob/master/A61-IPv4-IPv6-dualstack-backends.md#ring-hash),
/// [gRFC A76](https://github.com/grpc/proposal/blob/master/A76-ring-hash-improvements.md),
/// [gRFC A117](https://github.com/grpc/proposal/blob/master/A117-ring-hash-exit-idle.md).
/// It deviates in one point: a call without a hash, where no header is configured, fails even if it is
/// wait-for-ready, because waiting cannot help it.
#[derive(Debug)]
pub struct RingHash {
    endpoints: EndpointSharding<LazyChild>,
    /// What is on the ring.
    members: Members,
    config: RingHashConfig,
    ring: Arc<Ring>,
    /// Whether the ring is out of date.
    is_ring_old: bool,
    /// The state of each endpoint, by the slot of its child.
    states: Vec<EndpointState>,
    /// The endpoints that picks want connected.
    requests: Arc<Requests>,
    /// Whether the policy is to leave idleness without a call for a certain endpoint.
    wants_any: bool,
    /// Whether the picker that was published last is out of date.
    is_picker_old: bool,
    /// The options of the children, whose seed differs from child to child.
    options: PolicyOptions,
    /// The configuration of the children.
    child_config: Arc<dyn PolicyConfig>,
    /// Chooses the endpoint that connects without a call.
    rng: Rng,
    /// Makes the hashes of calls that have none.
    pick_rng: Arc<PickRng>,
}

impl RingHash {
    /// Creates a policy that waits for its first list.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        Self {
            endpoints: EndpointSharding::lazy(rng.next_seed()),
            members: Members::default(),
            config: RingHashConfig::default(),
            ring: Arc::default(),
            is_ring_old: false,
            states: Vec::new(),
            requests: Arc::new(Requests::new(0)),
            wants_any: false,
            is_picker_old: false,
            options: options.clone(),
            child_config: Arc::new(PickFirstConfig::default().with_health_checks(true)),
            pick_rng: Arc::new(PickRng::from_seed(rng.next_seed())),
            rng,
        }
    }

    /// Returns the state of all endpoints together.
    ///
    /// Source: gRFC A42, "Aggregated connectivity state".
    fn state(&self) -> ConnectivityState {
        let count = |state| self.endpoints.count(state);
        let failing = count(ConnectivityState::TransientFailure);
        if count(ConnectivityState::Ready) > 0 {
            ConnectivityState::Ready
        } else if failing > 1 {
            ConnectivityState::TransientFailure
        } else if count(ConnectivityState::Connecting) > 0 {
            ConnectivityState::Connecting
        } else if count(ConnectivityState::Idle) == 0 {
            ConnectivityState::TransientFailure
        } else if failing == 1 {
            ConnectivityState::Connecting
        } else {
            ConnectivityState::Idle
        }
    }

    /// Settles the children, and updates what the picker is made of.
    fn settle_endpoints(&mut self, control: &mut Control<'_>) {
        self.is_picker_old |= self.endpoints.settle(control).is_some();
        for (slot, child) in self.endpoints.settled() {
            if self.states.len() <= slot {
                self.states.resize(slot + 1, EndpointState::Connecting);
            }
            self.states[slot] = match (child.state(), child.policy().selected()) {
                (ConnectivityState::Ready, Some(id)) => EndpointState::Ready(id),
                (ConnectivityState::Idle, _) => EndpointState::Idle,
                (ConnectivityState::TransientFailure, _) => {
                    EndpointState::Failing(child.picker().clone())
                }
                _ => EndpointState::Connecting,
            };
        }
        if std::mem::take(&mut self.is_ring_old) {
            let cap = self.options.ring_size_cap;
            let max = self.config.max_ring_size.min(cap).max(1);
            let min = self.config.min_ring_size.clamp(1, max);
            self.ring = Arc::new(Ring::new(self.members.on_ring(), min, max));
            self.requests = Arc::new(Requests::new(self.members.slots()));
            self.is_picker_old = true;
        }
    }

    /// Returns whether an endpoint has to connect although no call belongs to it.
    ///
    /// Source: gRFC A61, "Ring hash", and gRFC A117.
    fn needs_connection(&mut self) -> bool {
        let wants_any = std::mem::take(&mut self.wants_any);
        match self.state() {
            ConnectivityState::Idle => wants_any,
            ConnectivityState::Connecting | ConnectivityState::TransientFailure => {
                self.endpoints.count(ConnectivityState::Connecting) == 0
            }
            _ => false,
        }
    }

    /// Makes an idle endpoint connect: the first one from a random place on the ring.
    fn connect_any(&mut self, control: &mut Control<'_>) {
        let is_idle = |slot: &usize| matches!(self.states[*slot], EndpointState::Idle);
        let start = self.ring.position(self.rng.next_seed());
        let mut on_ring = self.ring.walk(start);
        // With more endpoints than entries, some are not on the ring.
        let idle = on_ring.find(is_idle).or_else(|| {
            let mut slots = self.endpoints.slots();
            slots.find(is_idle)
        });
        if let Some(slot) = idle {
            self.endpoints.exit_idle(slot, control);
        }
    }

    fn picker(&self) -> Arc<dyn Picker> {
        if self.members.is_empty() {
            return self.endpoints.last_failure().clone();
        }
        let count = |state| self.endpoints.count(state);
        let not_failing = [
            ConnectivityState::Ready,
            ConnectivityState::Connecting,
            ConnectivityState::Idle,
        ];
        Arc::new(RingHashPicker {
            ring: Arc::clone(&self.ring),
            states: self.states.as_slice().into(),
            has_connecting: count(ConnectivityState::Connecting) > 0,
            all_failing: not_failing.into_iter().all(|state| count(state) == 0),
            requests: Arc::clone(&self.requests),
            header: self.config.request_hash_header.clone(),
            rng: Arc::clone(&self.pick_rng),
        })
    }
}

impl Policy for RingHash {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config = RingHashConfig::of(&update);
        let sizes = |config: &RingHashConfig| (config.min_ring_size, config.max_ring_size);
        self.is_ring_old |= sizes(&config) != sizes(&self.config);
        self.is_picker_old |= config.request_hash_header != self.config.request_hash_header;
        self.config = config;
        let options = &mut self.options;
        let result = self
            .endpoints
            .handle_update(&update, &self.child_config, control, |seed| {
                options.seed = seed;
                LazyChild::new(options)
            });
        let children = self.endpoints.children();
        let endpoints = children.map(|child| child.endpoint());
        let weights = Weights::new(&update, self.endpoints.slots().count());
        let members = self.endpoints.slots().zip(endpoints);
        self.is_ring_old |= self.members.replace(members, &weights);
        result
    }

    forward_to_endpoints!();

    fn settle(&mut self, control: &mut Control<'_>) {
        self.settle_endpoints(control);
        if self.needs_connection() {
            self.connect_any(control);
            self.settle_endpoints(control);
        }
        if std::mem::take(&mut self.is_picker_old) {
            control.publish(self.state(), self.picker());
        }
    }

    /// Connects the endpoints that picks have requested. Without such, connects any endpoint if the
    /// policy is idle.
    fn exit_idle(&mut self, control: &mut Control<'_>) {
        let requested = self.requests.take();
        self.wants_any |= requested.is_empty();
        for slot in requested {
            self.endpoints.exit_idle(slot, control);
        }
    }

    fn inspect(&self, _: Instant) -> PolicyNode {
        let endpoints = self
            .endpoints
            .inspect("ring_hash_experimental", |slot, child, node| {
                let node = child.policy().describe(node);
                match self.members.weight(slot) {
                    Some(weight) => node.with_fact("weight", weight),
                    None => node,
                }
            });
        let mut node = endpoints.with_fact("ring_size", self.ring.len());
        if self.endpoints.has_settled() {
            node.state = self.state();
        }
        node
    }
}
