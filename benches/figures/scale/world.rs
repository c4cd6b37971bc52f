//! The service: which backends exist when, and what its DNS server answers.

use std::sync::Arc;
use std::time::Duration;

use trunkline_benches::driver::endpoint;
use trunkline_endpoint::Endpoint;

/// How many backends there are at the beginning.
pub(crate) const BACKENDS: u32 = 1_000;
/// How many backends a step of the rolling restart replaces.
const STEP: u32 = 25;
const STEP_INTERVAL: Duration = Duration::from_secs(15);
/// When the rolling restart begins.
pub(crate) const RESTART: Duration = Duration::from_secs(180);
/// When it ends: the last backend has stopped.
pub(crate) const RESTARTED: Duration = Duration::from_secs(790);
/// For how long a backend serves after it has left DNS.
const GRACE: Duration = Duration::from_secs(10);
/// When as many backends again are started, evenly over a minute.
pub(crate) const DOUBLING: Duration = Duration::from_secs(960);
pub(crate) const DOUBLED: Duration = Duration::from_secs(1_020);
/// New backends enter DNS together in groups of this many.
const GROUP: u32 = 100;
/// The end of the simulation.
pub(crate) const END: Duration = Duration::from_secs(1_200);
/// For how long an answer of DNS is valid.
pub(crate) const TTL: Duration = Duration::from_secs(30);

/// One backend in four has twice the capacity of the others.
pub(crate) fn capacity(backend: u32) -> f64 {
    if backend.is_multiple_of(4) { 2.0 } else { 1.0 }
}

/// The life of one backend.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// When it accepts connections and is in DNS.
    from: Duration,
    /// When it leaves DNS.
    listed_until: Duration,
    /// When it closes its connections and accepts no more.
    until: Duration,
}

/// All backends, by number: the original ones, those that replace them, those that are added.
#[derive(Debug)]
pub(crate) struct World {
    lives: Vec<Life>,
    /// The answers of DNS, with the time from which on each is given.
    answers: Vec<(Duration, Arc<[Endpoint]>)>,
    /// When backends stop.
    stops: Vec<Duration>,
}

impl World {
    pub(crate) fn new() -> Self {
        let never = Duration::MAX;
        let restart = |number: u32| RESTART + STEP_INTERVAL * (number / STEP);
        let original = (0..BACKENDS).map(|number| Life {
            from: Duration::ZERO,
            listed_until: restart(number),
            until: restart(number) + GRACE,
        });
        let replacing = (0..BACKENDS).map(|number| Life {
            from: restart(number),
            listed_until: never,
            until: never,
        });
        let groups = BACKENDS / GROUP;
        let added = (0..BACKENDS).map(|number| Life {
            from: DOUBLING + (DOUBLED - DOUBLING) * (number / GROUP) / groups,
            listed_until: never,
            until: never,
        });
        let lives: Vec<Life> = original.chain(replacing).chain(added).collect();
        let mut changes: Vec<Duration> = lives
            .iter()
            .flat_map(|life| [life.from, life.listed_until])
            .filter(|at| *at < END)
            .collect();
        changes.sort();
        changes.dedup();
        let mut stops: Vec<Duration> = lives.iter().map(|life| life.until).collect();
        stops.retain(|at| *at < END);
        stops.sort();
        stops.dedup();
        let answers = changes.into_iter().map(|at| {
            let is_listed = |life: &Life| life.from <= at && at < life.listed_until;
            let listed = (0..).zip(&lives).filter(|(_, life)| is_listed(life));
            (at, listed.map(|(number, _)| endpoint(number)).collect())
        });
        let answers = answers.collect();
        Self {
            lives,
            answers,
            stops,
        }
    }

    /// Returns how many backends there ever are.
    pub(crate) fn len(&self) -> usize {
        self.lives.len()
    }

    /// Returns whether a backend accepts connections.
    pub(crate) fn is_up(&self, backend: u32, at: Duration) -> bool {
        let life = self.lives[backend as usize];
        life.from <= at && at < life.until
    }

    /// Returns what DNS answers.
    pub(crate) fn answer(&self, at: Duration) -> &Arc<[Endpoint]> {
        let next = self.answers.partition_point(|(from, _)| *from <= at);
        &self.answers[next.saturating_sub(1)].1
    }

    /// Returns when backends stop next, after `at`.
    pub(crate) fn next_stop(&self, at: Duration) -> Option<Duration> {
        let next = self.stops.partition_point(|stop| *stop <= at);
        self.stops.get(next).copied()
    }
}
