//! async-std.

use crate::reactor::impl_runtime;

/// async-std: its global executor, and async-io's reactor.
///
/// There is nothing to start or to hand in: both come to life at their first use.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AsyncStd;

impl AsyncStd {
    /// The runtime.
    pub const fn new() -> Self {
        Self
    }
}

impl_runtime! {
    AsyncStd,
    spawn: |task| drop(::async_std::task::spawn(task)),
    blocking: ::async_std::task::spawn_blocking,
}
