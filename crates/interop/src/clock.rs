//! Waiting for what other processes do.

use std::thread;
use std::time::{Duration, Instant};

use crate::wrong::Wrong;

/// How often what is waited for is looked at.
const TICK: Duration = Duration::from_millis(10);

/// What is waited for takes a few seconds at most; later it does not come any more.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The time.
#[expect(
    clippy::disallowed_methods,
    reason = "this program times real processes, and nobody hands it a time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until it is so, and tells how long that took; wrong after [`LIMIT`].
pub(crate) fn until(
    what: &str,
    mut holds: impl FnMut() -> Result<bool, Wrong>,
) -> Result<Duration, Wrong> {
    let start = now();
    while !holds()? {
        if now() - start > LIMIT {
            return Err(format!("waited {} s in vain: {what}", LIMIT.as_secs()).into());
        }
        // An early wake-up does no harm.
        thread::park_timeout(TICK);
    }
    Ok(now() - start)
}
