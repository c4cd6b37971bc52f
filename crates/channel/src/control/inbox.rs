//! The event queue of the control task.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_channel::Receiver;
use futures_core::Stream;
use trunkline_service_config::ServiceConfig;
use trunkline_status::{Code, Status};

use crate::control::event::ControlEvent;
use crate::core::snapshot::Snapshot;
use crate::shared::ChannelShared;

/// The event queue of the control task.
///
/// Dropping it closes the channel: it publishes the final snapshot, and drops the queued events. A
/// queued event may hold a connection, and the task that polls this connection holds a sender,
/// which keeps the queue. If the events stayed in the queue, neither the connection nor its task
/// would ever be freed.
pub(crate) struct Inbox {
    shared: Arc<ChannelShared>,
    events: Pin<Box<Receiver<ControlEvent>>>,
    /// True once the last handle of the channel was dropped.
    is_closing: bool,
}

impl Inbox {
    pub(crate) fn new(shared: Arc<ChannelShared>, events: Receiver<ControlEvent>) -> Self {
        Self {
            shared,
            events: Box::pin(events),
            is_closing: false,
        }
    }

    /// Returns the next event; `None` when the channel is to be closed.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ControlEvent>> {
        let event = ready!(self.events.as_mut().poll_next(cx));
        let event = event.filter(|event| !matches!(event, ControlEvent::Shutdown));
        self.is_closing = event.is_none();
        Poll::Ready(event)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let status = if self.is_closing {
            Status::new(Code::Cancelled, "the channel is closed")
        } else {
            // Without this, calls would wait for the next snapshot without end.
            Status::internal(
                "the channel's control task ended early: its runtime was shut down, or a resolver, \
                 a policy or an observer panicked",
            )
        };
        let selector = Arc::<ServiceConfig>::default();
        self.shared.publish(Snapshot::shut_down(status, selector));
        self.events.close();
        while self.events.try_recv().is_ok() {}
    }
}
