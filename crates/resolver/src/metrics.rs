//! What resolvers report about their work.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crate::ResolveErrorKind;

/// Receives what a resolver reports about its work, for metrics.
///
/// A channel passes one in [`ResolverOptions::metrics`](crate::ResolverOptions::metrics) where it
/// has an observer, and the observer receives each event.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use trunkline_resolver::{LookupOutcome, ResolverEvent, ResolverMetrics};
///
/// /// Counts the lookups that failed.
/// #[derive(Debug, Default)]
/// struct Failures(AtomicU64);
///
/// impl ResolverMetrics for Failures {
///     fn record(&self, event: &ResolverEvent) {
///         if let ResolverEvent::LookupEnded { outcome: LookupOutcome::Failed(_), .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait ResolverMetrics: Debug + Send + Sync {
    /// Handles one event.
    ///
    /// Called while the resolver works, for the resolvers of this crate by the task that polls them;
    /// must not block.
    fn record(&self, event: &ResolverEvent);
}

/// One step in the work of a resolver.
///
/// The schemes `dns` and `srv` report each lookup: its start, and exactly one end. Cached answers
/// count as lookups. An IP literal needs no lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolverEvent {
    /// A lookup started: the first one, a refresh, or a retry.
    LookupStarted {
        /// The name that is looked up, without a port.
        name: Arc<str>,
    },
    /// A lookup ended.
    LookupEnded {
        /// The name that was looked up, without a port.
        name: Arc<str>,
        /// The time since the start of the lookup.
        elapsed: Duration,
        /// What the lookup found.
        outcome: LookupOutcome,
    },
}

/// What a lookup found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupOutcome {
    /// Endpoints, from a complete answer.
    Complete,
    /// Endpoints; a part of the answer could not be looked up.
    Partial,
    /// No endpoints, for a reason of this kind.
    Failed(ResolveErrorKind),
    /// Nothing: the resolver was dropped before the end of the lookup.
    Cancelled,
}
