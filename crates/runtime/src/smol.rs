//! The runtime of smol.

use async_io::Async;

use crate::reactor::impl_runtime;
use crate::reactor::timer::ReactorTimer;

/// smol: its global executor (`SMOL_THREADS` threads), and async-io's reactor.
///
/// It needs no setup: both start when they are first used.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Smol;

impl Smol {
    /// Returns the runtime.
    pub const fn new() -> Self {
        Self
    }
}

impl_runtime! {
    Smol,
    watch: Async,
    timer: ReactorTimer::boxed,
    spawn: |task| ::smol::spawn(task).detach(),
    blocking: ::smol::unblock,
}
