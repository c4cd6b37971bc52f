//! What an inspection of the channel shows of the core.

use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::Address;
use trunkline_lb::{ConnectivityState, Policy, PolicyNode, SubchannelId};
use trunkline_resolver::ResolveError;

use crate::core::Core;
use crate::core::answer::Answer;
use crate::core::config::ConfigFacts;
use crate::core::connections::{ReadyConnection, ReadySubchannel};
use crate::core::failure::ConnectPhase;
use crate::core::subchannel::{Growth, LastFailure, LastLoss, Stage, Subchannel};

/// What an inspection of the channel shows of the core, but the subchannels. Cheap to make: long lists are
/// shared.
#[derive(Debug)]
pub(crate) struct CoreFacts {
    pub(crate) state: ConnectivityState,
    /// When the channel changed to that state; `None` if it never changed.
    pub(crate) state_since: Option<Instant>,
    pub(crate) answer: Option<Answer>,
    pub(crate) resolver_waits: Option<Arc<str>>,
    /// The last error of the resolver, or of the channel about a resolution.
    pub(crate) resolver_error: Option<(ResolveError, Instant)>,
    /// The service config in force; `None` once the channel is closed.
    pub(crate) config: Option<ConfigFacts>,
    /// True when the last resolution has a selector of its own.
    pub(crate) has_selector: bool,
    /// The number of subchannels.
    pub(crate) subchannels: usize,
}

impl CoreFacts {
    /// Returns those of a channel without a core: before its first use, and once it is closed.
    pub(crate) fn without_core(
        state: ConnectivityState,
        state_since: Option<Instant>,
        config: Option<ConfigFacts>,
    ) -> Self {
        Self {
            state,
            state_since,
            answer: None,
            resolver_waits: None,
            resolver_error: None,
            config,
            has_selector: false,
            subchannels: 0,
        }
    }
}

/// What an inspection shows of some subchannels. `T` is what it shows of a connection.
#[derive(Debug)]
pub(crate) struct SubchannelPage<T> {
    pub(crate) subchannels: Vec<SubchannelFacts>,
    /// The connections of all of them, in the order of the subchannels.
    pub(crate) connections: Vec<T>,
    /// The index at which the next page starts, if there is one.
    pub(crate) next: Option<usize>,
}

impl<T> SubchannelPage<T> {
    /// Returns the page of a channel without subchannels.
    pub(crate) fn empty() -> Self {
        Self {
            subchannels: Vec::new(),
            connections: Vec::new(),
            next: None,
        }
    }
}

/// What an inspection shows of one subchannel.
#[derive(Debug)]
pub(crate) struct SubchannelFacts {
    pub(crate) id: SubchannelId,
    pub(crate) address: Address,
    pub(crate) stage: StageFacts,
    /// When its wait ends, if that is what the stage is.
    pub(crate) wait_until: Option<Instant>,
    pub(crate) stage_since: Instant,
    pub(crate) attempts_started: u64,
    pub(crate) attempts_failed: u64,
    pub(crate) last_failure: Option<Arc<LastFailure>>,
    pub(crate) last_loss: Option<Arc<LastLoss>>,
    /// The number of its connections.
    pub(crate) connections: usize,
}

/// What a subchannel is doing, without the texts of its errors.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StageFacts {
    Idle,
    HeldBack,
    Connecting(ConnectPhase),
    /// With the phase of the attempt for one more connection, if one runs.
    Ready(Option<ConnectPhase>),
    BackingOff,
}

impl StageFacts {
    fn of(stage: &Stage) -> Self {
        match stage {
            Stage::Idle => Self::Idle,
            Stage::HeldBack { .. } => Self::HeldBack,
            Stage::Connecting { phase, .. } => Self::Connecting(*phase),
            Stage::Ready {
                growth: Growth::Connecting { phase, .. },
            } => Self::Ready(Some(*phase)),
            Stage::Ready { .. } => Self::Ready(None),
            Stage::BackingOff { .. } => Self::BackingOff,
        }
    }
}

impl<C> Core<C> {
    /// Returns what an inspection of the channel shows, but the subchannels.
    pub(crate) fn facts(&self) -> CoreFacts {
        CoreFacts {
            state: self.published.state,
            state_since: self.state_since,
            answer: self.answer.clone(),
            resolver_waits: self.resolver_wait.what().cloned(),
            resolver_error: self.last_resolver_error.clone(),
            config: Some(self.config.facts()),
            has_selector: self.selector.is_some(),
            subchannels: self.subchannels.len(),
        }
    }

    /// Returns the tree of policies; `None` while there is no list, and so no policy.
    pub(crate) fn inspect_policy(&self, now: Instant) -> Option<PolicyNode> {
        self.policy_name.as_ref()?;
        let mut policy = self.policy.inspect(now);
        self.name_subchannels(&mut policy);
        Some(policy)
    }

    /// Returns what an inspection shows of up to `most` subchannels, from the index `first` on. `connection`
    /// returns what it shows of a connection.
    pub(crate) fn subchannel_page<T>(
        &self,
        first: usize,
        most: usize,
        connection: impl Fn(&ReadyConnection<C>) -> T,
    ) -> SubchannelPage<T> {
        let mut from = self.subchannels.from(first);
        let most = most.min(self.subchannels.len());
        let mut page = SubchannelPage {
            subchannels: Vec::with_capacity(most),
            connections: Vec::with_capacity(most),
            next: None,
        };
        for subchannel in from.by_ref().take(most) {
            let ready = self.subchannels.ready(subchannel.id);
            let connections = ready.into_iter().flat_map(ReadySubchannel::iter);
            let before = page.connections.len();
            let facts = connections.map(|ready| connection(ready));
            page.connections.extend(facts);
            let connections = page.connections.len() - before;
            page.subchannels.push(facts_of(subchannel, connections));
        }
        page.next = from.next().map(|next| next.id.index());
        page
    }
}

fn facts_of(subchannel: &Subchannel, connections: usize) -> SubchannelFacts {
    SubchannelFacts {
        id: subchannel.id,
        address: subchannel.address.clone(),
        stage: StageFacts::of(subchannel.stage()),
        wait_until: subchannel.stage().wait_until(),
        stage_since: subchannel.stage_since,
        attempts_started: subchannel.attempts_started,
        attempts_failed: subchannel.attempts_failed,
        last_failure: subchannel.last_failure.clone(),
        last_loss: subchannel.last_loss.clone(),
        connections,
    }
}
