//! The health check over one connection.

use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::{Backoff, BackoffPolicy};
use trunkline_status::{Code, Status};

use super::protocol::{read_response, watch_call};
use crate::control::Control;
use crate::health::{Health, ServingStatus};
use crate::subchannel::SubchannelId;
use crate::watch::{WatchEvent, WatchId};

/// Checks the health of the backend at the other end of one connection.
///
/// It runs `grpc.health.v1.Health/Watch` over the subchannel, and starts it again when it ends:
/// after a back-off, which counts from the start of the call that ended, as for connections. A call
/// that brought a message resets the back-off. So a call that lasted is replaced at once, and a
/// server that ends each call after one message is asked about once a second.
///
/// It belongs to one connection. When that is lost, the owner drops it: the watch ends with the
/// connection.
///
/// Source: [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md).
#[derive(Debug)]
pub(crate) struct HealthChecker {
    id: SubchannelId,
    /// The service that is asked for; empty for the server as a whole.
    service: Arc<str>,
    backoff: Backoff,
    stage: Stage,
    health: Health,
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
    /// The backend has no health service: there is no further call.
    Unchecked,
}

impl HealthChecker {
    /// Starts the health check over a ready subchannel. `seed` is for the jitter of the back-off.
    pub(crate) fn start(
        id: SubchannelId,
        service: Arc<str>,
        seed: u64,
        control: &mut Control<'_>,
    ) -> Self {
        let mut checker = Self {
            id,
            service,
            backoff: Backoff::new(BackoffPolicy::default(), seed),
            stage: Stage::Due,
            health: Health::Checking,
        };
        checker.watch(control);
        checker.report(control);
        checker
    }

    /// Ends the health check.
    pub(crate) fn stop(self, control: &mut Control<'_>) {
        if let Stage::Watching { watch, .. } = self.stage {
            control.unwatch(watch);
        }
    }

    /// Returns the service that is asked for.
    pub(crate) fn service(&self) -> &Arc<str> {
        &self.service
    }

    /// Returns what is known of the backend.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// Returns true if calls may be sent to the backend.
    pub(crate) fn is_healthy(&self) -> bool {
        matches!(self.health, Health::Healthy | Health::Unchecked(_))
    }

    /// Handles an event of a watch. Returns true if the health has changed.
    pub(crate) fn handle_watch(
        &mut self,
        watch: WatchId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) -> bool {
        let Stage::Watching {
            watch: own,
            started,
            retry_at,
            has_message,
        } = &mut self.stage
        else {
            return false;
        };
        if *own != watch {
            return false;
        }
        match event {
            WatchEvent::Message(message) => {
                let Some(status) = read_response(&message) else {
                    control.unwatch(watch);
                    let text = "the response of the health check cannot be decoded";
                    return self.end(Status::internal(text), control);
                };
                if !std::mem::replace(has_message, true) {
                    self.backoff.reset();
                    *retry_at = self.backoff.next_attempt(*started);
                }
                let health = match status {
                    ServingStatus::Serving => Health::Healthy,
                    other => Health::Unhealthy(other),
                };
                self.change(health, control)
            }
            WatchEvent::Ended(status) if status.code() == Code::Unimplemented => {
                self.stage = Stage::Unchecked;
                self.change(Health::Unchecked(status), control)
            }
            WatchEvent::Ended(status) => self.end(status, control),
        }
    }

    /// Starts the next call if its time has come. Returns true if the health has changed.
    pub(crate) fn handle_timeout(&mut self, control: &mut Control<'_>) -> bool {
        match self.stage {
            Stage::Waiting { until } if until <= control.now() => self.restart(control),
            _ => false,
        }
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

    /// Starts the next call if its back-off was ended. Returns true if the health has changed.
    pub(crate) fn settle(&mut self, control: &mut Control<'_>) -> bool {
        match self.stage {
            Stage::Due => self.restart(control),
            _ => false,
        }
    }

    /// Handles the end of the call: starts the next one, or waits until it may start.
    fn end(&mut self, status: Status, control: &mut Control<'_>) -> bool {
        let Stage::Watching {
            retry_at,
            has_message,
            ..
        } = self.stage
        else {
            return false;
        };
        if has_message && retry_at <= control.now() {
            return self.restart(control);
        }
        self.stage = Stage::Waiting { until: retry_at };
        self.change(Health::Failed(status), control)
    }

    fn restart(&mut self, control: &mut Control<'_>) -> bool {
        self.watch(control);
        self.change(Health::Checking, control)
    }

    fn watch(&mut self, control: &mut Control<'_>) {
        let started = control.now();
        self.stage = Stage::Watching {
            watch: control.watch(self.id, watch_call(&self.service)),
            started,
            retry_at: self.backoff.next_attempt(started),
            has_message: false,
        };
    }

    fn change(&mut self, health: Health, control: &mut Control<'_>) -> bool {
        if self.health == health {
            return false;
        }
        self.health = health;
        self.report(control);
        true
    }

    fn report(&self, control: &mut Control<'_>) {
        control.report_health(self.id, Arc::clone(&self.service), self.health.clone());
    }
}
