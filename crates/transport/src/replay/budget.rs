//! How much memory the requests that may be sent again take up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// The limits of what is kept of requests so that they can be sent again: for each call, and for all
/// calls that share the budget. Cheap to clone.
///
/// A request over a limit is committed: its call goes on, and is not sent again. A message takes up
/// its length and the size of a handle, so an empty one takes up some memory too.
///
/// Source: [gRFC A6, memory management](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#memory-management-buffering).
#[derive(Clone)]
pub struct ReplayBudget(Arc<Limits>);

struct Limits {
    per_call: usize,
    total: usize,
    /// What all calls keep now, in bytes.
    used: AtomicUsize,
}

impl ReplayBudget {
    /// The limit of one call, unless another is set: 256 KiB. gRPC for Go and C++ keep as much.
    pub const DEFAULT_PER_CALL: usize = 256 * 1024;

    /// The limit of all calls together, unless another is set: 16 MiB. gRPC for Java keeps as much.
    pub const DEFAULT_TOTAL: usize = 16 * 1024 * 1024;

    /// Creates a budget of `per_call` bytes for each call and `total` bytes for all of them.
    #[must_use]
    pub fn new(per_call: usize, total: usize) -> Self {
        Self(Arc::new(Limits {
            per_call,
            total,
            used: AtomicUsize::new(0),
        }))
    }

    /// Returns what all calls keep now, in bytes.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Returns a reservation of nothing.
    pub(super) fn reserve_nothing(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            bytes: 0,
        }
    }

    /// Reserves memory for a message; `None` when that exceeds a limit.
    pub(super) fn reserve(&self, data: &Bytes) -> Option<Reservation> {
        let mut reservation = self.reserve_nothing();
        reservation.add(data).then_some(reservation)
    }
}

impl Default for ReplayBudget {
    fn default() -> Self {
        Self::new(Self::DEFAULT_PER_CALL, Self::DEFAULT_TOTAL)
    }
}

impl fmt::Debug for ReplayBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBudget")
            .field("per_call", &self.0.per_call)
            .field("total", &self.0.total)
            .field("used", &self.used())
            .finish()
    }
}

/// The memory that one call takes up in a [`ReplayBudget`]; given back on drop.
#[derive(Debug)]
pub struct Reservation {
    budget: ReplayBudget,
    bytes: usize,
}

impl Reservation {
    /// Adds a message. Returns false when the call, or all calls together, are now over their limit.
    pub(super) fn add(&mut self, data: &Bytes) -> bool {
        let (bytes, limits) = (cost(data), &*self.budget.0);
        self.bytes += bytes;
        let before = limits.used.fetch_add(bytes, Ordering::Relaxed);
        self.bytes <= limits.per_call && before.saturating_add(bytes) <= limits.total
    }

    /// Removes a message that was added.
    pub(super) fn remove(&mut self, data: &Bytes) {
        let bytes = cost(data);
        self.bytes -= bytes;
        self.budget.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Removes everything.
    pub(super) fn clear(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes > 0 {
            self.budget.0.used.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Returns the memory that a message takes up, in bytes.
fn cost(data: &Bytes) -> usize {
    data.len() + size_of::<Bytes>()
}
