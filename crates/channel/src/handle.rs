//! A channel as its clones hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use trunkline_lb::ConnectivityState;
use trunkline_runtime::Lock;
use trunkline_status::Status;

use crate::control::closing::{Closed, shut_down};
use crate::control::event::ControlEvent;
use crate::control::task::ControlTaskParts;
use crate::core::config::ConfigFacts;
use crate::core::inspect::{CoreFacts, SubchannelPage};
use crate::inspect::facts::ChannelFacts;
use crate::inspect::inspection::ChannelLife;
use crate::inspect::options::InspectOptions;
use crate::shared::ChannelShared;

/// A channel as its clones hold it: when the last one is dropped, the control task ends.
pub(crate) struct Handle {
    pub(crate) shared: Arc<ChannelShared>,
    events: Sender<ControlEvent>,
    /// The parts of the control task, until the channel is first used.
    parts: Lock<Option<ControlTaskParts>>,
    stage: AtomicU8,
}

/// The control task was not started yet.
const NOT_STARTED: u8 = 0;
/// The control task was started.
const RUNNING: u8 = 1;
/// The application has closed the channel.
const CLOSED: u8 = 2;

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
            stage: AtomicU8::new(NOT_STARTED),
        }
    }

    /// Starts the control task if it does not run yet.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when the runtime cannot be used on this thread, and `UNAVAILABLE` when the application
    /// has closed the channel.
    pub(crate) fn start(&self) -> Result<(), Status> {
        match self.stage.load(Ordering::Acquire) {
            RUNNING => return Ok(()),
            CLOSED => return Err(shut_down()),
            _ => {}
        }
        self.shared.runtime.attach().map_err(|error| {
            Status::internal(format!(
                "the channel's runtime cannot be used here: {error}"
            ))
        })?;
        let parts = self.parts.lock().take();
        if let Some(parts) = parts {
            self.shared.runtime.spawn(Box::pin(parts.run()));
            // It fails if the application has closed the channel meanwhile.
            let _ = self.stage.compare_exchange(
                NOT_STARTED,
                RUNNING,
                Ordering::AcqRel,
                Ordering::Acquire,
            );
        }
        Ok(())
    }

    /// Returns true once the application has closed the channel.
    pub(crate) fn is_closed(&self) -> bool {
        self.stage.load(Ordering::Acquire) == CLOSED
    }

    /// Closes the channel: new calls fail, and those that have begun may end within `timeout`. Returns
    /// the receiver of the answer; `None` if nothing is left to close.
    pub(crate) fn close(&self, timeout: Duration) -> Option<Receiver<Closed>> {
        self.stage.store(CLOSED, Ordering::Release);
        self.shared.notify();
        let parts = self.parts.lock().take();
        if let Some(mut parts) = parts {
            parts.inbox.close(shut_down());
            return None;
        }
        let deadline = self.shared.runtime.now().checked_add(timeout);
        let (done, closed) = async_channel::bounded(1);
        let event = ControlEvent::Close { deadline, done };
        self.events.try_send(event).ok().map(|()| closed)
    }

    /// Collects what an inspection of the channel shows. Does not start the channel.
    pub(crate) async fn inspect(&self, options: InspectOptions) -> ChannelFacts {
        if let Some(parts) = &*self.parts.lock() {
            let config = Arc::clone(&parts.core.default_config);
            let config = Some(ConfigFacts::from_default(config));
            let core = CoreFacts::without_core(ConnectivityState::Idle, None, config);
            return self.facts_without_task(ChannelLife::NotStarted, core, options);
        }
        let (answer, answered) = async_channel::bounded(1);
        self.send(ControlEvent::Inspect { options, answer });
        if let Ok(facts) = answered.recv().await {
            return facts;
        }
        // The control task has ended.
        let since = self.shared.observers.recent().last_change_of_state();
        let core = CoreFacts::without_core(ConnectivityState::Shutdown, since, None);
        self.facts_without_task(ChannelLife::Closed, core, options)
    }

    /// Returns the facts of a channel whose control task does not run.
    fn facts_without_task(
        &self,
        life: ChannelLife,
        core: CoreFacts,
        options: InspectOptions,
    ) -> ChannelFacts {
        ChannelFacts {
            now: self.shared.runtime.now(),
            life,
            core,
            schedule: None,
            policy: None,
            subchannels: SubchannelPage::empty(),
            events: self.shared.observers.recent().last(options.most_events),
        }
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
