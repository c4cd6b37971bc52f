//! The health of the selected subchannel, in place of its connection.

use std::sync::Arc;

use trunkline_status::Status;

use super::state::{Phase, PickFirst};
use crate::connectivity::ConnectivityState;
use crate::control::Control;
use crate::errors::with_note;
use crate::health::Health;
use crate::health_check::HealthChecker;
use crate::picker::Pick;
use crate::subchannel::SubchannelId;

impl PickFirst {
    /// Starts the health check over a ready subchannel, if health is checked.
    pub(super) fn start_health_check(
        &mut self,
        id: SubchannelId,
        control: &mut Control<'_>,
    ) -> Option<Box<HealthChecker>> {
        let service = Arc::clone(self.health_service.as_ref()?);
        let seed = self.rng.next_seed();
        let health = HealthChecker::start(id, service, seed, control);
        Some(Box::new(health))
    }

    /// Makes the health check over the selected subchannel ask for the service in force, and
    /// publishes the change. Does nothing if it does so already.
    pub(super) fn refresh_health_check(&mut self, control: &mut Control<'_>) {
        let Phase::Ready {
            selected, health, ..
        } = &mut self.phase
        else {
            return;
        };
        if health.as_deref().map(HealthChecker::service) == self.health_service.as_ref() {
            return;
        }
        let selected = *selected;
        if let Some(old) = health.take() {
            old.stop(control);
        }
        let Some(id) = self.list.id(selected) else {
            return;
        };
        let started = self.start_health_check(id, control);
        if let Phase::Ready { health, .. } = &mut self.phase {
            *health = started;
        }
        self.publish_selected(control);
    }

    /// Hands an event to the health check, if it runs, and publishes the health if that has changed.
    /// `event` returns true if it has.
    pub(super) fn handle_health(
        &mut self,
        control: &mut Control<'_>,
        event: impl FnOnce(&mut HealthChecker, &mut Control<'_>) -> bool,
    ) {
        if let Phase::Ready {
            health: Some(health),
            ..
        } = &mut self.phase
            && event(health, control)
        {
            self.publish_selected(control);
        }
    }

    /// Publishes the state of the selected subchannel: `READY`, or what its health makes of it.
    pub(super) fn publish_selected(&mut self, control: &mut Control<'_>) {
        let Phase::Ready {
            selected, health, ..
        } = &self.phase
        else {
            return;
        };
        let health = health.as_deref().map(HealthChecker::health);
        let why = match health {
            _ if self.is_ejected(*selected) => {
                "ejected: too many of its calls failed, compared with other backends".to_owned()
            }
            None | Some(Health::Healthy | Health::Unchecked(_)) => {
                let Some(id) = self.list.id(*selected) else {
                    return;
                };
                return self.publish(ConnectivityState::Ready, Pick::Subchannel(id), control);
            }
            Some(Health::Checking) => {
                return self.publish(ConnectivityState::Connecting, Pick::Queue, control);
            }
            Some(health @ (Health::Unhealthy(_) | Health::Failed(_))) => health.to_string(),
        };
        let address = self.list.address(*selected);
        let text = format!("{address} is connected, but {why}");
        let text = with_note(text, self.failures.resolution_note());
        let failure = Pick::Fail(Status::unavailable(text));
        self.publish(ConnectivityState::TransientFailure, failure, control);
    }
}
