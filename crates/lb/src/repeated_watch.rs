//! A watch that starts again when it ends.

use std::time::Instant;

use bytes::Bytes;
use trunkline_backoff::{Backoff, BackoffPolicy};
use trunkline_status::{Code, Status};

use crate::control::Control;
use crate::subchannel::SubchannelId;
use crate::watch::{Watch, WatchEvent, WatchId};

/// Runs one [`Watch`] over one connection, and starts it again when it ends.
///
/// It does so after a back-off, which counts from the start of the call that ended, as for
/// connections. A call that brought a message resets the back-off. So a call that lasted is replaced
/// at once, and a server that ends each call after one message is asked about once a second. A
/// server without the method (`UNIMPLEMENTED`) is not asked again on this connection.
///
/// When the connection is lost, the owner drops this: the watch ends with the connection.
///
/// Source: [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md),
/// [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md).
#[derive(Debug)]
pub(crate) struct RepeatedWatch {
    id: SubchannelId,
    call: Watch,
    backoff: Backoff,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The call runs.
    Watching {
        watch: WatchId,
        started: Instant,
        /// When the next call may start if this one ends.
        retry_at: Instant,
        /// True once the call has brought a message.
        has_message: bool,
    },
    /// The next call starts at this time.
    Waiting { until: Instant },
    /// The next call starts when the policy settles.
    Due,
    /// The server does not have the method: there is no further call.
    Unimplemented,
}

/// What an event means for the owner of a [`RepeatedWatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A message came. The owner decodes it, and calls
    /// [`accept_message`](RepeatedWatch::accept_message) or
    /// [`reject_message`](RepeatedWatch::reject_message).
    Message(Bytes),
    /// The call ended, and the next one has started.
    Restarted,
    /// The call ended with this status, and the next one starts after a back-off.
    Failed(Status),
    /// The call ended with this status, and there is no further one.
    Unimplemented(Status),
}

impl RepeatedWatch {
    /// Starts the call over a ready subchannel. `seed` is for the jitter of the back-off.
    pub(crate) fn start(
        id: SubchannelId,
        call: Watch,
        seed: u64,
        control: &mut Control<'_>,
    ) -> Self {
        let mut started = Self {
            id,
            call,
            backoff: Backoff::new(BackoffPolicy::default(), seed),
            stage: Stage::Due,
        };
        started.watch(control);
        started
    }

    /// Ends the call.
    pub(crate) fn stop(self, control: &mut Control<'_>) {
        if let Stage::Watching { watch, .. } = self.stage {
            control.unwatch(watch);
        }
    }

    /// Replaces the call by another one: at once if one runs, else when the next one starts.
    pub(crate) fn replace_call(&mut self, call: Watch, control: &mut Control<'_>) {
        self.call = call;
        if let Stage::Watching { watch, .. } = self.stage {
            control.unwatch(watch);
            self.backoff.reset();
            self.watch(control);
        }
    }

    /// Returns the subchannel.
    pub(crate) fn id(&self) -> SubchannelId {
        self.id
    }

    /// Returns true if `watch` is the call that runs.
    pub(crate) fn owns(&self, watch: WatchId) -> bool {
        matches!(self.stage, Stage::Watching { watch: own, .. } if own == watch)
    }

    /// Handles an event of a watch. Returns `None` if it is another one.
    pub(crate) fn handle_watch(
        &mut self,
        watch: WatchId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) -> Option<Progress> {
        if !self.owns(watch) {
            return None;
        }
        Some(match event {
            WatchEvent::Message(message) => Progress::Message(message),
            WatchEvent::Ended(status) if status.code() == Code::Unimplemented => {
                self.stage = Stage::Unimplemented;
                Progress::Unimplemented(status)
            }
            WatchEvent::Ended(status) => self.end(status, control),
        })
    }

    /// Handles a message that the owner could decode: the first one of a call resets the back-off.
    pub(crate) fn accept_message(&mut self) {
        if let Stage::Watching {
            started,
            retry_at,
            has_message,
            ..
        } = &mut self.stage
            && !std::mem::replace(has_message, true)
        {
            self.backoff.reset();
            *retry_at = self.backoff.next_attempt(*started);
        }
    }

    /// Ends the call because its message cannot be decoded: `why` names it.
    pub(crate) fn reject_message(
        &mut self,
        why: &'static str,
        control: &mut Control<'_>,
    ) -> Progress {
        if let Stage::Watching { watch, .. } = self.stage {
            control.unwatch(watch);
        }
        self.end(Status::internal(why), control)
    }

    /// Starts the next call if its time has come. Returns true if it has started.
    pub(crate) fn handle_timeout(&mut self, control: &mut Control<'_>) -> bool {
        let is_due = matches!(self.stage, Stage::Waiting { until } if until <= control.now());
        if is_due {
            self.watch(control);
        }
        is_due
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Waiting { until } => Some(until),
            _ => None,
        }
    }

    /// Ends the back-off: the next call starts at [`settle`](Self::settle).
    pub(crate) fn reset_backoff(&mut self) {
        self.backoff.reset();
        if let Stage::Waiting { .. } = self.stage {
            self.stage = Stage::Due;
        }
    }

    /// Starts the next call if its back-off was ended. Returns true if it has started.
    pub(crate) fn settle(&mut self, control: &mut Control<'_>) -> bool {
        let is_due = matches!(self.stage, Stage::Due);
        if is_due {
            self.watch(control);
        }
        is_due
    }

    /// Handles the end of the call: starts the next one, or waits until it may start.
    fn end(&mut self, status: Status, control: &mut Control<'_>) -> Progress {
        if let Stage::Watching {
            retry_at,
            has_message,
            ..
        } = self.stage
            && (!has_message || retry_at > control.now())
        {
            self.stage = Stage::Waiting { until: retry_at };
            return Progress::Failed(status);
        }
        self.watch(control);
        Progress::Restarted
    }

    fn watch(&mut self, control: &mut Control<'_>) {
        let started = control.now();
        self.stage = Stage::Watching {
            watch: control.watch(self.id, self.call.clone()),
            started,
            retry_at: self.backoff.next_attempt(started),
            has_message: false,
        };
    }
}
