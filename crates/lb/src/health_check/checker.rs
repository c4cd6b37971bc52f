//! The health check over one connection.

use std::sync::Arc;
use std::time::Instant;

use super::protocol::{read_response, watch_call};
use crate::control::Control;
use crate::health::{Health, ServingStatus};
use crate::repeated_watch::{Progress, RepeatedWatch};
use crate::subchannel::SubchannelId;
use crate::watch::{WatchEvent, WatchId};

/// Checks the health of the backend at the other end of one connection.
///
/// It runs `grpc.health.v1.Health/Watch` over the subchannel, and starts it again when it ends, with
/// back-off ([`RepeatedWatch`]).
///
/// It belongs to one connection. When that is lost, the owner drops it: the watch ends with the
/// connection.
///
/// Source: [gRFC A17](https://github.com/grpc/proposal/blob/master/A17-client-side-health-checking.md).
#[derive(Debug)]
pub(crate) struct HealthChecker {
    /// The service that is asked for; empty for the server as a whole.
    service: Arc<str>,
    call: RepeatedWatch,
    health: Health,
}

impl HealthChecker {
    /// Starts the health check over a ready subchannel. `seed` is for the jitter of the back-off.
    pub(crate) fn start(
        id: SubchannelId,
        service: Arc<str>,
        seed: u64,
        control: &mut Control<'_>,
    ) -> Self {
        let call = RepeatedWatch::start(id, watch_call(&service), seed, control);
        let checker = Self {
            service,
            call,
            health: Health::Checking,
        };
        checker.report(control);
        checker
    }

    /// Ends the health check.
    pub(crate) fn stop(self, control: &mut Control<'_>) {
        self.call.stop(control);
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
        let progress = self.call.handle_watch(watch, event, control);
        progress.is_some_and(|progress| self.handle_progress(progress, control))
    }

    fn handle_progress(&mut self, progress: Progress, control: &mut Control<'_>) -> bool {
        let health = match progress {
            Progress::Message(message) => match read_response(&message) {
                Some(status) => {
                    self.call.accept_message();
                    match status {
                        ServingStatus::Serving => Health::Healthy,
                        other => Health::Unhealthy(other),
                    }
                }
                None => {
                    let why = "the response of the health check cannot be decoded";
                    let progress = self.call.reject_message(why, control);
                    return self.handle_progress(progress, control);
                }
            },
            Progress::Restarted => Health::Checking,
            Progress::Failed(status) => Health::Failed(status),
            Progress::Unimplemented(status) => Health::Unchecked(status),
        };
        self.change(health, control)
    }

    /// Starts the next call if its time has come. Returns true if the health has changed.
    pub(crate) fn handle_timeout(&mut self, control: &mut Control<'_>) -> bool {
        self.call.handle_timeout(control) && self.change(Health::Checking, control)
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.call.poll_timeout()
    }

    /// Ends the back-off: the next call starts at [`settle`](Self::settle).
    pub(crate) fn reset_backoff(&mut self) {
        self.call.reset_backoff();
    }

    /// Starts the next call if its back-off was ended. Returns true if the health has changed.
    pub(crate) fn settle(&mut self, control: &mut Control<'_>) -> bool {
        self.call.settle(control) && self.change(Health::Checking, control)
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
        control.report_health(
            self.call.id(),
            Arc::clone(&self.service),
            self.health.clone(),
        );
    }
}
