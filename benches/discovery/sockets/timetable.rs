//! How long, and how often, the clients are watched.

use std::time::Duration;

pub(super) struct Timetable {
    /// How long a client works before the change, at least. The clients have resolved more than once if they ever do.
    pub(super) warm: Duration,
    /// How much later the change is with each round, so that it comes at any moment between two resolutions.
    pub(super) step: Duration,
    pub(super) rounds: u32,
    /// How long a client is watched after the change.
    pub(super) watch: Duration,
    /// A client whose last call is this long before the end of the watch does not work. `None` in a watch so short that a busy machine
    /// can pause for most of it.
    pub(super) pause: Option<Duration>,
    pub(super) ttl_secs: u32,
    /// The calls of a client in a second.
    pub(super) rate: u32,
}

pub(super) const WHOLE: Timetable = Timetable {
    warm: Duration::from_secs(40),
    step: Duration::from_millis(7_500),
    rounds: 4,
    watch: Duration::from_secs(60),
    pause: Some(Duration::from_secs(30)),
    ttl_secs: 5,
    rate: 20,
};

/// It only shows that everything works.
pub(super) const QUICK: Timetable = Timetable {
    warm: Duration::from_secs(1),
    step: Duration::ZERO,
    rounds: 1,
    watch: Duration::from_secs(4),
    pause: None,
    ttl_secs: 1,
    rate: 20,
};
