//! What all clones of a channel, its calls and its control task share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwap, Guard};
use event_listener::{Event as Changed, EventListener};
use http::HeaderValue;
use http::uri::{Authority, Scheme};
use trunkline_runtime::Runtime;
use trunkline_status::Status;
use trunkline_transport::Connection;

use crate::control::task::{Control, Event};
use crate::core::snapshot::Snapshot;

/// What all clones of a channel, its calls and its control task share.
pub(crate) struct Shared {
    /// The target as it was given.
    pub(crate) target: Arc<str>,
    /// The target with its scheme.
    pub(crate) canonical: String,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    pub(crate) user_agent: HeaderValue,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) published: Published,
}

/// What callers see, and how they hear of something new.
pub(crate) struct Published {
    snapshot: ArcSwap<Snapshot<Connection>>,
    changed: Changed,
}

impl Published {
    pub(crate) fn new(first: Snapshot<Connection>) -> Self {
        Self {
            snapshot: ArcSwap::from_pointee(first),
            changed: Changed::new(),
        }
    }
}

impl Shared {
    /// What is so now. Takes no lock.
    pub(crate) fn snapshot(&self) -> Guard<Arc<Snapshot<Connection>>> {
        self.published.snapshot.load()
    }

    /// Lets callers see something new, and wakes those that wait for it.
    pub(crate) fn publish(&self, snapshot: Snapshot<Connection>) {
        self.published.snapshot.store(Arc::new(snapshot));
        self.published.changed.notify(usize::MAX);
    }

    /// Hears of the next [`publish`](Self::publish) from now on.
    pub(crate) fn listen(&self) -> EventListener {
        self.published.changed.listen()
    }
}

/// A channel as its clones hold it: when the last one goes, the control task ends.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    events: async_channel::Sender<Event>,
    /// What becomes the control task when the channel is first used.
    control: std::sync::Mutex<Option<Control>>,
    is_running: AtomicBool,
}

impl Handle {
    pub(crate) fn new(
        shared: Arc<Shared>,
        events: async_channel::Sender<Event>,
        control: Control,
    ) -> Self {
        Self {
            shared,
            events,
            control: std::sync::Mutex::new(Some(control)),
            is_running: AtomicBool::new(false),
        }
    }

    /// Starts the channel, if it does not run yet.
    ///
    /// # Errors
    ///
    /// When there is no runtime here.
    pub(crate) fn start(&self) -> Result<(), Status> {
        if self.is_running.load(Ordering::Acquire) {
            return Ok(());
        }
        self.shared.runtime.attach().map_err(|error| {
            Status::internal(format!(
                "the channel's runtime cannot be used here: {error}"
            ))
        })?;
        let control = self
            .control
            .lock()
            .map_or(None, |mut control| control.take());
        if let Some(control) = control {
            self.shared.runtime.spawn(Box::pin(control.run()));
            self.is_running.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Tells the control task of something.
    pub(crate) fn send(&self, event: Event) {
        // Unbounded; closed only when the control task is gone, and then nobody need know.
        let _ = self.events.try_send(event);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.send(Event::Shutdown);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("target", &self.shared.target)
            .field("state", &self.shared.snapshot().state)
            .finish_non_exhaustive()
    }
}
