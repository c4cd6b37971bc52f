//! The age of a connection.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use trunkline_runtime::Timer;

use super::options::BackendOptions;
use crate::timer::SimTimer;
use crate::world::SharedWorld;

/// What a connection is to do at its age.
#[derive(Clone, Copy, Debug)]
pub(super) enum AgeLimit {
    /// Send GOAWAY, and close when the calls are done.
    Drain,
    /// Close at once.
    Close,
}

/// Counts the age of one connection.
///
/// Source: grpc-go's `keepalive.ServerParameters`, `MaxConnectionAge` and `MaxConnectionAgeGrace`.
pub(super) struct ConnectionAge {
    shared: Arc<SharedWorld>,
    timer: SimTimer,
    /// The limit that is reached next, and the timer's deadline is for.
    next: AgeLimit,
    grace: Option<Duration>,
}

impl ConnectionAge {
    /// Returns the age of a connection that begins now.
    pub(super) fn new(shared: &Arc<SharedWorld>, options: &BackendOptions) -> Self {
        let mut timer = SimTimer::new(shared.clone());
        let age = options.max_connection_age;
        timer.set(age.map(|age| shared.now() + with_jitter(shared, age)));
        Self {
            shared: shared.clone(),
            timer,
            next: AgeLimit::Drain,
            grace: options.max_connection_age_grace,
        }
    }

    /// Returns the next limit once it is reached, each limit once.
    pub(super) fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<AgeLimit> {
        self.timer.poll_fired(cx).map(|()| {
            let grace = match self.next {
                AgeLimit::Drain => self.grace,
                AgeLimit::Close => None,
            };
            self.timer.set(grace.map(|grace| self.shared.now() + grace));
            std::mem::replace(&mut self.next, AgeLimit::Close)
        })
    }
}

/// Returns `age` with up to a tenth added or subtracted, from the seed of the simulation.
fn with_jitter(shared: &SharedWorld, age: Duration) -> Duration {
    let share = shared.with(|world| world.rng.f64());
    age.mul_f64(0.9 + share / 5.0)
}
