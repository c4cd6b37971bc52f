//! How the ends of calls are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::per_thread::PerThread;
use crate::subchannel::SubchannelId;

/// How many endpoints share one allocation of counters: as many as have room in the cache line that
/// each thread gets.
const GROUP: usize = 8;

/// The calls of one endpoint that ended in an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) successes: u64,
    pub(super) failures: u64,
}

impl Calls {
    pub(super) fn total(self) -> u64 {
        self.successes.saturating_add(self.failures)
    }

    /// Returns the fraction of calls that succeeded. Not a number without calls.
    pub(super) fn success_rate(self) -> f64 {
        self.successes as f64 / self.total() as f64
    }
}

/// Counts the calls of one endpoint. Clones count into the same place.
///
/// It has a place for each thread, so that threads do not wait for each other. To save memory, a few
/// endpoints have their places side by side.
#[derive(Clone, Debug)]
pub(super) struct CallCounter {
    group: Arc<PerThread<[Counts; GROUP]>>,
    /// The place in the group.
    at: usize,
}

/// What one thread has counted for one endpoint since the last [`take`](CallCounter::take).
#[derive(Debug, Default)]
struct Counts {
    successes: AtomicU64,
    failures: AtomicU64,
}

impl CallCounter {
    /// Counts the end of one call: one atomic addition, in a cache line of the current thread.
    pub(super) fn count(&self, is_success: bool) {
        let counts = &self.group.get()[self.at];
        let count = if is_success {
            &counts.successes
        } else {
            &counts.failures
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns whether both count into the same place.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.at == other.at && Arc::ptr_eq(&self.group, &other.group)
    }

    /// Returns what was counted since the last call of this method.
    pub(super) fn take(&self) -> Calls {
        let mut calls = Calls::default();
        for group in self.group.iter() {
            let counts = &group[self.at];
            calls.successes += counts.successes.swap(0, Ordering::Relaxed);
            calls.failures += counts.failures.swap(0, Ordering::Relaxed);
        }
        calls
    }
}

/// Creates counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// The newest counter.
    last: Option<CallCounter>,
}

impl Counters {
    /// Returns a counter that was never used. It is never given away again: a call that was made
    /// before its endpoint was removed may count into it much later.
    pub(super) fn next(&mut self) -> CallCounter {
        let next = match self.last.take() {
            Some(CallCounter { group, at }) if at + 1 < GROUP => CallCounter { group, at: at + 1 },
            _ => CallCounter {
                group: Arc::new(PerThread::new(|_| Default::default())),
                at: 0,
            },
        };
        self.last.insert(next).clone()
    }
}

/// The counter of each subchannel's endpoint, found in constant time. A picker keeps the table of
/// the moment when it was made.
#[derive(Clone, Debug, Default)]
pub(super) struct CallTable {
    /// By the index of the subchannel.
    by_index: Vec<Option<(SubchannelId, CallCounter)>>,
}

impl CallTable {
    /// Sets the counter of a subchannel; `None` if its calls are not counted.
    pub(super) fn set(&mut self, id: SubchannelId, counter: Option<CallCounter>) {
        if self.by_index.len() <= id.index() {
            self.by_index.resize(id.index() + 1, None);
        }
        self.by_index[id.index()] = counter.map(|counter| (id, counter));
    }

    /// Returns the counter of a subchannel, if its calls are counted.
    pub(super) fn get(&self, id: SubchannelId) -> Option<&CallCounter> {
        let (known, counter) = self.by_index.get(id.index())?.as_ref()?;
        (*known == id).then_some(counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A removed subchannel has no counter, also when another one has its index.
    #[test]
    fn an_index_is_used_again() {
        let id = |generation| SubchannelId {
            index: 1,
            generation,
        };
        let mut table = CallTable::default();
        table.set(id(0), Some(Counters::default().next()));
        assert!(table.get(id(0)).is_some());
        table.set(id(1), Some(Counters::default().next()));
        assert!(table.get(id(0)).is_none());
        assert!(table.get(id(1)).is_some());
    }

    /// No call is lost or counted twice, whichever threads count and take at the same time.
    #[test]
    fn threads_count_together() {
        let mut counters = Counters::default();
        let endpoints: Vec<CallCounter> = (0..GROUP + 2).map(|_| counters.next()).collect();
        let mut taken = vec![Calls::default(); endpoints.len()];
        let mut take = || {
            for (total, endpoint) in taken.iter_mut().zip(&endpoints) {
                let calls = endpoint.take();
                total.successes += calls.successes;
                total.failures += calls.failures;
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for call in 0..1000 {
                        for (at, endpoint) in endpoints.iter().enumerate() {
                            endpoint.count(call % (at + 2) == 0);
                        }
                    }
                });
            }
            for _ in 0..100 {
                take();
            }
        });
        take();
        for (at, calls) in taken.iter().enumerate() {
            let successes = 4 * 1000_u64.div_ceil(at as u64 + 2);
            let failures = 4000 - successes;
            assert_eq!(
                *calls,
                Calls {
                    successes,
                    failures
                }
            );
        }
    }
}
