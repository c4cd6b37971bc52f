//! The policy `warm_up`: a backend that has just connected gets fewer calls at first.
//!
//! It is for servers that are slow until their caches are filled or their code is compiled. Copy this file.
//!
//! A policy that treats all endpoints alike is a *leaf*: it holds an [`EndpointSharding`], which runs a
//! pick_first for each endpoint, keeps them connected, and computes the state of all of them together. Most
//! methods only forward to it. The policy's own work is the configuration, one value for each ready endpoint,
//! and a picker.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline::backoff::Rng;
use trunkline::lb::{
    AttemptTracker, Control, EndpointSharding, OldList, Pick, PickFirst, PickFirstConfig,
    PickRequest, PickRng, Picker, Policy, PolicyFactory, PolicyNode, PolicyOptions, ReadyList,
    SubchannelId, Update, WatchEvent, WatchId,
};
use trunkline::serde_json::Value;
use trunkline::service_config::{ConfigError, PolicyConfig, PolicyParsers, json, parse_duration};
use trunkline::{ConnectivityState, Status, SubchannelState};

/// The weight of a backend that is warm, and of one that has just connected.
const WARM: usize = 100;
const COLD: usize = 10;

/// A backend gets more calls in this many steps.
const STEPS: u32 = 10;

/// `{"warm_up": {"window": "30s"}}`. Every type that can be compared is a `PolicyConfig`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WarmUpConfig {
    /// The time from the connection until a backend gets its full share.
    pub(crate) window: Duration,
}

#[derive(Debug)]
pub(crate) struct WarmUpFactory;

impl PolicyFactory for WarmUpFactory {
    fn name(&self) -> &str {
        "warm_up"
    }

    /// Parses once; the policy gets the type. An error has the place of the bad value.
    fn parse_config(
        &self,
        config: &Value,
        _: &dyn PolicyParsers,
    ) -> Result<Arc<dyn PolicyConfig>, ConfigError> {
        let fields = json::object(config)?;
        let duration = |value| parse_duration(json::string(value)?);
        let window = json::optional(fields, "window", duration)?;
        Ok(Arc::new(WarmUpConfig {
            window: window.unwrap_or(Duration::from_secs(30)),
        }))
    }

    fn build(&self, options: &PolicyOptions) -> Box<dyn Policy> {
        Box::new(WarmUp::new(options))
    }
}

#[derive(Debug)]
pub(crate) struct WarmUp {
    endpoints: EndpointSharding<PickFirst>,
    /// The ready endpoints. It is updated for the endpoints that have changed alone.
    ready: ReadyList<SubchannelId>,
    /// Since when each of them has been ready. One that was ejected or not healthy is cold again.
    ready_since: BTreeMap<SubchannelId, Instant>,
    window: Duration,
    /// When the weights change next; `None` while all backends are warm.
    next_step: Option<Instant>,
    /// Whether the weights have changed since the picker was published.
    is_stale: bool,
    /// Makes the seeds of the pickers.
    rng: Rng,
    options: PolicyOptions,
    child_config: Arc<dyn PolicyConfig>,
}

impl WarmUp {
    pub(crate) fn new(options: &PolicyOptions) -> Self {
        // With health checks, pick_first is ready only while its backend is healthy and not ejected.
        let child_config = PickFirstConfig::default().with_health_checks(true);
        let mut rng = Rng::from_seed(options.seed);
        Self {
            endpoints: EndpointSharding::new(rng.next_seed()),
            ready: ReadyList::new(),
            ready_since: BTreeMap::new(),
            window: Duration::ZERO,
            next_step: None,
            is_stale: false,
            rng,
            options: options.clone(),
            child_config: Arc::new(child_config),
        }
    }

    /// Returns the weight of a backend that has been ready for this long.
    fn weight(&self, age: Duration) -> usize {
        if age >= self.window {
            return WARM;
        }
        let warmth = age.as_secs_f64() / self.window.as_secs_f64();
        COLD.max((warmth * WARM as f64) as usize)
    }

    /// Creates the picker for this state of all endpoints together.
    fn picker(&mut self, state: ConnectivityState, now: Instant) -> Arc<dyn Picker> {
        match state {
            ConnectivityState::Ready => self.ready_picker(now),
            // The picker of the endpoint that failed last: its error names the address and the reason.
            ConnectivityState::TransientFailure => Arc::clone(self.endpoints.last_failure()),
            _ => Arc::new(Pick::Queue),
        }
    }

    fn ready_picker(&mut self, now: Instant) -> Arc<dyn Picker> {
        let ready = self.ready.in_order(self.endpoints.slots()).copied();
        let ready: Vec<SubchannelId> = ready.collect();
        let listed: BTreeSet<SubchannelId> = ready.iter().copied().collect();
        self.ready_since.retain(|id, _| listed.contains(id));

        let mut total = 0;
        let mut is_cold = false;
        let backends = ready.into_iter().map(|id| {
            let since = self.ready_since.get(&id).copied().unwrap_or(now);
            let weight = self.weight(now.saturating_duration_since(since));
            is_cold |= weight < WARM;
            total += weight;
            (total, id)
        });
        let backends = backends.collect();
        self.next_step = is_cold.then(|| now + self.window / STEPS);
        let rng = PickRng::from_seed(self.rng.next_seed());
        Arc::new(WarmUpPicker {
            backends,
            total,
            rng,
        })
    }
}

impl Policy for WarmUp {
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let config: &dyn Any = &*update.config;
        if let Some(config) = config.downcast_ref::<WarmUpConfig>() {
            self.is_stale |= self.window != config.window;
            self.window = config.window;
        }
        let options = &self.options;
        self.endpoints
            .handle_update(&update, &self.child_config, control, |seed| {
                let mut options = options.clone();
                options.seed = seed;
                PickFirst::new(&options)
            })
    }

    /// Publishes once for a batch of events, because a picker costs more the more endpoints there are.
    fn settle(&mut self, control: &mut Control<'_>) {
        let change = self.endpoints.settle(control);
        let now = control.now();
        let ready_since = &mut self.ready_since;
        self.ready.refresh(self.endpoints.settled(), |child| {
            let id = child.policy().selected()?;
            ready_since.entry(id).or_insert(now);
            Some(id)
        });
        let is_stale = std::mem::take(&mut self.is_stale);
        if let Some(state) = change.or_else(|| is_stale.then(|| self.endpoints.state())) {
            self.next_step = None;
            let picker = self.picker(state, now);
            control.publish(state, picker);
        }
    }
    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        if self.next_step.is_some_and(|due| due <= control.now()) {
            // The picker is made in `settle`, which follows.
            self.next_step = None;
            self.is_stale = true;
        }
        self.endpoints.handle_timeout(control);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let children = self.endpoints.poll_timeout();
        children.into_iter().chain(self.next_step).min()
    }

    // What follows forwards to the endpoints.

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

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.endpoints.handle_ejection(id, ejected, control);
    }

    /// Does nothing: no endpoint stays idle.
    fn exit_idle(&mut self, _: &mut Control<'_>) {}

    fn reset_backoff(&mut self) {
        self.endpoints.reset_backoff();
    }

    /// Describes the weight of each backend that is ready.
    fn inspect(&self, now: Instant) -> PolicyNode {
        self.endpoints.inspect("warm_up", |slot, child, node| {
            let node = child.policy().describe(node);
            let since = self.ready.get(slot).and_then(|id| self.ready_since.get(id));
            match since {
                Some(since) => {
                    node.with_fact("weight", self.weight(now.saturating_duration_since(*since)))
                }
                None => node,
            }
        })
    }
}

/// Picks at random, in proportion to the weights. A pick takes no lock, allocates nothing, and shares no
/// memory with the picks of other threads.
#[derive(Debug)]
struct WarmUpPicker {
    /// Each backend with the sum of its own weight and those before it.
    backends: Box<[(usize, SubchannelId)]>,
    /// The sum of all weights.
    total: usize,
    rng: PickRng,
}

impl Picker for WarmUpPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        let point = self.rng.below(self.total);
        let at = self.backends.partition_point(|(sum, _)| *sum <= point);
        match self.backends.get(at) {
            Some((_, id)) => Pick::Subchannel(*id),
            None => Pick::Queue,
        }
    }

    /// Returns `None`: this policy does not depend on how calls end.
    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}
