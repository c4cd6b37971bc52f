//! How a policy requests actions from the channel.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::{Address, Endpoint};
use trunkline_status::Status;

use crate::connectivity::ConnectivityState;
use crate::ejection::Ejection;
use crate::health::Health;
use crate::picker::Picker;
use crate::subchannel::SubchannelId;
use crate::subchannel_ids::SubchannelIds;
use crate::subchannel_pool::SubchannelPool;
use crate::watch::{Watch, WatchId};
use crate::weights::WeightsUpdate;

/// One thing that the channel has to do for a policy.
///
/// The enum is exhaustive: the code that executes actions must handle each new one, and the
/// compiler finds that code.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Create a subchannel for this address; it is idle. Where the channel shares subchannels and has a
    /// ready one for the address, the policy is notified at once that this one is ready.
    Create {
        /// The id of the subchannel.
        id: SubchannelId,
        /// The address to connect to.
        address: Address,
    },
    /// Connect a subchannel that is idle for this policy; do nothing in any other state. Where another policy
    /// shares the subchannel and it is not idle, nothing is dialled: the policy is notified of its state at once,
    /// which may be a failure.
    Connect(SubchannelId),
    /// Remove a subchannel: it gets no new calls, and those in progress finish. The policy gets no
    /// further event of it.
    Remove(SubchannelId),
    /// Limit how many connections a subchannel opens; `None` for the channel's own number, which it has
    /// when it is created. More than the channel permits count as that. A lower number closes no
    /// connection. Ignore a subchannel that was removed.
    ///
    /// Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max-concurrent-streams-connection-scaling.md).
    LimitConnections {
        /// The subchannel.
        id: SubchannelId,
        /// The most connections.
        most: Option<NonZeroU32>,
    },
    /// Ask the resolver for a new list.
    RequestReresolution,
    /// Start a server-streaming call over the connection of a ready subchannel, and hand its
    /// events to [`Policy::handle_watch`](crate::Policy::handle_watch). If the subchannel is not
    /// ready, the watch ends at once.
    Watch {
        /// The id of the watch.
        watch: WatchId,
        /// The subchannel.
        id: SubchannelId,
        /// The call.
        call: Watch,
    },
    /// End a watch. The policy gets no further event of it. Ignore a watch that has ended already.
    Unwatch(WatchId),
    /// Report the health of a connected backend to the application.
    ReportHealth {
        /// The subchannel.
        id: SubchannelId,
        /// The service whose health it is; empty for the server as a whole.
        service: Arc<str>,
        /// The health.
        health: Health,
    },
    /// Report to the application that a backend sends no out-of-band load reports, although a policy
    /// asked for them.
    ReportLoadsUnsupported {
        /// The subchannel.
        id: SubchannelId,
        /// The status, `UNIMPLEMENTED`, with which the backend ended the stream of its reports.
        status: Status,
    },
    /// Report a decision of outlier detection to the application.
    ReportEjection {
        /// The endpoint, with the labels of metrics
        /// ([`BackendLabels`](trunkline_endpoint::BackendLabels)) that are known of it.
        endpoint: Endpoint,
        /// The decision.
        ejection: Ejection,
    },
    /// Report the weights of weighted_round_robin to the application.
    ReportWeights(WeightsUpdate),
}

/// The state and picker that a policy publishes.
#[derive(Clone, Debug)]
pub struct Published {
    /// The state of the policy.
    pub state: ConnectivityState,
    /// Chooses a subchannel for each call from now on.
    pub picker: Arc<dyn Picker>,
}

/// The actions that a tree of policies has requested. The channel keeps one for as long as the
/// tree exists, because it also issues the ids of subchannels and watches.
#[derive(Debug, Default)]
pub struct Actions {
    /// The actions that were requested since the last `take`, in order.
    queue: Vec<Action>,
    /// Whether the queue has a request for re-resolution; a second one would add nothing.
    wants_reresolution: bool,
    /// What was published since the last `take_published`; the newest only.
    published: Option<Published>,
    /// The ids of the subchannels that policies have.
    ids: SubchannelIds,
    /// The subchannels that new ones share.
    pool: SubchannelPool,
    /// How many watches were started.
    watches: u64,
    /// How many subchannels were removed.
    removals: u64,
}

impl Actions {
    /// Creates an empty queue.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the handle that a policy gets with one event.
    pub fn control(&mut self, now: Instant) -> Control<'_> {
        Control { actions: self, now }
    }

    /// Removes and returns the actions in the queue, in order.
    pub fn take(&mut self) -> Vec<Action> {
        self.wants_reresolution = false;
        std::mem::take(&mut self.queue)
    }

    /// Returns the subchannels of the channel by address, for [`Control::is_connected`]. The channel keeps
    /// them up to date; it is empty where a channel shares no subchannel.
    #[must_use]
    pub fn pool(&self) -> &SubchannelPool {
        &self.pool
    }

    /// Returns the subchannels of the channel by address, to change them.
    pub fn pool_mut(&mut self) -> &mut SubchannelPool {
        &mut self.pool
    }

    /// Removes and returns what was published last; `None` if nothing was since the last call.
    pub fn take_published(&mut self) -> Option<Published> {
        self.published.take()
    }
}

/// Handle through which a policy requests actions while it handles one event.
#[derive(Debug)]
pub struct Control<'a> {
    actions: &'a mut Actions,
    now: Instant,
}

impl Control<'_> {
    /// Returns the time of the event.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Creates a subchannel for `address`, which is idle.
    ///
    /// It becomes ready at once, before it is connected, where another policy of the channel is connected to
    /// the address: they share the connection. Each has an id of its own.
    pub fn create_subchannel(&mut self, address: Address) -> SubchannelId {
        let id = self.actions.ids.issue();
        self.actions.queue.push(Action::Create { id, address });
        id
    }

    /// Returns true if a new subchannel for `address` is ready at once, because another policy of the
    /// channel is connected to it.
    ///
    /// True also where the other policy removes its subchannel in the same event: the connection stays for the new
    /// one.
    #[must_use]
    pub fn is_connected(&self, address: &Address) -> bool {
        self.actions.pool.is_ready(address)
    }

    /// Connects an idle subchannel; does nothing in any other state.
    ///
    /// Where another policy shares the subchannel and has connected it already, the state is that of the shared one
    /// at once: connecting, or failed until its back-off ends.
    pub fn connect(&mut self, id: SubchannelId) {
        self.actions.queue.push(Action::Connect(id));
    }

    /// Removes a subchannel. Calls in progress finish.
    pub fn remove_subchannel(&mut self, id: SubchannelId) {
        let is_removed = self.actions.ids.retire(id);
        debug_assert!(is_removed, "a subchannel is removed once");
        if is_removed {
            self.actions.removals += 1;
            self.actions.queue.push(Action::Remove(id));
        }
    }

    /// Limits how many connections a subchannel opens; see [`Action::LimitConnections`]. A policy over other
    /// policies limits what its children create.
    pub fn limit_connections(&mut self, id: SubchannelId, most: Option<NonZeroU32>) {
        let limit = Action::LimitConnections { id, most };
        self.actions.queue.push(limit);
    }

    /// Asks the resolver for a new list.
    pub fn request_reresolution(&mut self) {
        if !std::mem::replace(&mut self.actions.wants_reresolution, true) {
            self.actions.queue.push(Action::RequestReresolution);
        }
    }

    /// Starts `call` over the connection of the subchannel `id`, which is ready. Its events come to
    /// [`Policy::handle_watch`](crate::Policy::handle_watch).
    ///
    /// See [`Watch`] for when it ends.
    pub fn watch(&mut self, id: SubchannelId, call: Watch) -> WatchId {
        let watch = WatchId(self.actions.watches);
        self.actions.watches += 1;
        self.actions.queue.push(Action::Watch { watch, id, call });
        watch
    }

    /// Ends a watch; no further event of it comes. Does nothing if it has ended.
    pub fn unwatch(&mut self, watch: WatchId) {
        self.actions.queue.push(Action::Unwatch(watch));
    }

    /// Reports the health of the backend behind the subchannel `id` to the application. It changes
    /// nothing else.
    pub(crate) fn report_health(&mut self, id: SubchannelId, service: Arc<str>, health: Health) {
        let report = Action::ReportHealth {
            id,
            service,
            health,
        };
        self.actions.queue.push(report);
    }

    /// Reports to the application that the backend behind the subchannel `id` sends no out-of-band
    /// load reports. It changes nothing else.
    pub(crate) fn report_loads_unsupported(&mut self, id: SubchannelId, status: Status) {
        let report = Action::ReportLoadsUnsupported { id, status };
        self.actions.queue.push(report);
    }

    /// Returns true if a policy created the subchannel, and did not remove it.
    #[must_use]
    pub fn exists(&self, id: SubchannelId) -> bool {
        self.actions.ids.is_in_use(id)
    }

    /// Returns how many subchannels of the tree of policies were removed so far.
    pub(crate) fn removals(&self) -> u64 {
        self.actions.removals
    }

    /// Reports a decision of outlier detection about an endpoint to the application. It changes nothing
    /// else.
    pub(crate) fn report_ejection(&mut self, endpoint: Endpoint, ejection: Ejection) {
        let report = Action::ReportEjection { endpoint, ejection };
        self.actions.queue.push(report);
    }

    /// Reports the weights of weighted_round_robin to the application. It changes nothing else.
    pub(crate) fn report_weights(&mut self, update: WeightsUpdate) {
        self.actions.queue.push(Action::ReportWeights(update));
    }

    /// Publishes a state, and the picker for calls from now on.
    pub fn publish(&mut self, state: ConnectivityState, picker: Arc<dyn Picker>) {
        self.actions.published = Some(Published { state, picker });
    }

    /// Returns the current end of the queue, for [`requested_since`](Self::requested_since).
    #[must_use]
    pub fn mark(&self) -> usize {
        self.actions.queue.len()
    }

    /// Returns the actions that were requested since `mark`, which was taken in the same event.
    ///
    /// A policy over other policies sees in it which subchannels a child has created, and for which
    /// addresses.
    #[must_use]
    pub fn requested_since(&self, mark: usize) -> &[Action] {
        &self.actions.queue[mark..]
    }

    /// Cancels a request for re-resolution that was made since `mark`.
    pub(crate) fn retract_reresolution(&mut self, mark: usize) {
        let is_request = |action: &Action| *action == Action::RequestReresolution;
        if let Some(at) = self.requested_since(mark).iter().position(is_request) {
            self.actions.queue.remove(mark + at);
            self.actions.wants_reresolution = false;
        }
    }

    /// Cancels the requests to connect that were made since `mark`. Returns their subchannels.
    pub(crate) fn retract_connects(&mut self, mark: usize) -> Vec<SubchannelId> {
        let mut retracted = Vec::new();
        for action in self.actions.queue.split_off(mark) {
            match action {
                Action::Connect(id) => retracted.push(id),
                action => self.actions.queue.push(action),
            }
        }
        retracted
    }

    /// Hands an event to a child policy. Returns what the child published, which does not reach
    /// the channel; every other action that it requests does.
    pub fn with_child<R>(
        &mut self,
        event: impl FnOnce(&mut Control<'_>) -> R,
    ) -> (R, Option<Published>) {
        let outer = self.actions.published.take();
        let result = event(&mut Control {
            actions: self.actions,
            now: self.now,
        });
        let published = std::mem::replace(&mut self.actions.published, outer);
        (result, published)
    }
}
