//! The size of a measurement.

/// The size of a measurement: the number of rounds, of lookups per round, and of those in flight.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rounds: usize,
    pub(crate) lookups: usize,
    pub(crate) in_flight: usize,
}

impl Size {
    pub(crate) const WHOLE: Self = Self {
        rounds: 7,
        lookups: 10_000,
        in_flight: 64,
    };
    pub(crate) const SHORT: Self = Self {
        rounds: 1,
        lookups: 200,
        in_flight: 64,
    };
}
