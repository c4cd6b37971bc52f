//! What a policy says to the channel.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::Address;

use crate::{ConnectivityState, Picker, Watch, WatchId};

/// Names a subchannel of one channel.
///
/// An index that is used again after the subchannel is removed, and a generation that is not: what
/// is said late of a removed subchannel can be told from what is said of its successor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubchannelId {
    index: u32,
    generation: u32,
}

impl SubchannelId {
    /// The place in a table of subchannels; small numbers are used first.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
}

impl fmt::Debug for SubchannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

/// One thing that a policy wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make a subchannel, idle, for this address.
    Create {
        /// Its name.
        id: SubchannelId,
        /// Where it connects to.
        address: Address,
    },
    /// Connect an idle subchannel; in any other state there is nothing to do.
    Connect(SubchannelId),
    /// Drop a subchannel: no new calls, those under way finish. The policy hears no more of it.
    Remove(SubchannelId),
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
    /// End a watch. The policy gets no further event of it. An id that is not running (its last
    /// event is on its way, say) is ignored.
    Unwatch(WatchId),
}

/// What a policy wants to be seen as from now on.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its state.
    pub state: ConnectivityState,
    /// How calls are to choose.
    pub picker: Arc<dyn Picker>,
}

/// What one tree of policies has asked for; kept by the channel from event to event.
#[derive(Debug, Default)]
pub struct Actions {
    queue: Vec<Action>,
    /// Whether the queue has a wish for re-resolution; a second one would say no more.
    wants_reresolution: bool,
    published: Option<Published>,
    /// The generation of each index that was ever used.
    generations: Vec<u32>,
    /// Indices whose subchannel is gone, last freed last.
    free: Vec<u32>,
    /// How many watches were started.
    watches: u64,
}

impl Actions {
    /// Nothing asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A control for handing one event to a policy.
    pub fn control(&mut self, now: Instant) -> Control<'_> {
        Control { actions: self, now }
    }

    /// What was asked for since the last call, in order.
    pub fn take(&mut self) -> Vec<Action> {
        self.wants_reresolution = false;
        std::mem::take(&mut self.queue)
    }

    /// What was published last since the last call, if anything.
    pub fn take_published(&mut self) -> Option<Published> {
        self.published.take()
    }
}

/// By which a policy says what it wants while it handles one event.
#[derive(Debug)]
pub struct Control<'a> {
    actions: &'a mut Actions,
    now: Instant,
}

impl Control<'_> {
    /// The time of the event.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Makes an idle subchannel for `address`.
    pub fn create_subchannel(&mut self, address: Address) -> SubchannelId {
        let actions = &mut *self.actions;
        let index = actions.free.pop().unwrap_or_else(|| {
            actions.generations.push(0);
            u32::try_from(actions.generations.len() - 1).expect("fewer than 2^32 subchannels")
        });
        let id = SubchannelId {
            index,
            generation: actions.generations[index as usize],
        };
        actions.queue.push(Action::Create { id, address });
        id
    }

    /// Connects an idle subchannel; in any other state nothing happens.
    pub fn connect(&mut self, id: SubchannelId) {
        self.actions.queue.push(Action::Connect(id));
    }

    /// Drops a subchannel. Calls under way finish.
    pub fn remove_subchannel(&mut self, id: SubchannelId) {
        let generation = &mut self.actions.generations[id.index()];
        debug_assert_eq!(*generation, id.generation, "a subchannel is removed once");
        if *generation == id.generation {
            *generation = generation.wrapping_add(1);
            self.actions.free.push(id.index);
            self.actions.queue.push(Action::Remove(id));
        }
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

    /// Says how the policy wants to be seen from now on.
    pub fn publish(&mut self, state: ConnectivityState, picker: Arc<dyn Picker>) {
        self.actions.published = Some(Published { state, picker });
    }

    /// How much was asked for so far; what comes later is [`asked_since`](Self::asked_since) it.
    pub(crate) fn mark(&self) -> usize {
        self.actions.queue.len()
    }

    /// What was asked for since `mark`, earlier in this event.
    pub(crate) fn asked_since(&self, mark: usize) -> &[Action] {
        &self.actions.queue[mark..]
    }

    /// Takes back a wish for re-resolution that came since `mark`.
    pub(crate) fn retract_reresolution(&mut self, mark: usize) {
        let wish = |action: &Action| *action == Action::RequestReresolution;
        if let Some(at) = self.asked_since(mark).iter().position(wish) {
            self.actions.queue.remove(mark + at);
            self.actions.wants_reresolution = false;
        }
    }

    /// Hands an event to a child, and returns what the child published instead of letting it
    /// through; everything else that it asks for goes to the channel.
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
