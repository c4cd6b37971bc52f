//! What the server was asked so far.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use trunkline_sim::dns::Query;

/// The queries in the order of their arrival, and a way to wait for more.
#[derive(Debug, Default)]
pub(super) struct Log {
    queries: Mutex<Vec<Query>>,
    more: Condvar,
}

impl Log {
    pub(super) fn push(&self, query: Query) {
        self.lock().push(query);
        self.more.notify_all();
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn queries(&self) -> Vec<Query> {
        self.lock().clone()
    }

    pub(super) fn count(&self, matches: impl Fn(&Query) -> bool) -> usize {
        self.lock().iter().filter(|query| matches(query)).count()
    }

    /// Whether `count` queries that match came before `timeout` ran out.
    pub(super) fn wait(
        &self,
        count: usize,
        timeout: Duration,
        matches: impl Fn(&Query) -> bool,
    ) -> bool {
        let enough =
            |queries: &[Query]| queries.iter().filter(|query| matches(query)).count() >= count;
        let (queries, _) = self
            .more
            .wait_timeout_while(self.lock(), timeout, |queries| !enough(queries))
            .unwrap_or_else(PoisonError::into_inner);
        enough(&queries)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Query>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
