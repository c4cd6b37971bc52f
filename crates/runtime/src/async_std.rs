//! The runtime of async-std.

#[cfg(not(target_os = "linux"))]
use async_io::Async as Watched;

#[cfg(target_os = "linux")]
use crate::nested::{self, Watched};
use crate::reactor::impl_runtime;
#[cfg(not(target_os = "linux"))]
use crate::reactor::timer::ReactorTimer;

/// async-std: its global executor, and async-io's reactor.
///
/// It needs no setup: both start when they are first used.
///
/// On Linux, its sockets belong to a reactor of their own, which is nested in async-io's. Where
/// [`block_on`](crate::block_on) runs, it drives that reactor, and the tasks that this runtime spawned.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct AsyncStd;

impl AsyncStd {
    /// Returns the runtime.
    pub const fn new() -> Self {
        Self
    }
}

#[cfg(target_os = "linux")]
impl_runtime! {
    AsyncStd,
    watch: Watched,
    timer: nested::timer,
    spawn: nested::spawn,
    spawn_driver: nested::spawn_driver,
    blocking: ::async_std::task::spawn_blocking,
}

#[cfg(not(target_os = "linux"))]
impl_runtime! {
    AsyncStd,
    watch: Watched,
    timer: ReactorTimer::boxed,
    spawn: |task| drop(::async_std::task::spawn(task)),
    blocking: ::async_std::task::spawn_blocking,
}
