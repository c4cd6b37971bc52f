//! The policy `lanes`: a header of the call chooses a group of backends.
//!
//! A backend of a canary, of a tenant or of a developer's machine belongs to a lane. A call with the header of
//! the lane goes there, and every other call to the default lane. Copy this file.
//!
//! A policy over other policies is a *parent*: it forwards each event to the child that it belongs to, and its
//! picker asks the child's. [`NamedChildren`] does the forwarding. The policy's own work is the configuration,
//! the split of the list, and the picker.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline::http::HeaderName;
use trunkline::lb::{
    AttemptTracker, ChildTrackers, Control, HierarchyPath, NamedChild, NamedChildren, OldList,
    Pick, PickRequest, Picker, Policy, PolicyFactory, PolicyNode, PolicyOptions, SubchannelId,
    Update, WatchEvent, WatchId, endpoints_by_child,
};
use trunkline::serde_json::Value;
use trunkline::service_config::{ConfigError, PolicyChoice, PolicyConfig, PolicyParsers, json};
use trunkline::{ConnectivityState, Endpoint, Status, SubchannelState};

/// ```json
/// {"lanes": {
///     "header": "x-lane",
///     "default": "stable",
///     "lanes": {
///         "stable": [{"round_robin": {}}],
///         "canary": [{"pick_first": {}}]
///     }
/// }}
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LanesConfig {
    /// The name of the header whose value is the name of a lane.
    header: HeaderName,
    /// The lane of calls without that header, or with another value, and of endpoints without a lane.
    default: Arc<str>,
    /// The policy of each lane.
    lanes: BTreeMap<Arc<str>, PolicyChoice>,
}

#[derive(Debug)]
pub(crate) struct LanesFactory;

impl PolicyFactory for LanesFactory {
    fn name(&self) -> &str {
        "lanes"
    }

    /// Parses the policies of the lanes too: with the parsers of all policies that the channel knows.
    fn parse_config(
        &self,
        config: &Value,
        policies: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let fields = json::object(config)?;
        let header = json::required(fields, "header", |value| {
            HeaderName::try_from(json::string(value)?)
                .map_err(|_| json::expected("the name of a header", value))
        })?;
        let lanes = json::required(fields, "lanes", |value| {
            let lanes = json::object(value)?.iter();
            let lane = |(name, list): (&String, &Value)| {
                let choice = PolicyChoice::parse(list, policies);
                let choice = choice.map_err(|error| error.within(name))?;
                Ok((Arc::from(name.as_str()), choice))
            };
            lanes.map(lane).collect::<Result<BTreeMap<_, _>, _>>()
        })?;
        let default = json::required(fields, "default", |value| {
            let name = json::string(value)?;
            if lanes.contains_key(name) {
                Ok(Arc::from(name))
            } else {
                Err(json::expected("the name of a lane", value))
            }
        })?;
        Ok(Arc::new(LanesConfig {
            header,
            default,
            lanes,
        }))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(Lanes::new(options))
    }
}

#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: NamedChildren,
    /// `None` before the first update.
    config: Option<LanesConfig>,
    /// The state while `config` is `None`.
    state_without_lanes: ConnectivityState,
    /// Whether the picker that was published is out of date, whatever the lanes do.
    is_stale: bool,
}

impl Lanes {
    pub(crate) fn new(options: &PolicyOptions) -> Self {
        Self {
            lanes: NamedChildren::new(options),
            config: None,
            state_without_lanes: ConnectivityState::Connecting,
            is_stale: false,
        }
    }
}

/// Puts an endpoint without a lane into the default one.
fn with_lane(endpoint: &Endpoint, default: &Arc<str>) -> Endpoint {
    let attributes = endpoint.attributes();
    if attributes.get::<HierarchyPath>().is_some() {
        return endpoint.clone();
    }
    let path = HierarchyPath::new([Arc::clone(default)]);
    let attributes = attributes.with::<HierarchyPath>(path);
    endpoint.clone().with_attributes(attributes)
}

impl Policy for Lanes {
    /// Hands each lane its part of the list.
    ///
    /// # Errors
    ///
    /// That of the default lane: another one may be empty.
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config: &dyn Any = &*update.config;
        let Some(config) = config.downcast_ref::<LanesConfig>().cloned() else {
            return Err(Status::internal("the configuration is not that of lanes"));
        };
        let endpoints = update.endpoints.iter();
        let endpoints: Vec<Endpoint> = endpoints
            .map(|endpoint| with_lane(endpoint, &config.default))
            .collect();
        let mut by_lane = endpoints_by_child(&endpoints);
        self.lanes
            .retain(|name| config.lanes.contains_key(name), control);
        let mut result = Ok(());
        for (name, choice) in &config.lanes {
            // The rest of the update (attributes, note, health check) is for each of them.
            let mut part = update.clone();
            part.endpoints = by_lane.remove(name).unwrap_or_default().into();
            let accepted = self.lanes.handle_update(name, choice, part, control);
            if *name == config.default {
                result = accepted;
            }
        }
        self.is_stale |= self.config.as_ref() != Some(&config);
        self.config = Some(config);
        result
    }

    /// Publishes once for a batch of events, and not while one lane has its update and another not.
    fn settle(&mut self, control: &mut Control<'_>) {
        let has_news = self.lanes.settle(control);
        let Some(config) = &self.config else {
            return;
        };
        if !std::mem::take(&mut self.is_stale) && !has_news {
            return;
        }
        let Some(default) = self.lanes.get(&config.default) else {
            return;
        };
        // Most calls are those of the default lane, so its state is that of the channel.
        let (state, default) = (default.sticky_state(), Arc::clone(default.sticky_picker()));
        let others = self.lanes.iter();
        let others = others.filter(|(name, _)| **name != config.default);
        let others = others.map(|(name, lane)| {
            let name = Arc::clone(name);
            (name, Arc::clone(lane.sticky_picker()))
        });
        let others = others.collect();
        let all = self.lanes.iter();
        let all = all.map(|(_, lane)| (Arc::clone(lane.sticky_picker()), lane.subchannels()));
        let trackers = ChildTrackers::new(all);
        let picker = LanesPicker {
            header: config.header.clone(),
            default,
            others,
            trackers,
        };
        control.publish(state, Arc::new(picker));
    }

    // What follows forwards to the lanes.

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        if self.config.is_none() {
            // There is no lane yet that could fail the calls.
            let failure = Arc::new(Pick::Fail(error));
            self.state_without_lanes = ConnectivityState::TransientFailure;
            return control.publish(self.state_without_lanes, failure);
        }
        self.lanes.handle_resolver_error(&error, old, control);
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        self.lanes.handle_subchannel(id, state, control);
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        self.lanes.handle_watch(watch, id, event, control);
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.lanes.handle_ejection(id, ejected, control);
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        self.lanes.handle_timeout(control);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.lanes.poll_timeout()
    }

    fn exit_idle(&mut self, control: &mut Control<'_>) {
        self.lanes.exit_idle(control);
    }

    fn reset_backoff(&mut self) {
        self.lanes.reset_backoff();
    }

    /// Describes each lane.
    fn inspect(&self, now: Instant) -> PolicyNode {
        let default = self.config.as_ref();
        let default = default.and_then(|config| self.lanes.get(&config.default));
        let state = default.map_or(self.state_without_lanes, NamedChild::sticky_state);
        PolicyNode::new("lanes", state).with_children(self.lanes.inspect(now))
    }
}

/// Asks the picker of the lane that the call names. It may fail the call, or make it wait, whatever the other
/// lanes do.
#[derive(Debug)]
struct LanesPicker {
    header: HeaderName,
    default: Arc<dyn Picker>,
    others: BTreeMap<Arc<str>, Arc<dyn Picker>>,
    /// Forwards the end of each attempt to the lane that chose. `None` if no lane depends on ends.
    trackers: Option<ChildTrackers>,
}

impl Picker for LanesPicker {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        let name = request.metadata.get(&self.header);
        let name = name.and_then(|value| value.to_str().ok());
        let lane = name.and_then(|name| self.others.get(name));
        lane.unwrap_or(&self.default).pick(request)
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        self.trackers.as_ref().map(|trackers| trackers as _)
    }
}
