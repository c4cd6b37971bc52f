//! How `zone_aware` handles events.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_endpoint::{Endpoint, Zone};
use trunkline_status::Status;

use super::config::ZoneAwareConfig;
use super::ready::ReadySubchannels;
use super::share::ReadyCounts;
use crate::children::{NamedChildren, WeightedPicker};
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::errors::{resolver_error, zero_addresses};
use crate::inspection::PolicyNode;
use crate::picker::{Pick, Picker};
use crate::policy::{OldList, Policy, Update};
use crate::registry::PolicyOptions;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

/// The child for the endpoints of the own zone.
const LOCAL: &str = "local";
/// The child for all other endpoints.
const REMOTE: &str = "remote";

/// Prefers the endpoints whose [`Zone`] is the channel's own, and sends calls to other zones only as
/// far as those endpoints are too few.
///
/// An extension of this crate; gRPC has no such policy outside xDS. It keeps connections to all
/// endpoints: one child policy uses those of the own zone, another one all others.
///
/// With `L` ready endpoints in the own zone, `R` ready endpoints in all, and `Z` zones in the list:
///
/// - Where `L / R` is at least `1 / Z`, all calls stay in the own zone.
/// - Otherwise the share `L * Z / R` of the calls stays, and the others go to the other zones.
/// - Where `L` is below [`min_local_endpoints`](ZoneAwareConfig::min_local_endpoints), the own zone
///   is not preferred: it gets the share `L / R`, so that each endpoint gets as many calls.
///
/// The rule is that of Envoy's zone-aware routing, under the assumption that each zone makes as many
/// calls as any other. A channel knows its own zone only, not where the other callers are. The other
/// zones share what they get in proportion to their ready endpoints, not to what each has left. An
/// endpoint without a zone belongs to a zone without a name, which is never the own one. An endpoint
/// is ready if it is connected, and neither unhealthy nor ejected.
///
/// A child policy that becomes idle while the other one is ready or connecting connects again at once.
///
/// The own zone is that of the configuration, else [`PolicyOptions::zone`]. Without one, all endpoints
/// are equal.
///
/// Here the own zone `a` has two of five endpoints, and needs half of them, so 80 % of the calls stay:
///
/// ```
/// use serde_json::json;
/// use trunkline_endpoint::{Attributes, Endpoint, Zone};
/// use trunkline_lb::testing::{FakeChannel, endpoints};
/// use trunkline_lb::{PolicyOptions, PolicyRegistry, ZoneAware};
/// use trunkline_service_config::PolicyChoice;
///
/// let registry = PolicyRegistry::standard();
/// let config = PolicyChoice::parse(&json!([{ "zone_aware": { "zone": "a" } }]), &registry)?.config;
/// let options = PolicyOptions::new(1).with_policies(registry);
/// let mut channel = FakeChannel::new(ZoneAware::new(&options));
/// channel.set_config(config);
///
/// let in_zone = |zone: &str, list: &str| -> Vec<Endpoint> {
///     let attributes = Attributes::new().with::<Zone>(zone.into());
///     let endpoints = endpoints(list).into_iter();
///     endpoints.map(|it| it.with_attributes(attributes.clone())).collect()
/// };
/// let local = in_zone("a", "10.0.1.1:443 10.0.1.2:443");
/// let remote = in_zone("b", "10.0.2.1:443 10.0.2.2:443 10.0.2.3:443");
/// channel.update_endpoints([local, remote].concat()).expect("the policy accepts the list");
/// for address in channel.addresses().split(' ') {
///     channel.ready(address);
/// }
/// let stays = (0..1000).filter(|_| channel.picked().starts_with("10.0.1.")).count();
/// assert!((797..=803).contains(&stays));
/// # Ok::<(), trunkline_service_config::ConfigError>(())
/// ```
///
/// Source: [Envoy's zone aware routing](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/zone_aware).
#[derive(Debug)]
pub struct ZoneAware {
    /// The children [`LOCAL`] and [`REMOTE`], each while it has endpoints.
    children: NamedChildren,
    /// The zone of the channel.
    channel_zone: Option<Arc<str>>,
    ready: ReadySubchannels,
    /// The number of zones in the list.
    zones: usize,
    /// The fewest ready endpoints of the own zone that are preferred.
    min_local: usize,
    /// Chooses where each picker begins.
    rng: Rng,
    /// The error of calls before the first list.
    no_list: Option<Status>,
    /// What was published last depends on these.
    published: Option<(ConnectivityState, ReadyCounts)>,
}

impl ZoneAware {
    /// Creates a policy that waits for its first list.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        let mut rng = Rng::from_seed(options.seed);
        let mut child_options = options.clone();
        child_options.seed = rng.next_seed();
        Self {
            children: NamedChildren::new(&child_options),
            channel_zone: options.zone.clone(),
            ready: ReadySubchannels::default(),
            zones: 0,
            min_local: 1,
            rng,
            no_list: None,
            published: None,
        }
    }

    /// Hands an event to the children, and records what they do.
    fn forward<R>(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut NamedChildren, &mut Control<'_>) -> R,
    ) -> R {
        let mark = control.mark();
        let result = event(&mut self.children, control);
        self.ready.record(control.requested_since(mark));
        result
    }

    fn counts(&self) -> ReadyCounts {
        let (local, remote) = self.ready.counts();
        ReadyCounts {
            local,
            remote,
            zones: self.zones,
            min_local: self.min_local,
        }
    }

    /// Returns whether there is a child, or an error that calls fail with.
    fn has_anything(&self) -> bool {
        self.no_list.is_some() || self.children.iter().next().is_some()
    }

    /// Creates the picker for this state of both children together.
    fn picker(&mut self, state: ConnectivityState, counts: ReadyCounts) -> Arc<dyn Picker> {
        match state {
            ConnectivityState::Idle => return Arc::new(Pick::ExitIdle),
            ConnectivityState::Connecting | ConnectivityState::Shutdown => {
                return Arc::new(Pick::Queue);
            }
            ConnectivityState::Ready | ConnectivityState::TransientFailure => {}
        }
        let (local, remote) = counts.weights();
        let sides = [(local, LOCAL), (remote, REMOTE)];
        let sides = sides.into_iter().filter_map(|(weight, name)| {
            let child = self.children.get(name)?;
            (child.sticky_state() == state).then_some((weight, child))
        });
        let mut sides: Vec<_> = sides.collect();
        if sides.len() > 1 && sides.iter().any(|(weight, _)| *weight > 0) {
            sides.retain(|(weight, _)| *weight > 0);
        }
        match &*sides {
            [] => match &self.no_list {
                Some(error) => Arc::new(Pick::Fail(error.clone())),
                None => Arc::new(Pick::Queue),
            },
            [(_, child)] => Arc::clone(child.sticky_picker()),
            [(0, first), ..] => Arc::clone(first.sticky_picker()),
            sides => {
                let sides = sides.iter().map(|(weight, child)| {
                    let picker = Arc::clone(child.sticky_picker());
                    (*weight, picker, child.subchannels())
                });
                Arc::new(WeightedPicker::new(sides.collect(), &mut self.rng))
            }
        }
    }
}

/// The endpoints of an update, by side.
#[derive(Debug, Default)]
struct Sides {
    local: Vec<Endpoint>,
    remote: Vec<Endpoint>,
    /// The number of zones.
    zones: usize,
}

impl Sides {
    fn new(endpoints: &[Endpoint], own: Option<&str>) -> Self {
        let mut sides = Self::default();
        let mut zones = BTreeSet::new();
        for endpoint in endpoints {
            let zone = endpoint.attributes().get::<Zone>().map(|zone| &**zone);
            zones.insert(zone);
            let is_local = zone.is_some() && zone == own;
            let side = if is_local {
                &mut sides.local
            } else {
                &mut sides.remote
            };
            side.push(endpoint.clone());
        }
        sides.zones = zones.len();
        sides
    }
}

impl Policy for ZoneAware {
    /// Hands each child its side of the list. A child without endpoints is removed.
    ///
    /// # Errors
    ///
    /// The first error of a child, if none accepts its side; `INTERNAL` if the configuration belongs
    /// to another policy.
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config: &dyn Any = &*update.config;
        let config: &ZoneAwareConfig = config
            .downcast_ref()
            .ok_or_else(|| Status::internal("the configuration is not that of zone_aware"))?;
        let own = config.zone.as_deref().or(self.channel_zone.as_deref());
        let sides = Sides::new(&update.endpoints, own);
        self.zones = sides.zones;
        let min_local = config.min_local_endpoints.get();
        self.min_local = usize::try_from(min_local).unwrap_or(usize::MAX);
        self.published = None;
        let mut sides = vec![(LOCAL, sides.local), (REMOTE, sides.remote)];
        sides.retain(|(_, list)| list.iter().any(|endpoint| !endpoint.addresses().is_empty()));
        if sides.is_empty() {
            // Without children: their failure would outlast the empty list.
            let error = zero_addresses(&update.resolution_note);
            self.no_list = Some(error.clone());
            self.forward(control, |children, control| {
                children.retain(|_| false, control)
            });
            return Err(error);
        }
        self.forward(control, |children, control| {
            let is_used = |name: &str| sides.iter().any(|(used, _)| *used == name);
            children.retain(is_used, control);
            let mut result = Ok(());
            let mut is_accepted = false;
            for (name, list) in sides {
                let mut part = update.clone();
                part.endpoints = list.into();
                let name = Arc::from(name);
                let accepted = children.handle_update(&name, &config.child_policy, part, control);
                is_accepted |= accepted.is_ok();
                result = result.and(accepted);
            }
            if is_accepted { Ok(()) } else { result }
        })
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        if self.children.iter().next().is_none() {
            self.no_list = Some(resolver_error(&error));
            self.published = None;
        }
        self.forward(control, |children, control| {
            children.handle_resolver_error(&error, old, control);
        });
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        let Some(owner) = self.children.owner(id) else {
            return;
        };
        self.ready.set_state(id, **owner == *LOCAL, &state);
        self.forward(control, |children, control| {
            children.handle_subchannel(id, state, control);
        });
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        self.forward(control, |children, control| {
            children.handle_watch(watch, id, event, control);
        });
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        if self.children.owner(id).is_some() {
            self.ready.set_ejected(id, ejected);
        }
        self.forward(control, |children, control| {
            children.handle_ejection(id, ejected, control);
        });
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.forward(control, NamedChildren::handle_timeout);
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        let has_news = self.forward(control, |children, control| {
            let has_news = children.settle(control);
            children.wake_idle(control) || has_news
        });
        let state = self.children.state();
        let current = (state, self.counts());
        let is_waiting = matches!(
            state,
            ConnectivityState::Connecting | ConnectivityState::Idle
        );
        let before = self.published.replace(current);
        let is_new = match before {
            None => self.has_anything(),
            Some((before, _)) if is_waiting => before != state,
            Some(before) => has_news || before != current,
        };
        if is_new {
            control.publish(state, self.picker(state, current.1));
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.children.poll_timeout()
    }

    /// Makes both children leave idleness.
    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.forward(control, NamedChildren::exit_idle);
    }

    fn reset_backoff(&mut self) {
        self.children.reset_backoff();
    }

    /// Describes the number of ready endpoints on each side, and the weight of each side in
    /// the choice between them.
    fn inspect(&self, now: Instant) -> PolicyNode {
        let counts = self.counts();
        let (local, remote) = counts.weights();
        let state = match self.published {
            Some((state, _)) if self.has_anything() => state,
            _ => ConnectivityState::Connecting,
        };
        let node = PolicyNode::new("zone_aware", state).with_fact("zones", counts.zones);
        let children = self.children.inspect(now).into_iter().map(|child| {
            let (ready, weight) = if child.name == LOCAL {
                (counts.local, local)
            } else {
                (counts.remote, remote)
            };
            let child = child.with_fact("ready_endpoints", ready);
            child.with_fact("weight", weight)
        });
        node.with_children(children.collect())
    }
}
