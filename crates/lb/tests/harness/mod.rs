//! A channel that is not there: it applies what a policy asks for to subchannels that do what the
//! test says, in virtual time.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test file uses a part of the harness"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use trunkline_endpoint::{Address, Endpoint};
use trunkline_lb::{
    Action, Actions, ConnectivityState, Control, OldList, Pick, PickFirstConfig, PickRequest,
    Picker, Policy, PolicyOptions, Published, SubchannelId, SubchannelState, Update,
};
use trunkline_service_config::PolicyConfig;
use trunkline_status::Status;

pub use trunkline_lb::ConnectivityState::{Connecting, Idle, Ready, TransientFailure};

/// One subchannel of the fake channel.
#[derive(Debug)]
pub struct Subchannel {
    pub address: Address,
    pub state: SubchannelState,
}

/// A policy, and the channel around it.
pub struct Harness<P> {
    pub policy: P,
    pub now: Instant,
    /// Whether events come together, so that the policy settles after the last.
    pub has_more: bool,
    actions: Actions,
    pub subchannels: BTreeMap<SubchannelId, Subchannel>,
    /// Addresses in the order in which attempts at them began, since the last look.
    dialled: Vec<String>,
    /// Subchannels that were removed.
    pub removed: Vec<SubchannelId>,
    reresolutions: usize,
    /// All that was published.
    pub published: Vec<Published>,
    states: Vec<ConnectivityState>,
    config: Arc<dyn PolicyConfig>,
}

/// The options that tests use.
pub fn options(seed: u64) -> PolicyOptions {
    PolicyOptions::new(seed)
}

/// `a.b.c.d:p` or `[v6]:p`.
pub fn address(text: &str) -> Address {
    let address: SocketAddr = text.parse().expect("a socket address");
    Address::from(address)
}

/// One endpoint for each word, whose addresses are joined by `|`.
pub fn endpoints(text: &str) -> Vec<Endpoint> {
    text.split_whitespace()
        .map(|endpoint| Endpoint::new(endpoint.split('|').map(address)))
        .collect()
}

/// The error of a refused connection.
pub fn refused() -> SubchannelState {
    SubchannelState::TransientFailure(Status::unavailable("connection refused"))
}

impl<P: Policy> Harness<P> {
    pub fn new(policy: P) -> Self {
        #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
        let now = Instant::now();
        Self {
            policy,
            now,
            has_more: false,
            actions: Actions::new(),
            subchannels: BTreeMap::new(),
            dialled: Vec::new(),
            removed: Vec::new(),
            reresolutions: 0,
            published: Vec::new(),
            states: Vec::new(),
            config: Arc::new(PickFirstConfig::default()),
        }
    }

    pub fn with_config(mut self, config: impl PolicyConfig) -> Self {
        self.config = Arc::new(config);
        self
    }

    pub fn set_config(&mut self, config: Arc<dyn PolicyConfig>) {
        self.config = config;
    }

    /// Hands one event over, and lets the policy settle if no more come with it.
    pub fn event<R>(&mut self, event: impl FnOnce(&mut P, &mut Control<'_>) -> R) -> R {
        let result = self.tell(event);
        if !self.has_more {
            self.settle();
        }
        result
    }

    /// Lets the policy settle, and callers see what it published.
    pub fn settle(&mut self) {
        self.tell(|policy, control| policy.settle(control));
        if let Some(published) = self.actions.take_published() {
            self.states.push(published.state);
            self.published.push(published);
        }
    }

    /// Tells the policy something and applies what it asks for.
    fn tell<R>(&mut self, event: impl FnOnce(&mut P, &mut Control<'_>) -> R) -> R {
        let result = event(&mut self.policy, &mut self.actions.control(self.now));
        for action in self.actions.take() {
            self.apply(action);
        }
        result
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::Create { id, address } => {
                let state = SubchannelState::Idle;
                let old = self.subchannels.insert(id, Subchannel { address, state });
                assert!(old.is_none(), "{id:?} was made twice");
                assert!(!self.removed.contains(&id), "{id:?} was removed before");
            }
            Action::Connect(id) => {
                let subchannel = self.subchannels.get_mut(&id);
                let subchannel = subchannel.expect("only what is there is connected");
                if subchannel.state == SubchannelState::Idle {
                    subchannel.state = SubchannelState::Connecting;
                    self.dialled.push(subchannel.address.to_string());
                }
            }
            Action::Remove(id) => {
                let old = self.subchannels.remove(&id);
                old.expect("only what is there is removed");
                self.removed.push(id);
            }
            Action::RequestReresolution => self.reresolutions += 1,
            Action::Watch { .. } | Action::Unwatch(_) => panic!("no test starts a watch"),
        }
    }

    pub fn update(&mut self, list: &str) -> Result<(), Status> {
        self.update_endpoints(endpoints(list))
    }

    pub fn update_endpoints(&mut self, endpoints: Vec<Endpoint>) -> Result<(), Status> {
        self.update_with_note(endpoints, "")
    }

    pub fn update_with_note(&mut self, endpoints: Vec<Endpoint>, note: &str) -> Result<(), Status> {
        let mut update = Update::new(endpoints, self.config.clone());
        update.resolution_note = note.into();
        self.event(|policy, control| policy.handle_update(update, control))
    }

    pub fn resolver_error(&mut self, text: &'static str, old: OldList) {
        let error = Status::unavailable(text);
        self.event(|policy, control| policy.handle_resolver_error(error, old, control));
    }

    pub fn exit_idle(&mut self) {
        self.event(|policy, control| policy.exit_idle(control));
    }

    /// The subchannel for an address; there is exactly one.
    pub fn id(&self, address: &str) -> SubchannelId {
        let mut ids = self
            .subchannels
            .iter()
            .filter(|(_, subchannel)| subchannel.address.to_string() == address)
            .map(|(id, _)| *id);
        let id = ids.next();
        assert!(ids.next().is_none(), "{address} has two subchannels");
        id.unwrap_or_else(|| panic!("{address} has no subchannel"))
    }

    /// Moves a subchannel to a state and tells the policy.
    pub fn set_id(&mut self, id: SubchannelId, state: SubchannelState) {
        let subchannel = self.subchannels.get_mut(&id);
        subchannel.expect("it is there").state = state.clone();
        self.event(|policy, control| policy.handle_subchannel(id, state, control));
    }

    pub fn set(&mut self, address: &str, state: SubchannelState) {
        self.set_id(self.id(address), state);
    }

    pub fn ready(&mut self, address: &str) {
        self.set(address, SubchannelState::Ready);
    }

    pub fn fail(&mut self, address: &str) {
        self.set(address, refused());
    }

    /// Loses the connection, or ends the back-off.
    pub fn idle(&mut self, address: &str) {
        self.set(address, SubchannelState::Idle);
    }

    /// Lets time pass, waking the policy whenever it wants.
    pub fn pass(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(due) = self.policy.poll_timeout()
            && due <= end
        {
            self.now = self.now.max(due);
            self.event(|policy, control| policy.handle_timeout(control));
            assert_ne!(self.policy.poll_timeout(), Some(due), "it would spin");
        }
        self.now = end;
    }

    /// Addresses at which attempts began since the last look, joined by blanks.
    pub fn dialled(&mut self) -> String {
        std::mem::take(&mut self.dialled).join(" ")
    }

    /// States published since the last look.
    pub fn states(&mut self) -> Vec<ConnectivityState> {
        std::mem::take(&mut self.states)
    }

    /// Wishes for re-resolution since the last look.
    pub fn reresolutions(&mut self) -> usize {
        std::mem::take(&mut self.reresolutions)
    }

    /// The state published last.
    pub fn state(&self) -> ConnectivityState {
        self.published.last().expect("something is published").state
    }

    pub fn picker(&self) -> Arc<dyn Picker> {
        let published = self.published.last().expect("something is published");
        published.picker.clone()
    }

    /// One pick from the picker published last.
    pub fn pick(&self) -> Pick {
        pick(&*self.picker())
    }

    /// The address that one call goes to.
    pub fn picked(&self) -> String {
        match self.pick() {
            Pick::Subchannel(id) => self.subchannels[&id].address.to_string(),
            other => panic!("expected a subchannel, found {other:?}"),
        }
    }

    /// The text of the error that calls fail with.
    pub fn error(&self) -> String {
        assert_eq!(self.state(), TransientFailure);
        match self.pick() {
            Pick::Fail(status) => status.message().to_owned(),
            other => panic!("expected a failure, found {other:?}"),
        }
    }

    /// The addresses that have a subchannel, sorted, joined by blanks.
    pub fn addresses(&self) -> String {
        let mut addresses: Vec<String> = self
            .subchannels
            .values()
            .map(|subchannel| subchannel.address.to_string())
            .collect();
        addresses.sort();
        addresses.join(" ")
    }
}

pub fn pick(picker: &dyn Picker) -> Pick {
    picker.pick(&PickRequest::new("/test.Service/Method", &HeaderMap::new()))
}
