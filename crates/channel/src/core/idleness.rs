//! When a channel that no call uses enters idleness.

use std::time::{Duration, Instant};

/// How many times per idle timeout the calls are looked at. The channel enters idleness up to this
/// part of the timeout late.
const LOOKS: u32 = 8;

/// The shortest time between two looks at the calls, and the shortest timeout.
const SHORTEST: Duration = Duration::from_millis(1);

/// The calls of a channel so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallCounts {
    pub(crate) begun: u64,
    pub(crate) ended: u64,
}

impl CallCounts {
    /// Returns the number of calls that have begun and not ended.
    pub(crate) fn open(self) -> u64 {
        self.begun.saturating_sub(self.ended)
    }
}

/// Decides when a channel that no call uses enters idleness.
///
/// A call reports nothing. After [`poll_timeout`](Self::poll_timeout) call
/// [`handle_timeout`](Self::handle_timeout), and then [`handle_calls`](Self::handle_calls) with the
/// number of calls so far.
///
/// Source: [gRFC A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md).
#[derive(Debug)]
pub(crate) struct Idleness {
    /// At least [`SHORTEST`]; `None` if the channel never enters idleness by itself.
    timeout: Option<Duration>,
    /// When the channel was last known to be in use.
    used: Option<Instant>,
    /// The number of calls that had ended at the last look.
    ended: u64,
    /// The time of the next look; `None` while the channel is idle.
    next: Option<Instant>,
}

impl Idleness {
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout: timeout.map(|timeout| timeout.max(SHORTEST)),
            used: None,
            ended: 0,
            next: None,
        }
    }

    /// Returns when the calls are to be looked at.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Handles a use of the channel: a call that waits for it to leave idleness, or a request of the
    /// application to connect.
    pub(crate) fn handle_use(&mut self, now: Instant) {
        self.used = Some(now);
        self.plan(now);
    }

    /// Handles the channel's idleness: nothing is looked at until the next use.
    pub(crate) fn handle_idle(&mut self) {
        self.used = None;
        self.next = None;
    }

    /// Returns whether the calls are to be looked at now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> bool {
        self.next.take_if(|at| *at <= now).is_some()
    }

    /// Handles the number of calls so far. Returns true when the channel is to enter idleness.
    pub(crate) fn handle_calls(&mut self, calls: CallCounts, now: Instant) -> bool {
        let has_ended = std::mem::replace(&mut self.ended, calls.ended) != calls.ended;
        if has_ended || calls.open() > 0 {
            self.used = Some(now);
        }
        self.plan(now);
        self.due().is_some_and(|due| due <= now)
    }

    /// Returns when the channel is to enter idleness if nothing uses it before.
    fn due(&self) -> Option<Instant> {
        self.used?.checked_add(self.timeout?)
    }

    /// Sets the time of the next look.
    fn plan(&mut self, now: Instant) {
        let interval = |timeout: Duration| (timeout / LOOKS).max(SHORTEST);
        let next = self.timeout.and_then(|own| now.checked_add(interval(own)));
        self.next = next.zip(self.due()).map(|(next, due)| next.min(due));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(80);

    #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
    fn base() -> Instant {
        Instant::now()
    }

    fn calls(begun: u64, ended: u64) -> CallCounts {
        CallCounts { begun, ended }
    }

    /// Looks at the calls until `end`, and returns when the channel is to enter idleness, in seconds
    /// after `start`.
    fn idle_after(
        idleness: &mut Idleness,
        start: Instant,
        counts: impl Fn(Duration) -> CallCounts,
    ) -> Option<u64> {
        for _ in 0..1000 {
            let now = idleness.poll_timeout()?;
            assert!(idleness.handle_timeout(now));
            if idleness.handle_calls(counts(now - start), now) {
                return Some((now - start).as_secs());
            }
        }
        None
    }

    /// Without a call, the channel enters idleness when the timeout has passed since it left it.
    #[test]
    fn nothing_happens() {
        let start = base();
        let mut idleness = Idleness::new(Some(TIMEOUT));
        assert_eq!(idleness.poll_timeout(), None);
        idleness.handle_use(start);
        let idle = idle_after(&mut idleness, start, |_| calls(0, 0));
        assert_eq!(idle, Some(80));
    }

    /// Calls keep the channel awake, however long they are open. The timeout begins when the last
    /// one ends; it is noticed up to an eighth of the timeout later.
    #[test]
    fn the_timeout_begins_at_the_end_of_the_last_call() {
        let start = base();
        for (end, expected) in [(500, 580), (501, 590), (509, 590), (510, 590)] {
            let mut idleness = Idleness::new(Some(TIMEOUT));
            idleness.handle_use(start);
            let ended = |at: Duration| u64::from(at.as_secs() >= end);
            let idle = idle_after(&mut idleness, start, |at| calls(1, ended(at)));
            assert_eq!(idle, Some(expected), "end after {end} s");
        }
    }

    /// A short call between two looks counts, and so does each request to connect.
    #[test]
    fn short_calls_and_requests_to_connect_count() {
        let start = base();
        let mut idleness = Idleness::new(Some(TIMEOUT));
        idleness.handle_use(start);
        let ended = |at: Duration| u64::from(at.as_secs() > 71);
        let idle = idle_after(&mut idleness, start, |at| calls(ended(at), ended(at)));
        assert_eq!(idle, Some(160));
        idleness.handle_idle();
        assert_eq!(idleness.poll_timeout(), None);
        let start = start + TIMEOUT * 5;
        idleness.handle_use(start);
        idleness.handle_use(start + TIMEOUT / 2);
        let idle = idle_after(&mut idleness, start, |_| calls(1, 1));
        assert_eq!(idle, Some(120));
    }

    /// With a timeout of zero a channel is idle soon after each call, but not during it, and its calls are
    /// looked at once in a millisecond.
    #[test]
    fn zero() {
        let start = base();
        let mut idleness = Idleness::new(Some(Duration::ZERO));
        idleness.handle_use(start);
        for millis in 1..=3 {
            let now = start + Duration::from_millis(millis);
            assert_eq!(idleness.poll_timeout(), Some(now));
            assert!(idleness.handle_timeout(now));
            assert!(!idleness.handle_calls(calls(1, 0), now));
        }
        let ended = start + Duration::from_millis(4);
        assert!(!idleness.handle_calls(calls(1, 1), ended));
        assert!(idleness.handle_calls(calls(1, 1), ended + SHORTEST));
    }

    /// No timeout, and one that the clock cannot represent, are never reached.
    #[test]
    fn never() {
        for timeout in [None, Some(Duration::MAX)] {
            let mut idleness = Idleness::new(timeout);
            idleness.handle_use(base());
            assert_eq!(idleness.poll_timeout(), None);
        }
    }
}
