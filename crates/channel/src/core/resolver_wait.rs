//! How long the channel waits for its resolver, and for what.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time after which a wait is reported.
const REPORTED_AFTER: Duration = Duration::from_secs(2);

/// The wait for a resolver, from its start to its first resolution, and after that while it names
/// something that it waits for.
///
/// A wait is reported once, when it has lasted [`REPORTED_AFTER`].
#[derive(Debug, Default)]
pub(crate) struct ResolverWait {
    /// What the resolver waits for, in its words; `None` if it names nothing.
    what: Option<Arc<str>>,
    /// When the wait began; `None` while there is none.
    since: Option<Instant>,
    /// True until the resolver returns something: then it is waited for, whether it names something or
    /// not.
    is_first: bool,
    is_reported: bool,
}

/// A wait that is to be reported.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LongWait {
    /// What the resolver waits for, in its words; `None` if it names nothing.
    pub(crate) what: Option<Arc<str>>,
    /// How long it has lasted.
    pub(crate) waited: Duration,
}

impl ResolverWait {
    /// Returns what the resolver waits for, in its words.
    pub(crate) fn what(&self) -> Option<&Arc<str>> {
        self.what.as_ref()
    }

    /// Handles the start of the resolver.
    pub(crate) fn handle_start(&mut self, now: Instant) {
        *self = Self {
            since: Some(now),
            is_first: true,
            ..Self::default()
        };
    }

    /// Handles a resolution, which ends the wait, and the end of the resolver.
    pub(crate) fn handle_end(&mut self) {
        *self = Self::default();
    }

    /// Handles what the resolver waits for at present, in its words. Returns whether that changes.
    pub(crate) fn handle_waiting(&mut self, what: Option<String>, now: Instant) -> bool {
        if what.is_none() && !self.is_first {
            self.since = None;
            self.is_reported = false;
        } else if self.since.is_none() {
            self.since = Some(now);
        }
        if self.what.as_deref() == what.as_deref() {
            return false;
        }
        self.what = what.map(Arc::from);
        true
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let since = self.since.filter(|_| !self.is_reported)?;
        since.checked_add(REPORTED_AFTER)
    }

    /// Returns the wait if it is to be reported now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<LongWait> {
        let since = self.since?;
        if self.poll_timeout().is_none_or(|at| at > now) {
            return None;
        }
        self.is_reported = true;
        Some(LongWait {
            what: self.what.clone(),
            waited: now.saturating_duration_since(since),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
    fn base() -> Instant {
        Instant::now()
    }

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn long(what: Option<&str>, waited: u64) -> Option<LongWait> {
        Some(LongWait {
            what: what.map(Arc::from),
            waited: second(waited),
        })
    }

    /// The first wait begins with the resolver. It is reported once, after 2 s, with what is missing
    /// then, and whether the resolver names that or not.
    #[test]
    fn the_first_wait_is_reported_once() {
        for what in [None, Some("b")] {
            let start = base();
            let mut wait = ResolverWait::default();
            assert_eq!(wait.poll_timeout(), None);
            wait.handle_start(start);
            assert!(wait.handle_waiting(Some("a".to_owned()), start + second(1)));
            assert!(wait.handle_waiting(what.map(str::to_owned), start + second(1)));
            assert_eq!(wait.poll_timeout(), Some(start + second(2)));
            assert_eq!(wait.handle_timeout(start + second(1)), None);
            assert_eq!(wait.handle_timeout(start + second(2)), long(what, 2));
            assert!(wait.handle_waiting(Some("c".to_owned()), start + second(3)));
            assert_eq!(wait.poll_timeout(), None);
            assert_eq!(wait.handle_timeout(start + second(9)), None);
        }
    }

    /// After a resolution there is a wait only while the resolver names something. Each of these waits is
    /// reported.
    #[test]
    fn later_waits_are_those_that_the_resolver_names() {
        let start = base();
        let mut wait = ResolverWait::default();
        wait.handle_start(start);
        wait.handle_end();
        assert!(!wait.handle_waiting(None, start));
        assert_eq!(wait.poll_timeout(), None);
        for at in [10, 20] {
            let start = start + second(at);
            assert!(wait.handle_waiting(Some("a".to_owned()), start));
            assert!(!wait.handle_waiting(Some("a".to_owned()), start + second(1)));
            assert_eq!(wait.poll_timeout(), Some(start + second(2)));
            assert_eq!(wait.handle_timeout(start + second(3)), long(Some("a"), 3));
            assert!(wait.handle_waiting(None, start + second(4)));
            assert_eq!(wait.poll_timeout(), None);
        }
    }
}
