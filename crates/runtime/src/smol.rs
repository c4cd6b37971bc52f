//! smol.

use crate::reactor::impl_runtime;

/// smol: its global executor (`SMOL_THREADS` threads), and async-io's reactor.
///
/// There is nothing to start or to hand in: both come to life at their first use.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Smol;

impl Smol {
    /// The runtime.
    pub const fn new() -> Self {
        Self
    }
}

impl_runtime! {
    Smol,
    spawn: |task| ::smol::spawn(task).detach(),
    blocking: ::smol::unblock,
}
