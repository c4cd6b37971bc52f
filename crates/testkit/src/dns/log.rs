//! The log of the queries.

use std::sync::{Condvar, PoisonError};
use std::time::Duration;

use trunkline_runtime::Lock;
use trunkline_sim::dns::Query;

/// The queries in the order of their arrival, for which a test can wait.
#[derive(Debug, Default)]
pub(super) struct QueryLog {
    queries: Lock<Vec<Query>>,
    /// Is notified of each new query.
    more: Condvar,
}

impl QueryLog {
    pub(super) fn push(&self, query: Query) {
        self.queries.lock().push(query);
        self.more.notify_all();
    }

    pub(super) fn clear(&self) {
        self.queries.lock().clear();
    }

    pub(super) fn queries(&self) -> Vec<Query> {
        self.queries.lock().clone()
    }

    pub(super) fn count(&self, matches: impl Fn(&Query) -> bool) -> usize {
        self.queries
            .lock()
            .iter()
            .filter(|query| matches(query))
            .count()
    }

    /// Waits for `count` matching queries; returns false if fewer arrived within `timeout`.
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
            .wait_timeout_while(self.queries.lock(), timeout, |queries| !enough(queries))
            .unwrap_or_else(PoisonError::into_inner);
        enough(&queries)
    }
}
