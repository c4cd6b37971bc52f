//! The sans-I/O core: the order of addresses, and the race between them.

// From the ground up: `race` uses `order`, to sort its addresses.
pub(crate) mod order;

pub(crate) mod race;
