//! The sans-I/O core: the order of addresses, and the race between them.

// From the ground up: the race sorts addresses by the order.
pub(crate) mod order;

pub(crate) mod race;
