//! The control path: one task a channel, and one for each connection attempt.

pub(crate) mod attempt;
pub(crate) mod task;
