//! The reactor and the tasks of this process.

use std::io;
use std::sync::OnceLock;

use super::driving::Nested;

static NESTED: OnceLock<Nested> = OnceLock::new();

/// Returns the reactor and the tasks of this process, and makes them at the first call.
///
/// # Errors
///
/// When the system has no more descriptors. A later call tries again.
pub(super) fn nested() -> io::Result<&'static Nested> {
    if let Some(nested) = NESTED.get() {
        return Ok(nested);
    }
    let new = Nested::new(handle_ready)?;
    Ok(NESTED.get_or_init(|| new))
}

/// Starts the fallback. `block_on` must not drive the reactor without it.
pub(super) fn start_fallback(nested: &Nested) -> io::Result<()> {
    nested.fallback.start(run_fallback)
}

/// Ends the wait of the thread in the seat.
pub(super) fn notify() {
    if let Some(nested) = NESTED.get() {
        nested.reactor.notify();
    }
}

fn handle_ready() {
    if let Some(nested) = NESTED.get() {
        nested.handle_ready();
    }
}

fn run_fallback() {
    if let Some(nested) = NESTED.get() {
        nested.fallback.run(
            || nested.is_safe(),
            || nested.has_work(),
            || nested.hand_over(),
        );
    }
}
