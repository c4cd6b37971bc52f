//! The event queue of the control task.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_channel::Receiver;
use futures_core::Stream;
use trunkline_service_config::ServiceConfig;
use trunkline_status::Status;

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
    /// True once the channel was closed in good order.
    is_closed: bool,
}

impl Inbox {
    pub(crate) fn new(shared: Arc<ChannelShared>, events: Receiver<ControlEvent>) -> Self {
        Self {
            shared,
            events: Box::pin(events),
            is_closed: false,
        }
    }

    /// Returns the next event.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<ControlEvent> {
        let event = ready!(self.events.as_mut().poll_next(cx));
        // The control task holds a sender, so the queue does not end.
        Poll::Ready(event.unwrap_or(ControlEvent::Shutdown))
    }

    /// Closes the channel in good order: calls fail with `status` from now on.
    pub(crate) fn close(&mut self, status: Status) {
        self.is_closed = true;
        let selector = Arc::<ServiceConfig>::default();
        let last = self.shared.snapshot().connections.clone();
        self.shared.publish(Snapshot::shut_down(status, selector));
        // The calls that wait for a free stream wait for no snapshot.
        for ready in last.subchannels() {
            ready.oldest().connection.line().wake_all();
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        if !self.is_closed {
            // Without this, calls would wait for the next snapshot without end.
            self.close(Status::internal(
                "the channel's control task ended early: its runtime was shut down (a channel works \
                 in one runtime only), or the task panicked: in a resolver, a policy or an observer",
            ));
        }
        self.events.close();
        while self.events.try_recv().is_ok() {}
    }
}
