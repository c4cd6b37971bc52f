//! A channel without I/O around any policy, as fast as the policy itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use trunkline_endpoint::{Address, Endpoint};
use trunkline_lb::{
    Action, Actions, ConnectivityState, Control, GracefulSwitch, Pick, Picker, Policy,
    PolicyOptions, PolicyRegistry, Published, SubchannelId, SubchannelState, Update,
};
use trunkline_service_config::{ConfigError, PolicyChoice, PolicyConfig};

/// Runs the policy that a `loadBalancingConfig` names, and executes what it requests on subchannels
/// that change only when its user moves them.
///
/// It does what a channel does: the policy is inside a [`GracefulSwitch`], a subchannel that is
/// connected changes to `Connecting`, and events that come together are settled together. Unlike
/// `lb::testing::FakeChannel` it keeps no history, so that it measures the policy and holds thousands
/// of endpoints.
#[derive(Debug)]
pub struct Driver {
    policy: GracefulSwitch,
    config: Arc<dyn PolicyConfig>,
    actions: Actions,
    /// The subchannels, by index.
    subchannels: Vec<Option<Subchannel>>,
    /// The subchannels that began to connect since `take_dials` was called last, in order.
    dials: Vec<SubchannelId>,
    wants_reresolution: bool,
    /// How many subchannels are connected.
    ready: usize,
    /// What the policy published last.
    published: Option<Published>,
}

/// A subchannel that the policy has created and not removed.
#[derive(Debug)]
pub struct Subchannel {
    /// Its id.
    pub id: SubchannelId,
    /// Its address.
    pub address: Address,
    /// Whether it is connected.
    pub is_ready: bool,
    /// Whether it is idle, so that the policy may connect it.
    is_idle: bool,
}

impl Driver {
    /// Creates a policy without endpoints. `config` is a list such as `[{"round_robin": {}}]`.
    ///
    /// # Errors
    ///
    /// When the standard registry has none of the policies, or the config is bad.
    pub fn new(config: &Value, seed: u64) -> Result<Self, ConfigError> {
        let registry = PolicyRegistry::standard();
        let choice = PolicyChoice::parse(config, &registry)?;
        let options = PolicyOptions::new(seed).with_policies(registry);
        Ok(Self {
            policy: GracefulSwitch::new(&options),
            config: Arc::new(choice),
            actions: Actions::new(),
            subchannels: Vec::new(),
            dials: Vec::new(),
            wants_reresolution: false,
            ready: 0,
            published: None,
        })
    }

    /// Hands over a list of endpoints, and settles.
    pub fn update(&mut self, endpoints: Arc<[Endpoint]>, now: Instant) {
        let update = Update::new(endpoints, Arc::clone(&self.config));
        let handled = |policy: &mut GracefulSwitch, control: &mut Control<'_>| {
            policy.handle_update(update, control)
        };
        self.run(now, handled).expect("a list that is not empty");
        self.settle(now);
    }

    /// Moves a subchannel to another state. Call [`settle`](Self::settle) after the last of the
    /// events that come together. Does nothing if the policy has removed the subchannel.
    pub fn set(&mut self, id: SubchannelId, state: SubchannelState, now: Instant) {
        let Some(subchannel) = self.subchannel_mut(id) else {
            return;
        };
        let was_ready =
            std::mem::replace(&mut subchannel.is_ready, state == SubchannelState::Ready);
        let is_ready = subchannel.is_ready;
        subchannel.is_idle = state == SubchannelState::Idle;
        self.ready = self.ready + usize::from(is_ready) - usize::from(was_ready);
        self.run(now, |policy, control| {
            policy.handle_subchannel(id, state, control);
        });
    }

    /// Settles the policy until it has come to rest.
    pub fn settle(&mut self, now: Instant) {
        loop {
            let connecting = self.dials.len();
            self.run(now, |policy, control| policy.settle(control));
            if self.dials.len() == connecting {
                break;
            }
        }
        if let Some(published) = self.actions.take_published() {
            self.published = Some(published);
        }
    }

    /// Wakes the policy, and settles it.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.run(now, |policy, control| policy.handle_timeout(control));
        self.settle(now);
    }

    /// Makes the policy leave idleness, and settles it.
    pub fn exit_idle(&mut self, now: Instant) {
        self.run(now, |policy, control| policy.exit_idle(control));
        self.settle(now);
    }

    /// Returns when the policy wants to be woken.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.policy.poll_timeout()
    }

    /// Removes and returns the subchannels that began to connect since the last call, in order.
    pub fn take_dials(&mut self) -> Vec<SubchannelId> {
        std::mem::take(&mut self.dials)
    }

    /// Resets and returns whether the policy asked for another resolution.
    pub fn take_reresolution(&mut self) -> bool {
        std::mem::take(&mut self.wants_reresolution)
    }

    /// Connects whatever the policy connects, until nothing is connecting.
    pub fn connect_all(&mut self, now: Instant) {
        loop {
            let dials = self.take_dials();
            if dials.is_empty() {
                return;
            }
            for id in dials {
                self.set(id, SubchannelState::Ready, now);
            }
            self.settle(now);
        }
    }

    /// Returns the subchannel, unless the policy has removed it.
    #[must_use]
    pub fn subchannel(&self, id: SubchannelId) -> Option<&Subchannel> {
        let found = self.subchannels.get(id.index())?.as_ref();
        found.filter(|found| found.id == id)
    }

    /// Iterates over the subchannels.
    pub fn subchannels(&self) -> impl Iterator<Item = &Subchannel> {
        self.subchannels.iter().flatten()
    }

    /// Returns how many subchannels are connected.
    #[must_use]
    pub fn ready_count(&self) -> usize {
        self.ready
    }

    /// Returns the picker that was published last; one that makes calls wait before that.
    #[must_use]
    pub fn picker(&self) -> Arc<dyn Picker> {
        let published = self.published.as_ref();
        published.map_or_else(
            || Arc::new(Pick::Queue) as Arc<dyn Picker>,
            |published| Arc::clone(&published.picker),
        )
    }

    /// Returns the state that was published last.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        let published = self.published.as_ref();
        published.map_or(ConnectivityState::Connecting, |published| published.state)
    }

    fn subchannel_mut(&mut self, id: SubchannelId) -> Option<&mut Subchannel> {
        let found = self.subchannels.get_mut(id.index())?.as_mut();
        found.filter(|found| found.id == id)
    }

    /// Runs the policy, and executes the actions that it requests, and those that follow.
    fn run<R>(
        &mut self,
        now: Instant,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
    ) -> R {
        let result = event(&mut self.policy, &mut self.actions.control(now));
        loop {
            let actions = self.actions.take();
            if actions.is_empty() {
                return result;
            }
            for action in actions {
                self.execute(action, now);
            }
        }
    }

    fn execute(&mut self, action: Action, now: Instant) {
        match action {
            Action::Create { id, address } => {
                if self.subchannels.len() <= id.index() {
                    self.subchannels.resize_with(id.index() + 1, || None);
                }
                self.subchannels[id.index()] = Some(Subchannel {
                    id,
                    address,
                    is_ready: false,
                    is_idle: true,
                });
            }
            Action::Connect(id) => {
                let subchannel = self.subchannel_mut(id);
                let idle = subchannel.filter(|subchannel| subchannel.is_idle);
                if let Some(subchannel) = idle {
                    subchannel.is_idle = false;
                    self.dials.push(id);
                    let state = SubchannelState::Connecting;
                    let control = &mut self.actions.control(now);
                    self.policy.handle_subchannel(id, state, control);
                }
            }
            Action::Remove(id) => {
                let removed = self.subchannels[id.index()].take();
                let was_ready = removed.is_some_and(|removed| removed.is_ready);
                self.ready -= usize::from(was_ready);
            }
            Action::RequestReresolution => self.wants_reresolution = true,
            // Nothing here answers a watch, and nothing reads reports.
            _ => {}
        }
    }
}

/// Returns the endpoint with this number, below 2^24: one address of 10.0.0.0/8.
#[must_use]
pub fn endpoint(number: u32) -> Endpoint {
    let ip = Ipv4Addr::from((10 << 24) | number);
    Endpoint::new([SocketAddr::from((IpAddr::V4(ip), 443))])
}

/// Returns the number of the [`endpoint`] with this address.
///
/// # Panics
///
/// When it is not an IPv4 address.
#[must_use]
pub fn number(address: &Address) -> u32 {
    match address.socket_addr().map(|address| address.ip()) {
        Some(IpAddr::V4(ip)) => u32::from(ip) & 0x00ff_ffff,
        other => panic!("expected an IPv4 address, found {other:?}"),
    }
}

/// Returns the endpoints with the numbers from 0 up to `count`.
#[must_use]
pub fn endpoints(count: u32) -> Arc<[Endpoint]> {
    (0..count).map(endpoint).collect()
}
