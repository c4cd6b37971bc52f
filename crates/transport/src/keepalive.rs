//! Keepalive: finds connections whose peer is gone without a word.

use std::fmt;
use std::time::{Duration, Instant};

/// The shortest [`time`](KeepaliveOptions::time).
///
/// Source: [gRFC A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).
const MIN_TIME: Duration = Duration::from_secs(10);

/// The shortest [`timeout`](KeepaliveOptions::timeout), as in grpc-java. With less, every PING would
/// fail.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

/// When a connection without a sign of life from its peer is tested by an HTTP/2 PING, and given up.
///
/// Off by default: the time is infinite. A server closes a connection on which PINGs come more often
/// than it permits; by default, gRPC servers permit one every 5 minutes.
///
/// ```
/// use std::time::Duration;
/// use trunkline_transport::KeepaliveOptions;
///
/// let keepalive = KeepaliveOptions::default()
///     .with_time(Duration::from_secs(300))
///     .with_timeout(Duration::from_secs(20));
/// assert!(keepalive.is_on());
/// assert!(!KeepaliveOptions::default().is_on());
/// ```
///
/// Source: [gRFC A8](https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeepaliveOptions {
    /// How long no byte comes from the peer before a PING is sent; [`Duration::MAX`], the default,
    /// sends none. A shorter time than 10 s is replaced by 10 s.
    pub time: Duration,
    /// How long after the PING the connection is given up if no byte comes; 20 s by default. A
    /// shorter time than 10 ms is replaced by 10 ms.
    pub timeout: Duration,
    /// Whether a connection without calls is tested too; false by default.
    pub without_calls: bool,
}

impl Default for KeepaliveOptions {
    fn default() -> Self {
        Self {
            time: Duration::MAX,
            timeout: Duration::from_secs(20),
            without_calls: false,
        }
    }
}

impl KeepaliveOptions {
    /// Sets how long no byte comes from the peer before a PING is sent.
    #[must_use]
    pub fn with_time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Sets how long after the PING the connection is given up if no byte comes.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets whether a connection without calls is tested too.
    #[must_use]
    pub fn with_without_calls(mut self, without_calls: bool) -> Self {
        self.without_calls = without_calls;
        self
    }

    /// Returns whether PINGs are sent at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.time != Duration::MAX
    }

    /// Returns these options with the times that are used in place of too short ones.
    #[must_use]
    pub fn in_force(mut self) -> Self {
        self.time = self.time.max(MIN_TIME);
        self.timeout = self.timeout.max(MIN_TIMEOUT);
        self
    }
}

/// What a [`Keepalive`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepaliveAction {
    /// Send a PING, unless one is on its way: its answer is as good.
    Ping,
    /// Give the connection up: nothing came from the peer in time.
    GiveUp(Silence),
}

/// The silence of a peer for which a connection is given up; prints as a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Silence {
    /// How long no byte came before the PING.
    pub(crate) time: Duration,
    /// How long no byte came after the PING.
    pub(crate) timeout: Duration,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, timeout } = self;
        write!(
            f,
            "keepalive timed out: nothing came for {time:?}, and then no answer to a PING within \
             {timeout:?}"
        )
    }
}

/// Decides when to test a connection, and when to give it up.
///
/// Report what happened with [`handle_read`](Self::handle_read) and
/// [`handle_calls`](Self::handle_calls), and call [`handle_timeout`](Self::handle_timeout) at the time
/// of [`poll_timeout`](Self::poll_timeout). `now` never goes backwards. The answer to a PING is bytes
/// that were read, like any others.
#[derive(Debug)]
pub(crate) struct Keepalive {
    options: KeepaliveOptions,
    /// When the last bytes came, or the connection was made.
    last_read: Instant,
    /// When the PING was sent after which nothing has come.
    pinged: Option<Instant>,
    /// Whether calls are on the connection.
    has_calls: bool,
    /// When [`handle_timeout`](Self::handle_timeout) is due. `None` while there is nothing to test.
    ///
    /// It is not moved when bytes come, which would set a timer for each read, but checked when it is
    /// reached.
    check_at: Option<Instant>,
}

impl Keepalive {
    /// Returns the keepalive of a connection that was made at `now`.
    pub(crate) fn new(options: KeepaliveOptions, now: Instant) -> Self {
        let mut new = Self {
            options: options.in_force(),
            last_read: now,
            pinged: None,
            has_calls: false,
            check_at: None,
        };
        new.check_at = new.due();
        new
    }

    /// Returns the silence for which the connection is given up.
    fn silence(&self) -> Silence {
        Silence {
            time: self.options.time,
            timeout: self.options.timeout,
        }
    }

    /// Returns the time for later connections to a server that ended this one because of its PINGs:
    /// twice the time of this one.
    pub(crate) fn raised_time(&self) -> Duration {
        self.options.time.saturating_mul(2)
    }

    /// Handles bytes of the peer, any at all.
    pub(crate) fn handle_read(&mut self, now: Instant) {
        self.last_read = now;
        self.pinged = None;
    }

    /// Handles whether calls are on the connection. A PING is due at once when the first call comes
    /// and nothing was read for longer than the time. `now` is called only for that first call.
    pub(crate) fn handle_calls(
        &mut self,
        has_calls: bool,
        now: impl FnOnce() -> Instant,
    ) -> Option<KeepaliveAction> {
        self.has_calls = has_calls;
        if has_calls && self.check_at.is_none() {
            return self.handle_timeout(now());
        }
        None
    }

    /// Returns the time of the next [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.check_at
    }

    /// Handles the time that [`poll_timeout`](Self::poll_timeout) returned.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<KeepaliveAction> {
        let mut action = None;
        if self.due().is_some_and(|at| at <= now) {
            if self.pinged.is_some() {
                self.check_at = None;
                return Some(KeepaliveAction::GiveUp(self.silence()));
            }
            self.pinged = Some(now);
            action = Some(KeepaliveAction::Ping);
        }
        // Bytes that come from now on may make a PING due before the time-out of this one.
        let next = now.checked_add(self.options.time);
        self.check_at = self.due().map(|at| next.map_or(at, |next| at.min(next)));
        action
    }

    /// Returns when something is to be done if nothing comes until then.
    fn due(&self) -> Option<Instant> {
        match self.pinged {
            Some(at) => at.checked_add(self.options.timeout),
            None if self.has_calls || self.options.without_calls => {
                self.last_read.checked_add(self.options.time)
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(30);
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// What comes of these options.
    const GIVE_UP: KeepaliveAction = KeepaliveAction::GiveUp(Silence {
        time: TIME,
        timeout: TIMEOUT,
    });

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "virtual time starts anywhere")]
        Instant::now()
    }

    fn options() -> KeepaliveOptions {
        KeepaliveOptions::default()
            .with_time(TIME)
            .with_timeout(TIMEOUT)
    }

    /// Runs until an action; returns it, and the seconds since `start`.
    fn next(keepalive: &mut Keepalive, start: Instant) -> Option<(KeepaliveAction, u64)> {
        for _ in 0..10 {
            let at = keepalive.poll_timeout()?;
            if let Some(action) = keepalive.handle_timeout(at) {
                return Some((action, (at - start).as_secs()));
            }
        }
        panic!("no action in 10 timeouts");
    }

    /// A PING is sent after `time` without a byte, and the connection given up `timeout` later.
    #[test]
    fn a_silent_peer_is_given_up() {
        let start = start();
        let mut keepalive = Keepalive::new(options(), start);
        assert_eq!(keepalive.handle_calls(true, || start), None);
        assert_eq!(
            next(&mut keepalive, start),
            Some((KeepaliveAction::Ping, 30))
        );
        assert_eq!(next(&mut keepalive, start), Some((GIVE_UP, 35)));
        assert_eq!(keepalive.poll_timeout(), None);
    }

    /// The time runs from the last byte that was read, not from the last PING, and the timer is not
    /// moved by bytes.
    #[test]
    fn the_time_runs_from_the_last_byte() {
        let start = start();
        let mut keepalive = Keepalive::new(options(), start);
        keepalive.handle_calls(true, || start);
        let timer = keepalive.poll_timeout();
        keepalive.handle_read(start + Duration::from_secs(20));
        assert_eq!(keepalive.poll_timeout(), timer);
        assert_eq!(
            next(&mut keepalive, start),
            Some((KeepaliveAction::Ping, 50))
        );
        keepalive.handle_read(start + Duration::from_secs(51));
        assert_eq!(
            next(&mut keepalive, start),
            Some((KeepaliveAction::Ping, 81))
        );
    }

    /// A time-out that is longer than the time does not delay the next PING.
    #[test]
    fn a_long_timeout_delays_no_ping() {
        let start = start();
        let options = options().with_timeout(3 * TIME);
        let mut keepalive = Keepalive::new(options, start);
        keepalive.handle_calls(true, || start);
        assert_eq!(
            next(&mut keepalive, start),
            Some((KeepaliveAction::Ping, 30))
        );
        keepalive.handle_read(start + Duration::from_secs(31));
        assert_eq!(
            next(&mut keepalive, start),
            Some((KeepaliveAction::Ping, 61))
        );
        let silence = Silence {
            time: TIME,
            timeout: 3 * TIME,
        };
        let give_up = KeepaliveAction::GiveUp(silence);
        assert_eq!(next(&mut keepalive, start), Some((give_up, 151)));
    }

    /// Without calls nothing is tested. The first call after that tests the connection at once if it
    /// was silent for too long. (A8: "not reset when a connection becomes active")
    #[test]
    fn a_call_on_a_silent_connection_tests_it_at_once() {
        let start = start();
        let mut keepalive = Keepalive::new(options(), start);
        assert_eq!(keepalive.poll_timeout(), None);
        let later = start + 10 * TIME;
        let action = keepalive.handle_calls(true, || later);
        assert_eq!(action, Some(KeepaliveAction::Ping));
        assert_eq!(next(&mut keepalive, later), Some((GIVE_UP, 5)));
    }

    /// A call soon after the last byte waits for the rest of the time.
    #[test]
    fn a_call_on_a_fresh_connection_waits() {
        let start = start();
        let mut keepalive = Keepalive::new(options(), start);
        let later = start + Duration::from_secs(29);
        assert_eq!(keepalive.handle_calls(true, || later), None);
        assert_eq!(
            next(&mut keepalive, start),
            Some((KeepaliveAction::Ping, 30))
        );
    }

    /// When the calls end, the PING that is on its way still counts, and no other follows.
    #[test]
    fn the_end_of_the_calls_ends_the_test() {
        let start = start();
        let mut keepalive = Keepalive::new(options(), start);
        keepalive.handle_calls(true, || start);
        assert_eq!(
            next(&mut keepalive, start),
            Some((KeepaliveAction::Ping, 30))
        );
        keepalive.handle_calls(false, || start + TIME);
        keepalive.handle_read(start + Duration::from_secs(31));
        assert_eq!(next(&mut keepalive, start), None);
    }

    /// With `without_calls` a connection is tested from its start.
    #[test]
    fn without_calls() {
        let start = start();
        let mut keepalive = Keepalive::new(options().with_without_calls(true), start);
        assert_eq!(
            next(&mut keepalive, start),
            Some((KeepaliveAction::Ping, 30))
        );
        assert_eq!(next(&mut keepalive, start), Some((GIVE_UP, 35)));
    }

    /// Values below 10 s are raised to 10 s, and the default is off. (A8)
    #[test]
    fn short_times_are_raised() {
        let short = options()
            .with_time(Duration::from_secs(1))
            .with_timeout(Duration::ZERO);
        let in_force = short.in_force();
        assert_eq!(in_force.time, Duration::from_secs(10));
        assert_eq!(in_force.timeout, Duration::from_millis(10));
        let start = start();
        let mut off = Keepalive::new(KeepaliveOptions::default(), start);
        assert_eq!(off.handle_calls(true, || start), None);
        assert_eq!(off.poll_timeout(), None);
    }
}
