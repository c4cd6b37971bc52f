//! What a channel decides: no socket, task, lock or clock.

mod config;
pub(crate) mod connections;
pub(crate) mod event;
pub(crate) mod snapshot;
mod subchannel;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::{BackoffPolicy, Rng};
use trunkline_endpoint::{Address, Attributes, Endpoint};
use trunkline_lb::{
    Action, Actions, ConnectivityState, Control, GracefulSwitch, OldList, Policy, PolicyOptions,
    PolicyRegistry, Published, SubchannelId, SubchannelState, Update,
};
use trunkline_resolver::{Resolution, ResolveError, ResolveErrorKind, Verdict};
use trunkline_service_config::{PolicyChoice, ServiceConfig};
use trunkline_status::Status;

use self::config::{Configs, Taken};
use self::connections::{Slot, Slots};
use self::event::ChannelEvent;
use self::snapshot::{Pending, Snapshot, WaitPicker};
pub(crate) use self::subchannel::Phase;
use self::subchannel::{Stand, Subchannel};

/// What a channel decides, driven by what happens to it.
///
/// Tell it what happened with the `handle_*` methods; when all that is there was told, call
/// [`settle`](Self::settle), [`poll_output`](Self::poll_output) until it returns `None` (before,
/// too, if you like), and [`take_snapshot`](Self::take_snapshot). Then wait for the next event, or
/// for [`poll_timeout`](Self::poll_timeout). `now` never goes backwards.
///
/// `C` is a connection, which is only stored and handed out.
#[derive(Debug)]
pub(crate) struct Core<C> {
    backoff: BackoffPolicy,
    rng: Rng,
    configs: Configs,
    actions: Actions,
    policy: GracefulSwitch,
    /// Whether the policy was told anything since it settled last.
    is_unsettled: bool,
    /// Whether the policy was told anything yet.
    has_list: bool,
    resolver_error: Option<ResolveError>,
    /// By [`SubchannelId::index`].
    subchannels: Vec<Option<Subchannel>>,
    /// The connections of those that are ready.
    slots: Slots<C>,
    /// Those whose attempt runs, or waits for its time.
    attempts: BTreeSet<SubchannelId>,
    /// Back-offs and other waits of subchannels, by their ends.
    waits: BTreeSet<(Instant, SubchannelId)>,
    published: Published,
    outputs: VecDeque<Output>,
    /// Whether callers see something else than what is so.
    is_stale: bool,
}

/// One thing that the channel wants done.
#[derive(Debug)]
pub(crate) enum Output {
    /// Try to connect, until the deadline.
    Connect {
        id: SubchannelId,
        address: Address,
        deadline: Instant,
    },
    /// Give the attempt up that runs for this subchannel.
    Cancel(SubchannelId),
    /// Ask the resolver for a new list.
    ResolveNow,
    /// Tell whoever observes the channel.
    Tell(ChannelEvent),
}

/// What a core is made of.
#[derive(Debug)]
pub(crate) struct CoreOptions {
    pub(crate) policies: PolicyRegistry,
    pub(crate) policy_options: PolicyOptions,
    pub(crate) default_config: Arc<ServiceConfig>,
    /// The policy that is used where the service config names none.
    pub(crate) default_policy: PolicyChoice,
    pub(crate) backoff: BackoffPolicy,
    pub(crate) disable_service_config: bool,
}

impl<C> Core<C> {
    pub(crate) fn new(options: CoreOptions, seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let mut policy_options = options.policy_options;
        policy_options.seed = rng.next_seed();
        Self {
            backoff: options.backoff,
            rng,
            policy: GracefulSwitch::new(options.policies.clone(), &policy_options),
            configs: Configs::new(
                options.policies,
                options.default_config,
                options.default_policy,
                options.disable_service_config,
            ),
            actions: Actions::new(),
            is_unsettled: false,
            has_list: false,
            resolver_error: None,
            subchannels: Vec::new(),
            slots: Slots::new(),
            attempts: BTreeSet::new(),
            waits: BTreeSet::new(),
            published: Published {
                state: ConnectivityState::Connecting,
                picker: Arc::new(WaitPicker),
            },
            outputs: VecDeque::new(),
            is_stale: true,
        }
    }

    /// Hears what the resolver found.
    pub(crate) fn handle_resolution(&mut self, resolution: Resolution, now: Instant) -> Verdict {
        match resolution.endpoints {
            Ok(endpoints) => {
                self.tell(ChannelEvent::Endpoints(Arc::clone(&endpoints)));
                self.resolver_error = None;
                // The config may be new even where the policy has nothing new to show.
                self.is_stale = true;
                match self.configs.take(&resolution.service_config) {
                    Taken::Config { changed } => {
                        if changed {
                            self.tell_config();
                        }
                        self.update(
                            endpoints,
                            resolution.attributes,
                            resolution.resolution_note,
                            now,
                        )
                    }
                    Taken::Kept(error) => {
                        self.tell(ChannelEvent::ResolverError(error));
                        let _ = self.update(
                            endpoints,
                            resolution.attributes,
                            resolution.resolution_note,
                            now,
                        );
                        Verdict::Rejected
                    }
                    Taken::Nothing(error) => {
                        self.resolver_failed(error, OldList::Keep, now);
                        Verdict::Rejected
                    }
                }
            }
            Err(error) => {
                let old = match error.is_authoritative() {
                    true => OldList::DropList,
                    false => OldList::Keep,
                };
                self.resolver_failed(error, old, now);
                Verdict::Rejected
            }
        }
    }

    fn update(
        &mut self,
        endpoints: Arc<[Endpoint]>,
        attributes: Attributes,
        note: Arc<str>,
        now: Instant,
    ) -> Verdict {
        self.has_list = true;
        let choice = self.configs.policy();
        let mut update = Update::new(endpoints, Arc::clone(&choice.config));
        update.attributes = attributes;
        update.resolution_note = note;
        let result = self.tell_policy(now, |policy, control| {
            policy.handle_named_update(&choice.name, update, control)
        });
        self.act(now);
        match result {
            Ok(()) => Verdict::Accepted,
            Err(status) => {
                let error = ResolveError::new(
                    ResolveErrorKind::Unavailable,
                    format!("the list of endpoints cannot be used: {}", status.message()),
                );
                self.tell(ChannelEvent::ResolverError(error));
                Verdict::Rejected
            }
        }
    }

    fn resolver_failed(&mut self, error: ResolveError, old: OldList, now: Instant) {
        self.tell(ChannelEvent::ResolverError(error.clone()));
        let status = Status::unavailable(error.to_string());
        self.resolver_error = Some(error);
        self.tell_policy(now, |policy, control| {
            policy.handle_resolver_error(status, old, control);
        });
        self.act(now);
        self.is_stale = true;
    }

    /// Hears how far an attempt has come.
    pub(crate) fn handle_progress(&mut self, id: SubchannelId, phase: Phase) {
        if let Some(subchannel) = self.subchannel(id)
            && let Stand::Connecting { phase: known, .. } = &mut subchannel.stand
        {
            *known = phase;
            self.is_stale |= self.shows_pending();
        }
    }

    /// Hears that an attempt succeeded.
    pub(crate) fn handle_connected(&mut self, id: SubchannelId, connection: C, now: Instant) {
        let Some(subchannel) = self.subchannel(id) else {
            return;
        };
        let Stand::Connecting { retry_at, .. } = subchannel.stand else {
            return;
        };
        subchannel.backoff.reset();
        subchannel.stand = Stand::Ready { retry_at };
        let authority = subchannel.authority.clone();
        self.end_attempt(id);
        self.slots.insert(Slot {
            id,
            connection,
            authority,
        });
        self.is_stale = true;
        self.inform(id, SubchannelState::Ready, now);
        self.act(now);
    }

    /// Hears that an attempt failed.
    pub(crate) fn handle_failed(&mut self, id: SubchannelId, error: Status, now: Instant) {
        let Some(subchannel) = self.subchannel(id) else {
            return;
        };
        let Stand::Connecting { retry_at, .. } = subchannel.stand else {
            return;
        };
        subchannel.stand = Stand::Backoff { until: retry_at };
        self.end_attempt(id);
        self.waits.insert((retry_at, id));
        self.inform(id, SubchannelState::TransientFailure(error), now);
        self.act(now);
    }

    /// Hears that a connection takes no calls any more.
    ///
    /// One that `is_unused`, because no call was answered on it, may be followed by the next as
    /// soon as a failed attempt might have been: a server that takes every connection and closes it
    /// at once is not to be dialled without end.
    pub(crate) fn handle_lost(
        &mut self,
        id: SubchannelId,
        why: String,
        is_unused: bool,
        now: Instant,
    ) {
        let Some(subchannel) = self.subchannel(id) else {
            return;
        };
        let Stand::Ready { retry_at } = subchannel.stand else {
            return;
        };
        subchannel.stand = Stand::Idle;
        subchannel.not_before = is_unused.then_some(retry_at);
        let address = subchannel.address.clone();
        self.slots.remove(id);
        self.is_stale = true;
        self.tell(ChannelEvent::Lost { address, why });
        self.inform(id, SubchannelState::Idle, now);
        self.act(now);
    }

    /// Hears that the time named by [`poll_timeout`](Self::poll_timeout) has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(until, id)) = self.waits.first()
            && until <= now
        {
            self.waits.pop_first();
            self.end_wait(id, now);
        }
        if self.policy.poll_timeout().is_some_and(|at| at <= now) {
            self.tell_policy(now, |policy, control| policy.handle_timeout(control));
        }
        self.act(now);
    }

    /// Ends all back-offs at once: the application knows that the network is back.
    pub(crate) fn reset_backoff(&mut self, now: Instant) {
        self.tell_policy(now, |policy, _| policy.reset_backoff());
        for (_, id) in std::mem::take(&mut self.waits) {
            if let Some(subchannel) = self.subchannel(id) {
                subchannel.backoff.reset();
            }
            self.end_wait(id, now);
        }
        self.act(now);
    }

    /// The wait of a subchannel is over.
    fn end_wait(&mut self, id: SubchannelId, now: Instant) {
        let Some(subchannel) = self.subchannel(id) else {
            return;
        };
        match subchannel.stand {
            Stand::Held { .. } => self.start_attempt(id, now),
            Stand::Backoff { .. } => {
                subchannel.stand = Stand::Idle;
                self.inform(id, SubchannelState::Idle, now);
                // At once: the policy must hear nothing of what it removes now.
                self.act(now);
            }
            _ => {}
        }
    }

    /// Connects, if the policy is idle.
    pub(crate) fn exit_idle(&mut self, now: Instant) {
        self.tell_policy(now, |policy, control| policy.exit_idle(control));
        self.act(now);
    }

    /// Hears that all events that are there were told: what they come to together is what callers
    /// see next.
    pub(crate) fn settle(&mut self, now: Instant) {
        // Again if what the policy asks for then brings it news.
        while std::mem::take(&mut self.is_unsettled) {
            self.policy.settle(&mut self.actions.control(now));
            self.act(now);
        }
        if let Some(published) = self.actions.take_published() {
            if published.state != self.published.state {
                self.tell(ChannelEvent::State(published.state));
            }
            self.published = published;
            self.is_stale = true;
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let wait = self.waits.first().map(|(until, _)| *until);
        wait.into_iter().chain(self.policy.poll_timeout()).min()
    }

    /// The next thing to do.
    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What callers are to see from now on, if that is something new.
    pub(crate) fn take_snapshot(&mut self) -> Option<Snapshot<C>> {
        if !std::mem::take(&mut self.is_stale) {
            return None;
        }
        let pending = match self.shows_pending() {
            true => self.pending(),
            false => Vec::new(),
        };
        Some(Snapshot {
            state: self.published.state,
            picker: Arc::clone(&self.published.picker),
            slots: self.slots.clone(),
            config: self.configs.current(),
            is_resolved: self.has_list,
            resolver_error: self.resolver_error.clone(),
            pending,
        })
    }

    /// Whether callers see the attempts that run: those that wait while no connection is ready.
    /// Else no snapshot is made for what an attempt does.
    fn shows_pending(&self) -> bool {
        self.published.state != ConnectivityState::Ready
    }

    /// The attempts that callers may be waiting for, a few of them.
    fn pending(&self) -> Vec<Pending> {
        const SHOWN: usize = 4;
        let connecting = self.attempts.iter().filter_map(|id| {
            let subchannel = self.subchannels.get(id.index())?.as_ref()?;
            let phase = match subchannel.stand {
                Stand::Connecting { phase, .. } => phase,
                Stand::Held { .. } => Phase::Held,
                _ => return None,
            };
            Some(Pending {
                address: subchannel.address.clone(),
                phase,
            })
        });
        connecting.take(SHOWN).collect()
    }

    /// Does what the policy asked for, and tells it what comes of that, until it asks for nothing.
    fn act(&mut self, now: Instant) {
        loop {
            let actions = self.actions.take();
            if actions.is_empty() {
                return;
            }
            for action in actions {
                self.do_one(action, now);
            }
        }
    }

    fn do_one(&mut self, action: Action, now: Instant) {
        match action {
            Action::Create { id, address } => {
                if self.subchannels.len() <= id.index() {
                    self.subchannels.resize_with(id.index() + 1, || None);
                }
                let seed = self.rng.next_seed();
                let subchannel = Subchannel::new(id, address, self.backoff, seed);
                self.subchannels[id.index()] = Some(subchannel);
            }
            Action::Connect(id) => self.connect(id, now),
            Action::Remove(id) => {
                self.end_attempt(id);
                let Some(subchannel) = self.subchannels.get_mut(id.index()) else {
                    return;
                };
                match subchannel
                    .take_if(|subchannel| subchannel.id == id)
                    .map(|gone| gone.stand)
                {
                    Some(Stand::Connecting { .. }) => {
                        self.outputs.push_back(Output::Cancel(id));
                    }
                    Some(Stand::Backoff { until } | Stand::Held { until }) => {
                        self.waits.remove(&(until, id));
                    }
                    Some(Stand::Ready { .. }) => {
                        self.slots.remove(id);
                        self.is_stale = true;
                    }
                    Some(Stand::Idle) | None => {}
                }
            }
            Action::RequestReresolution => self.outputs.push_back(Output::ResolveNow),
            // The policies of this workspace start no watch.
            Action::Watch { .. } | Action::Unwatch(_) => {}
        }
    }

    fn connect(&mut self, id: SubchannelId, now: Instant) {
        let Some(subchannel) = self.subchannel(id) else {
            return;
        };
        if !matches!(subchannel.stand, Stand::Idle) {
            return;
        }
        match subchannel.not_before.take().filter(|at| *at > now) {
            Some(until) => {
                subchannel.stand = Stand::Held { until };
                self.attempts.insert(id);
                self.waits.insert((until, id));
                self.is_stale |= self.shows_pending();
            }
            None => self.start_attempt(id, now),
        }
        self.inform(id, SubchannelState::Connecting, now);
    }

    fn start_attempt(&mut self, id: SubchannelId, now: Instant) {
        let Some(subchannel) = self.subchannel(id) else {
            return;
        };
        let retry_at = subchannel.backoff.next_attempt(now);
        let deadline = subchannel.backoff.attempt_deadline(retry_at, now);
        subchannel.stand = Stand::Connecting {
            retry_at,
            phase: Phase::Dialling,
        };
        let address = subchannel.address.clone();
        self.attempts.insert(id);
        self.is_stale |= self.shows_pending();
        self.outputs.push_back(Output::Connect {
            id,
            address,
            deadline,
        });
    }

    fn end_attempt(&mut self, id: SubchannelId) {
        if self.attempts.remove(&id) {
            self.is_stale |= self.shows_pending();
        }
    }

    /// Tells the policy, and whoever observes, of a subchannel's new state.
    fn inform(&mut self, id: SubchannelId, state: SubchannelState, now: Instant) {
        let Some(subchannel) = self.subchannel(id) else {
            return;
        };
        let address = subchannel.address.clone();
        self.tell(ChannelEvent::Subchannel {
            address,
            state: state.clone(),
        });
        self.tell_policy(now, |policy, control| {
            policy.handle_subchannel(id, state, control);
        });
    }

    fn tell_policy<R>(
        &mut self,
        now: Instant,
        event: impl FnOnce(&mut GracefulSwitch, &mut Control<'_>) -> R,
    ) -> R {
        self.is_unsettled = true;
        event(&mut self.policy, &mut self.actions.control(now))
    }

    fn subchannel(&mut self, id: SubchannelId) -> Option<&mut Subchannel> {
        let subchannel = self.subchannels.get_mut(id.index())?.as_mut()?;
        (subchannel.id == id).then_some(subchannel)
    }

    fn tell(&mut self, event: ChannelEvent) {
        self.outputs.push_back(Output::Tell(event));
    }

    fn tell_config(&mut self) {
        let config = self.configs.current();
        self.tell(ChannelEvent::Config(config));
    }
}
