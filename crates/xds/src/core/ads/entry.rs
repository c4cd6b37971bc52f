//! What is known of one watched resource.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::ids::WatchId;
use super::output::Update;
use super::state::ResourceState;
use crate::core::resource_error::{ResourceError, ResourceErrorKind};
use crate::core::resources::Resource;
use crate::core::server::ServerConfig;

/// A watched resource: its watchers, what servers sent, and what the watchers know of it.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The watchers, and the name as each of them gave it.
    watchers: BTreeMap<WatchId, Arc<str>>,
    state: ResourceState,
    cached: Option<Cached>,
    /// The last error of the resource itself, if no valid one came after it.
    error: Option<RecordedError>,
    /// Why no server can be asked, while that is so.
    unreachable: Option<Arc<str>>,
    /// The number of values so far.
    revision: u64,
    /// What the watchers know.
    told: View,
}

/// A valid resource.
#[derive(Debug)]
pub(super) struct Cached {
    pub(super) resource: Resource,
    /// As the server sent it.
    pub(super) raw: Bytes,
    pub(super) origin: Origin,
}

/// An error of a resource.
#[derive(Debug)]
pub(super) struct RecordedError {
    pub(super) error: ResourceError,
    pub(super) origin: Origin,
}

/// Where and when something was received.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) server: Arc<ServerConfig>,
    /// The version of the response; empty for what is no response.
    pub(super) version: Arc<str>,
    pub(super) at: Instant,
}

/// What watchers are to know.
#[derive(Clone, Debug, Default, PartialEq)]
enum View {
    /// Nothing yet.
    #[default]
    Nothing,
    /// There is no value, for this reason.
    Error(ResourceError),
    /// The value with this number is in use, and may be out of date for this reason.
    Value(u64, Option<ResourceError>),
}

impl Entry {
    /// Returns the state.
    pub(super) fn state(&self) -> ResourceState {
        self.state
    }

    /// Returns the cached resource.
    pub(super) fn cached(&self) -> Option<&Cached> {
        self.cached.as_ref()
    }

    /// Returns the last error of the resource itself.
    pub(super) fn error(&self) -> Option<&RecordedError> {
        self.error.as_ref()
    }

    /// Returns the watchers, and the name as each of them gave it.
    pub(super) fn watchers(&self) -> &BTreeMap<WatchId, Arc<str>> {
        &self.watchers
    }

    /// Returns whether there are watchers.
    pub(super) fn is_watched(&self) -> bool {
        !self.watchers.is_empty()
    }

    /// Adds a watcher, and returns what it is to be notified of.
    pub(super) fn add_watcher(&mut self, watch: WatchId, name: Arc<str>) -> Vec<Update> {
        self.watchers.insert(watch, name);
        if self.view() == View::Nothing {
            // The new watcher does not know an error that is over by now. It must not miss the same
            // error when it comes again.
            self.told = View::Nothing;
        }
        self.current()
    }

    /// Removes a watcher.
    pub(super) fn remove_watcher(&mut self, watch: WatchId) {
        self.watchers.remove(&watch);
    }

    /// Returns whether no server has answered in any way, and a watcher waits for that.
    pub(super) fn is_awaited(&self) -> bool {
        self.state == ResourceState::Requested && self.is_watched()
    }

    /// Handles a valid resource whose bytes and server are those of the cached one.
    pub(super) fn handle_unchanged(&mut self, origin: Origin) {
        if let Some(cached) = &mut self.cached {
            cached.origin = origin;
            self.state = ResourceState::Acked;
            self.error = None;
        }
    }

    /// Handles a valid resource.
    pub(super) fn handle_valid(&mut self, resource: Resource, raw: &Bytes, origin: Origin) {
        self.state = ResourceState::Acked;
        self.error = None;
        // A copy, so that the rest of the message is freed.
        let raw = Bytes::copy_from_slice(raw);
        match &mut self.cached {
            Some(cached) if cached.resource == resource => {
                cached.raw = raw;
                cached.origin = origin;
            }
            _ => {
                self.revision += 1;
                self.cached = Some(Cached {
                    resource,
                    raw,
                    origin,
                });
            }
        }
    }

    /// Handles an error of the resource.
    pub(super) fn handle_error(
        &mut self,
        state: ResourceState,
        error: ResourceErrorKind,
        origin: Origin,
    ) {
        let error = ResourceError::from(error);
        if error.is_data_error() && origin.server.features.fail_on_data_errors {
            self.cached = None;
        }
        self.state = state;
        self.error = Some(RecordedError { error, origin });
    }

    /// Handles that no server can be asked, or with `None` that one answered.
    pub(super) fn set_unreachable(&mut self, why: Option<&Arc<str>>) {
        self.unreachable = why.cloned();
    }

    /// Returns what the watchers are to be notified of since the last time.
    pub(super) fn take_updates(&mut self) -> Vec<Update> {
        let view = self.view();
        let updates = match (&self.told, &view) {
            (_, View::Nothing) => return Vec::new(),
            (told, view) if told == view => return Vec::new(),
            (View::Value(told, _), View::Value(revision, ambient)) if told == revision => {
                vec![Update::Ambient(ambient.clone())]
            }
            _ => self.current(),
        };
        self.told = view;
        updates
    }

    /// Returns all that watchers are to know.
    fn current(&self) -> Vec<Update> {
        match (self.view(), &self.cached) {
            (View::Value(_, ambient), Some(cached)) => {
                let mut updates = vec![Update::Changed(Ok(cached.resource.clone()))];
                if ambient.is_some() {
                    updates.push(Update::Ambient(ambient));
                }
                updates
            }
            (View::Error(error), _) => vec![Update::Changed(Err(error))],
            (View::Nothing | View::Value(..), _) => Vec::new(),
        }
    }

    fn view(&self) -> View {
        let unreachable = self.unreachable.clone().map(ResourceErrorKind::Unreachable);
        let error = match unreachable {
            Some(kind) => Some(kind.into()),
            None => self.error.as_ref().map(|error| error.error.clone()),
        };
        if self.cached.is_some() {
            return View::Value(self.revision, error);
        }
        error.map_or(View::Nothing, View::Error)
    }
}
