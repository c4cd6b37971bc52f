//! The closing of a channel by its application.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use async_channel::Sender;
use event_listener::EventListener;
use trunkline_runtime::Alarm;
use trunkline_status::{Code, Status};

use crate::shared::ChannelShared;

/// How a channel was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closed {
    /// The number of calls that had not ended when the time was over, and were cancelled.
    pub cancelled_calls: u64,
}

/// The closing of a channel: no new call begins, and those that have begun may end.
#[derive(Default)]
pub(crate) struct Closing {
    /// When the calls are cancelled; `None` for never.
    deadline: Option<Instant>,
    /// The requests to close the channel, which are answered at the end.
    requests: Vec<Sender<Closed>>,
    /// Notified of the end of a call.
    ended: Option<EventListener>,
    alarm: Alarm,
    /// `None` until all calls have ended or were cancelled.
    closed: Option<Closed>,
    /// True once the connections were ended with their calls.
    is_cut_off: bool,
}

impl Closing {
    /// Adds a request. The earliest deadline counts.
    pub(crate) fn add(&mut self, deadline: Option<Instant>, request: Sender<Closed>) {
        let is_first = self.requests.is_empty();
        let own = self.deadline.filter(|_| !is_first);
        self.deadline = own.into_iter().chain(deadline).min();
        self.requests.push(request);
    }

    /// Returns true once all calls have ended or were cancelled.
    pub(crate) fn is_drained(&self) -> bool {
        self.closed.is_some()
    }

    /// Waits until all calls have ended, or the deadline has passed. Returns the status of the calls
    /// that are to be cancelled, if there are any.
    pub(crate) fn poll_drained(
        &mut self,
        shared: &ChannelShared,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Status>> {
        loop {
            // Listen first, then look: a call that ends in between is not missed.
            let ended = self.ended.get_or_insert_with(|| shared.open_calls.listen());
            let open = shared.open_calls.counts().open();
            if open == 0 {
                self.closed = Some(Closed::default());
                return Poll::Ready(None);
            }
            if Pin::new(ended).poll(cx).is_ready() {
                self.ended = None;
                continue;
            }
            if self.poll_deadline(shared, cx).is_pending() {
                return Poll::Pending;
            }
            self.closed = Some(Closed {
                cancelled_calls: open,
            });
            self.is_cut_off = true;
            return Poll::Ready(Some(cut_off()));
        }
    }

    /// Waits for the deadline, after all calls have ended. Returns a status for connections that have
    /// not closed by then, once.
    pub(crate) fn poll_late(
        &mut self,
        shared: &ChannelShared,
        cx: &mut Context<'_>,
    ) -> Poll<Status> {
        if self.is_cut_off || self.poll_deadline(shared, cx).is_pending() {
            return Poll::Pending;
        }
        self.is_cut_off = true;
        Poll::Ready(cut_off())
    }

    fn poll_deadline(&mut self, shared: &ChannelShared, cx: &mut Context<'_>) -> Poll<()> {
        let poll = self.alarm.poll(cx, self.deadline, &*shared.runtime);
        poll.map(|_| ())
    }

    /// Answers the requests: nothing is left of the channel.
    pub(crate) fn answer(&mut self) {
        let closed = self.closed.unwrap_or_default();
        for request in self.requests.drain(..) {
            // Each has room for the one answer; the future that waits for it may be gone.
            let _ = request.try_send(closed);
        }
    }
}

/// Returns the status of calls that begin when the channel is closed.
pub(crate) fn shut_down() -> Status {
    Status::unavailable("the channel is shut down: the application closed it")
}

/// Returns the status of calls that are cancelled because the channel is closed.
fn cut_off() -> Status {
    Status::new(
        Code::Cancelled,
        "cut off: the application closed the channel, and the time for calls to end is over",
    )
}
