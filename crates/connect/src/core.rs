//! The parts without I/O: the order of addresses, and the race between them.

// The race sorts by the order.
pub(crate) mod order;

pub(crate) mod race;
