//! The checks, a file each.

// Shared by the checks.
mod calls;
mod on_each;
mod stage;

pub(crate) mod keepalive;
pub(crate) mod lookups;
pub(crate) mod names;
pub(crate) mod shares;
pub(crate) mod steady;
pub(crate) mod stop;
pub(crate) mod zone;

pub(crate) use self::stage::Stage;
