//! The verdicts on one update of a manual resolver.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use trunkline_runtime::Lock;

use crate::Verdict;

/// The verdicts on one resolution that was passed to
/// [`ManualResolver::update`](crate::ManualResolver::update). It may be dropped.
///
/// As a future it is ready when each resolver that was active at the call of `update` has a verdict
/// or was dropped. It returns one item for each of them, in the order in which they were built:
///
/// - the verdict of its channel;
/// - `None`, if the resolver was dropped first, because its channel became idle or was closed.
///
/// So one channel yields one item. If no resolver was active, the list is empty, and ready at once:
/// the resolution waits for the next resolver, and
/// [`with_on_update`](crate::ManualResolver::with_on_update) reports the verdict on it.
#[derive(Debug)]
pub struct ManualUpdate {
    verdicts: Arc<Lock<Verdicts>>,
}

/// The verdicts so far.
#[derive(Debug, Default)]
struct Verdicts {
    /// By resolver; `None` until it has a verdict.
    items: Vec<Option<Verdict>>,
    /// How many resolvers have no verdict yet, and were not dropped.
    pending: usize,
    waker: Option<Waker>,
}

/// The place of one verdict. Dropping it without a verdict means that there will be none.
#[derive(Debug)]
pub(super) struct PendingVerdict {
    verdicts: Arc<Lock<Verdicts>>,
    /// The index of the resolver.
    index: usize,
}

impl ManualUpdate {
    /// Returns a handle without resolvers.
    pub(super) fn new() -> Self {
        Self {
            verdicts: Arc::default(),
        }
    }

    /// Adds a resolver, and returns the place of its verdict.
    pub(super) fn add(&self) -> PendingVerdict {
        let mut verdicts = self.verdicts.lock();
        let index = verdicts.items.len();
        verdicts.items.push(None);
        verdicts.pending += 1;
        drop(verdicts);
        PendingVerdict {
            verdicts: Arc::clone(&self.verdicts),
            index,
        }
    }
}

impl Future for ManualUpdate {
    type Output = Vec<Option<Verdict>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut verdicts = self.verdicts.lock();
        if verdicts.pending == 0 {
            return Poll::Ready(std::mem::take(&mut verdicts.items));
        }
        verdicts.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl PendingVerdict {
    /// Sets the verdict.
    pub(super) fn set(self, verdict: Verdict) {
        // The lock ends before `self` is dropped, which takes it again.
        let mut verdicts = self.verdicts.lock();
        if let Some(item) = verdicts.items.get_mut(self.index) {
            *item = Some(verdict);
        }
        drop(verdicts);
    }
}

impl Drop for PendingVerdict {
    fn drop(&mut self) {
        let mut verdicts = self.verdicts.lock();
        verdicts.pending -= 1;
        let waker = match verdicts.pending {
            0 => verdicts.waker.take(),
            _ => None,
        };
        drop(verdicts);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
