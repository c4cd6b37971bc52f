//! The runtime of async-std.

use crate::reactor::impl_runtime;

/// async-std: its global executor, and async-io's reactor.
///
/// It needs no setup: both start when they are first used.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AsyncStd;

impl AsyncStd {
    /// Returns the runtime.
    pub const fn new() -> Self {
        Self
    }
}

impl_runtime! {
    AsyncStd,
    spawn: |task| drop(::async_std::task::spawn(task)),
    blocking: ::async_std::task::spawn_blocking,
}
