//! A client of control planes, which the channels of one target share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use trunkline_runtime::Lock;

use super::inbox::Inbox;
use super::link::LinkOptions;
use super::loads::Loads;
use super::observer::XdsObserver;
use super::server_loads::ReportHold;
use crate::core::ads::{
    AdsClient, AdsDump, AdsEvent, AdsOutput, DeliveryId, ResourceDecoder, ServerProgress, WatchId,
};
use crate::core::{Bootstrap, ResourceType, ServerConfig};
use crate::policies::LoadStores;

/// A client in use. When the last reference is dropped, its task ends, and with it the connections
/// to the servers.
pub(super) struct Client {
    shared: Arc<ClientShared>,
    loads: Loads,
}

/// What a client and its task share.
pub(super) struct ClientShared {
    /// The target that the client asks for.
    pub(super) target: Arc<str>,
    pub(super) bootstrap: Arc<Bootstrap>,
    pub(super) links: LinkOptions,
    observers: Vec<Arc<dyn XdsObserver>>,
    state: Lock<State>,
}

struct State {
    ads: AdsClient,
    /// Where the updates of each watch go.
    watchers: BTreeMap<WatchId, Arc<Inbox>>,
    /// Wakes the task.
    task: Option<Waker>,
    /// True once nothing uses the client any more.
    is_over: bool,
}

impl Client {
    /// Returns a new client, and what its task needs.
    pub(super) fn new(
        target: Arc<str>,
        bootstrap: Arc<Bootstrap>,
        decoder: Arc<dyn ResourceDecoder>,
        links: LinkOptions,
        observers: Vec<Arc<dyn XdsObserver>>,
    ) -> (Self, Arc<ClientShared>) {
        let node = bootstrap.node.to_proto();
        let seed = links.runtime.seed();
        let shared = Arc::new(ClientShared {
            target,
            links,
            observers,
            state: Lock::new(State {
                ads: AdsClient::new(Arc::clone(&bootstrap), node, decoder, seed),
                watchers: BTreeMap::new(),
                task: None,
                is_over: false,
            }),
            bootstrap,
        });
        let client = Self {
            shared: Arc::clone(&shared),
            loads: Loads::new(&shared.bootstrap),
        };
        (client, shared)
    }

    pub(super) fn shared(&self) -> &ClientShared {
        &self.shared
    }

    /// Starts a watch, whose updates go to `inbox`.
    pub(super) fn watch(&self, kind: ResourceType, name: &str, inbox: &Arc<Inbox>) -> WatchId {
        self.shared.change(|state| {
            let watch = state.ads.watch(kind, name);
            state.watchers.insert(watch, Arc::clone(inbox));
            watch
        })
    }

    /// Ends a watch.
    pub(super) fn unwatch(&self, watch: WatchId) {
        self.shared.change(|state| {
            state.watchers.remove(&watch);
            state.ads.unwatch(watch);
        });
    }

    /// Handles that all that follows from some updates is done.
    pub(super) fn settle(&self, deliveries: impl IntoIterator<Item = DeliveryId>) {
        self.shared.change(|state| {
            for delivery in deliveries {
                state.ads.handle_settled(delivery);
            }
        });
    }

    /// Reports the calls of the client's channels to a server, while the hold is kept. `None` if the bootstrap
    /// does not have the server.
    pub(super) fn report_loads(&self, server: &Arc<ServerConfig>) -> Option<ReportHold> {
        let node = || self.shared.bootstrap.node.to_proto();
        self.loads.report(server, node, &self.shared.links)
    }

    /// Returns where the policies of the client's channels count.
    pub(super) fn load_stores(&self) -> &LoadStores {
        self.loads.stores()
    }

    /// Returns the server that is asked for a watched resource, and how far it is; `None` if none is asked yet.
    pub(super) fn progress(
        &self,
        kind: ResourceType,
        name: &str,
    ) -> Option<(Arc<ServerConfig>, ServerProgress)> {
        self.shared.state.lock().ads.progress(kind, name)
    }

    /// Returns the state of the client.
    pub(super) fn dump(&self) -> AdsDump {
        self.shared.state.lock().ads.dump()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.change(|state| state.is_over = true);
    }
}

impl ClientShared {
    /// Changes the state, and wakes the task.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (result, task) = {
            let mut state = self.state.lock();
            (change(&mut state), state.task.take())
        };
        if let Some(task) = task {
            task.wake();
        }
        result
    }

    /// Changes the core without waking the task, which is the caller.
    pub(super) fn with_core<T>(&self, change: impl FnOnce(&mut AdsClient) -> T) -> T {
        change(&mut self.state.lock().ads)
    }

    /// Returns whether nothing uses the client any more. If not, `waker` is woken after the next
    /// change.
    pub(super) fn is_over(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        state.task = Some(waker.clone());
        state.is_over
    }

    /// Wakes the channels that show how far the servers are.
    pub(super) fn wake_waiting(&self) {
        let mut inboxes: Vec<_> = {
            let state = self.state.lock();
            state.watchers.values().map(Arc::clone).collect()
        };
        // The watches of one channel have one inbox.
        inboxes.sort_by_key(Arc::as_ptr);
        inboxes.dedup_by_key(|inbox| Arc::as_ptr(inbox));
        for inbox in inboxes {
            inbox.handle_progress();
        }
    }

    /// Reports an event to the observers.
    pub(super) fn observe(&self, event: &AdsEvent) {
        let now = self.links.runtime.now();
        for observer in &self.observers {
            observer.observe(&self.target, event, now);
        }
    }

    /// Returns all that is to be done, with the inbox of each update.
    pub(super) fn take_outputs(&self) -> Vec<(AdsOutput, Option<Arc<Inbox>>)> {
        let now = self.links.runtime.now();
        let mut state = self.state.lock();
        let State { ads, watchers, .. } = &mut *state;
        let mut outputs: Vec<_> = std::iter::from_fn(|| ads.poll_output(now)).collect();
        if !self.observers.is_empty() {
            ads.report_resources();
            outputs.extend(std::iter::from_fn(|| ads.poll_output(now)));
        }
        let with_inbox = outputs.into_iter().map(|output| {
            let inbox = match &output {
                AdsOutput::Deliver(delivery) => watchers.get(&delivery.id.watch()).map(Arc::clone),
                _ => None,
            };
            (output, inbox)
        });
        with_inbox.collect()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("target", &self.shared.target)
            .finish_non_exhaustive()
    }
}
