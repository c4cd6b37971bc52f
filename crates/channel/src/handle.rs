//! A channel as its clones hold it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_channel::Sender;
use trunkline_runtime::Lock;
use trunkline_status::Status;

use crate::control::event::ControlEvent;
use crate::control::task::ControlTaskParts;
use crate::shared::ChannelShared;

/// A channel as its clones hold it: when the last one is dropped, the control task ends.
pub(crate) struct Handle {
    pub(crate) shared: Arc<ChannelShared>,
    events: Sender<ControlEvent>,
    /// The parts of the control task, until the channel is first used.
    parts: Lock<Option<ControlTaskParts>>,
    is_running: AtomicBool,
}

impl Handle {
    pub(crate) fn new(
        shared: Arc<ChannelShared>,
        events: Sender<ControlEvent>,
        parts: ControlTaskParts,
    ) -> Self {
        Self {
            shared,
            events,
            parts: Lock::new(Some(parts)),
            is_running: AtomicBool::new(false),
        }
    }

    /// Starts the control task if it does not run yet.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when the runtime cannot be used on this thread.
    pub(crate) fn start(&self) -> Result<(), Status> {
        if self.is_running.load(Ordering::Acquire) {
            return Ok(());
        }
        self.shared.runtime.attach().map_err(|error| {
            Status::internal(format!(
                "the channel's runtime cannot be used here: {error}"
            ))
        })?;
        let parts = self.parts.lock().take();
        if let Some(parts) = parts {
            self.shared.runtime.spawn(Box::pin(parts.run()));
            self.is_running.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Sends an event to the control task.
    pub(crate) fn send(&self, event: ControlEvent) {
        // The queue is unbounded. It is closed only when the control task has ended, and then no
        // event matters.
        let _ = self.events.try_send(event);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.send(ControlEvent::Shutdown);
    }
}

/// Prints as `Channel`: the public `Channel` derives its `Debug` from this, and a handle is not
/// visible to users.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("target", &self.shared.target)
            .field("state", &self.shared.snapshot().state)
            .field("runtime", &self.shared.runtime)
            .finish_non_exhaustive()
    }
}
