//! The pacing of resolutions: minimum interval, back-off, and refreshing by TTL.
//!
//! Source: [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md).
//! Refreshing by TTL is our addition.

mod support;

use std::time::{Duration, Instant};

use support::rejection;
use trunkline_backoff::{BackoffPolicy, Rng};
use trunkline_resolver::{Pacer, Pacing, ResolverSchedule, Verdict};

const SECOND: Duration = Duration::from_secs(1);

/// A pacer without jitter, in virtual time that starts at zero.
struct Clock {
    pacer: Pacer,
    start: Instant,
    now: Instant,
}

#[expect(
    clippy::disallowed_methods,
    reason = "virtual time needs a first instant"
)]
fn first_instant() -> Instant {
    Instant::now()
}

impl Clock {
    fn new(pacing: Pacing) -> Self {
        let now = first_instant();
        Self {
            pacer: Pacer::new(pacing, 7, now),
            start: now,
            now,
        }
    }

    /// Returns the seconds from the start to the next resolution.
    fn due(&self) -> Option<f64> {
        let due = self.pacer.poll_timeout()?;
        Some((due - self.start).as_secs_f64())
    }

    /// Sets the time to this second after the start.
    fn at(&mut self, second: u32) -> &mut Self {
        self.now = self.start + SECOND * second;
        self
    }

    fn start(&mut self) {
        assert!(self.pacer.poll_start(self.now), "nothing is due");
    }

    fn succeed(&mut self, ttl_secs: Option<u64>) {
        self.pacer
            .handle_success(ttl_secs.map(Duration::from_secs), self.now);
    }

    fn verdict(&mut self, verdict: Verdict) {
        self.pacer.handle_verdict(verdict, self.now);
    }

    /// Sets the time to when the next resolution is due, and starts it. Returns how many seconds
    /// passed.
    fn skip_to_start(&mut self) -> f64 {
        let due = self.pacer.poll_timeout().expect("a due time");
        let gap = due.saturating_duration_since(self.now);
        self.now = self.now.max(due);
        self.start();
        gap.as_secs_f64()
    }
}

fn steady() -> Pacing {
    let mut pacing = Pacing::default();
    pacing.jitter = 0.0;
    pacing.backoff.jitter = 0.0;
    pacing
}

/// The first resolution is due at once, and is started once.
#[test]
fn first_is_due_at_once() {
    let mut clock = Clock::new(steady());
    assert_eq!(clock.due(), Some(0.0));
    clock.start();
    assert_eq!(clock.due(), None);
    assert!(!clock.pacer.poll_start(clock.now));
}

/// A refresh starts when the TTL has expired, but not before the minimum interval. An answer without a
/// TTL is not refreshed.
#[test]
fn refresh_by_ttl() {
    fn check(ttl_secs: Option<u64>, expected: Option<f64>) {
        let mut clock = Clock::new(steady());
        clock.start();
        clock.at(2).succeed(ttl_secs);
        clock.verdict(Verdict::Accepted);
        assert_eq!(clock.due(), expected, "TTL {ttl_secs:?}");
    }
    check(Some(300), Some(302.0));
    check(Some(30), Some(32.0));
    check(Some(5), Some(32.0));
    check(Some(0), Some(32.0));
    check(None, None);
}

/// The longest TTL does not overflow the time.
#[test]
fn huge_ttl() {
    let mut clock = Clock::new(Pacing::default());
    clock.start();
    clock.pacer.handle_success(Some(Duration::MAX), clock.now);
    clock.verdict(Verdict::Accepted);
    assert_eq!(clock.pacer.poll_timeout(), None);
}

/// Jitter only lengthens: a refresh starts within `max(TTL, min_interval) x (1 + jitter)`, and the
/// refreshes of a thousand clients are spread over that time.
#[test]
fn jitter_only_lengthens() {
    let mut gaps: Vec<f64> = (0..1000)
        .map(|seed| {
            let now = first_instant();
            let mut pacer = Pacer::new(Pacing::default(), seed, now);
            assert!(pacer.poll_start(now));
            pacer.handle_success(Some(60 * SECOND), now);
            let due = pacer.poll_timeout().expect("a due time");
            (due - now).as_secs_f64()
        })
        .collect();
    gaps.sort_by(f64::total_cmp);
    assert!(gaps[0] >= 60.0 && gaps[999] <= 66.0, "{gaps:?}");
    assert!(gaps[250] > 61.0 && gaps[750] < 65.0, "not spread: {gaps:?}");
}

/// With refreshing off only a request makes the next resolution due.
#[test]
fn refresh_can_be_off() {
    let mut pacing = steady();
    pacing.refresh = false;
    let mut clock = Clock::new(pacing);
    clock.start();
    clock.succeed(Some(5));
    clock.verdict(Verdict::Accepted);
    assert_eq!(clock.due(), None);
    clock.at(40).pacer.resolve_now();
    assert_eq!(clock.due(), Some(5.0));
    clock.start();
}

/// Any number of requests causes one resolution. While the TTL has not expired, that is not before the minimum
/// interval after the last success. It comes before a later refresh, and does not delay an earlier one.
#[test]
fn requests_are_coalesced_and_limited() {
    let mut clock = Clock::new(steady());
    clock.start();
    clock.at(3).succeed(Some(300));
    clock.verdict(Verdict::Accepted);
    for _ in 0..100 {
        clock.at(10).pacer.resolve_now();
    }
    assert_eq!(clock.due(), Some(33.0));
    assert!(!clock.pacer.poll_start(clock.now));
    clock.at(33).start();
    clock.succeed(Some(300));
    clock.verdict(Verdict::Accepted);
    assert_eq!(clock.due(), Some(333.0));
}

/// A request is due when the TTL of the answer has expired, also within the minimum interval: a refresh does
/// not use up the one that each interval has. The next request waits for the minimum interval.
#[test]
fn a_request_after_the_ttl() {
    let mut clock = Clock::new(steady());
    clock.start();
    clock.at(1).succeed(Some(5));
    clock.verdict(Verdict::Accepted);
    clock.at(31).start();
    clock.succeed(Some(5));
    clock.at(33).pacer.resolve_now();
    assert_eq!(clock.due(), Some(36.0));
    clock.at(36).start();
    clock.succeed(Some(5));
    clock.at(40).pacer.resolve_now();
    // The refresh is due before the second request.
    assert_eq!(clock.due(), Some(61.0));
    clock.at(61).start();
    clock.succeed(Some(5));
    clock.at(70).pacer.resolve_now();
    assert_eq!(clock.due(), Some(91.0), "61 s was an answer to the request");
}

/// A resolution that a request made due does not put the refresh off, unless its own answer is valid for longer: DNS
/// may change later than the connection is lost.
#[test]
fn a_request_does_not_delay_the_refresh() {
    fn check(ttl_secs: u64, expected: f64) {
        let mut clock = Clock::new(steady());
        clock.start();
        clock.succeed(Some(5));
        clock.at(20).pacer.resolve_now();
        clock.start();
        clock.succeed(Some(ttl_secs));
        assert_eq!(clock.due(), Some(expected), "TTL {ttl_secs}");
    }
    check(5, 30.0);
    check(15, 35.0);
    check(60, 80.0);
}

/// A refresh that an answer does not put off keeps its moment: its jitter is not added a second time.
#[test]
fn a_request_does_not_add_jitter() {
    for seed in 0..100 {
        let start = first_instant();
        let mut pacer = Pacer::new(Pacing::default().with_jitter(0.1), seed, start);
        assert!(pacer.poll_start(start));
        pacer.handle_success(Some(5 * SECOND), start);
        let refresh = pacer.poll_timeout();
        let now = start + 5 * SECOND;
        pacer.resolve_now();
        assert!(pacer.poll_start(now));
        pacer.handle_success(Some(5 * SECOND), now);
        assert_eq!(pacer.poll_timeout(), refresh, "seed {seed}");
    }
}

/// A request that many clients make at one moment takes nothing from the jitter of their refreshes.
#[test]
fn jitter_after_a_request() {
    let mut gaps: Vec<f64> = (0..1000)
        .map(|seed| {
            let now = first_instant();
            let mut pacer = Pacer::new(Pacing::default(), seed, now);
            assert!(pacer.poll_start(now));
            pacer.handle_success(Some(30 * SECOND), now);
            pacer.resolve_now();
            let now = now + 30 * SECOND;
            assert!(pacer.poll_start(now));
            pacer.handle_success(Some(30 * SECOND), now);
            let due = pacer.poll_timeout().expect("a due time");
            (due - now).as_secs_f64()
        })
        .collect();
    gaps.sort_by(f64::total_cmp);
    assert!(gaps[0] >= 30.0 && gaps[999] <= 33.0, "{gaps:?}");
    assert!(gaps[250] > 30.5 && gaps[750] < 32.5, "not spread: {gaps:?}");
}

/// A request during a resolution is remembered: the answer may be older than the request.
#[test]
fn request_while_running_is_remembered() {
    let mut clock = Clock::new(steady());
    clock.start();
    clock.pacer.resolve_now();
    clock.at(1).succeed(None);
    clock.verdict(Verdict::Accepted);
    assert_eq!(clock.due(), Some(31.0));
}

/// Failures are followed by a back-off, which requests do not shorten, and which an accepted success
/// resets. The channel's verdict on an error changes nothing.
#[test]
fn failures_back_off() {
    let mut clock = Clock::new(steady());
    clock.start();
    let mut gaps = Vec::new();
    for _ in 0..5 {
        clock.pacer.handle_failure(clock.now);
        clock.verdict(Verdict::Accepted);
        clock.pacer.resolve_now();
        gaps.push(clock.skip_to_start());
    }
    let expected = [1.0, 1.6, 2.56, 4.096, 6.5536];
    for (gap, expected) in gaps.iter().zip(expected) {
        assert!((gap - expected).abs() < 1e-6, "{gaps:?}");
    }
    clock.succeed(None);
    clock.verdict(Verdict::Accepted);
    assert_eq!(clock.due(), None, "the requests came before the lookup");
    clock.pacer.resolve_now();
    assert_eq!(clock.skip_to_start(), 30.0);
    clock.pacer.handle_failure(clock.now);
    assert_eq!(clock.skip_to_start(), 1.0);
}

/// A success that the channel rejects (an empty list) is followed by a growing back-off, like a
/// failure.
#[test]
fn rejections_back_off() {
    let mut clock = Clock::new(steady());
    clock.start();
    let mut last = 0.0;
    for _ in 0..10 {
        clock.succeed(Some(300));
        clock.verdict(rejection());
        let gap = clock.skip_to_start();
        assert!(gap > last, "{gap} after {last}");
        last = gap;
    }
    assert!(last < 120.0);
    clock.succeed(Some(300));
    clock.verdict(Verdict::Accepted);
    assert_eq!(clock.skip_to_start(), 300.0);
}

/// The verdict on an early part of an answer counts until the verdict on the whole answer replaces it.
#[test]
fn verdicts_on_parts() {
    let mut clock = Clock::new(steady());
    clock.start();
    clock.verdict(rejection());
    clock.succeed(Some(300));
    assert_eq!(clock.due(), Some(1.0));
    clock.verdict(Verdict::Accepted);
    assert_eq!(clock.due(), Some(300.0));
}

/// A missing part is looked up again after the minimum interval. The interval grows while the part
/// stays missing, and is never longer than the TTL.
#[test]
fn partial_answers() {
    let mut clock = Clock::new(steady());
    clock.start();
    let mut gaps = Vec::new();
    for ttl_secs in [3600, 3600, 3600, 3600, 3600, 3600, 40] {
        clock
            .pacer
            .handle_partial(Some(Duration::from_secs(ttl_secs)), clock.now);
        clock.verdict(Verdict::Accepted);
        gaps.push(clock.skip_to_start().round());
    }
    assert_eq!(gaps, [30.0, 48.0, 77.0, 120.0, 120.0, 120.0, 40.0]);
    clock.succeed(Some(3600));
    clock.verdict(Verdict::Accepted);
    assert_eq!(clock.skip_to_start(), 3600.0);
    clock.pacer.handle_partial(None, clock.now);
    assert_eq!(clock.skip_to_start(), 30.0);
}

/// A minimum interval and a back-off of zero are allowed. Refreshes are at least 100 ms apart, so a TTL
/// of zero makes no endless loop.
#[test]
fn zeros() {
    let mut pacing = steady();
    pacing.min_interval = Duration::ZERO;
    pacing.backoff = BackoffPolicy::default();
    pacing.backoff.initial = Duration::ZERO;
    let mut clock = Clock::new(pacing);
    clock.start();
    clock.succeed(Some(0));
    clock.verdict(Verdict::Accepted);
    assert_eq!(clock.skip_to_start(), 0.1);
    clock.succeed(Some(0));
    clock.pacer.resolve_now();
    assert_eq!(clock.skip_to_start(), 0.0);
    clock.pacer.handle_partial(None, clock.now);
    assert_eq!(clock.skip_to_start(), 0.1);
    clock.pacer.handle_failure(clock.now);
    assert_eq!(clock.skip_to_start(), 0.0);
}

/// For any sequence of events: a success and the next start are at least the TTL or the minimum interval apart
/// unless the channel rejected it, two more starts take at least the minimum interval, a refresh is not later than its
/// bound, and while refreshing is on a next start is always due.
#[test]
fn any_sequence_of_events() {
    for seed in 0..500 {
        let mut rng = Rng::from_seed(seed);
        let mut pacing = Pacing::default();
        pacing.min_interval = SECOND * (rng.below(40) as u32);
        pacing.jitter = rng.fraction();
        let (floor, jitter) = (pacing.min_interval, pacing.jitter);
        let mut clock = Clock::new(pacing);
        // Those since the last failure.
        let mut starts: Vec<Instant> = Vec::new();
        for step in 0..200 {
            let what = format!("seed {seed}, step {step}");
            let due = clock.pacer.poll_timeout().expect(&what);
            clock.now = clock.now.max(due);
            assert!(clock.pacer.poll_start(clock.now), "{what}");
            starts.push(clock.now);
            if let [.., first, _, third] = starts[..] {
                assert!(third - first >= floor, "{what}: {:?}", third - first);
            }
            assert_eq!(clock.pacer.poll_timeout(), None, "{what}");
            if rng.below(3) == 0 {
                clock.pacer.resolve_now();
            }
            clock.now += SECOND * (rng.below(5) as u32);
            let ttl = SECOND * (rng.below(100) as u32);
            let outcome = rng.below(3);
            match outcome {
                0 => clock.pacer.handle_success(Some(ttl), clock.now),
                1 => clock.pacer.handle_partial(Some(ttl), clock.now),
                _ => {
                    clock.pacer.handle_failure(clock.now);
                    starts.clear();
                }
            }
            clock.verdict(Verdict::Accepted);
            for _ in 0..rng.below(3) {
                clock.pacer.resolve_now();
            }
            let gap = clock.pacer.poll_timeout().expect(&what) - clock.now;
            let least = floor.max(Duration::from_millis(100));
            let bound = ttl.max(least).mul_f64(1.0 + jitter);
            match outcome {
                0 | 1 => assert!(gap >= floor.min(ttl) && gap <= bound, "{what}: {gap:?}"),
                _ => assert!(gap <= SECOND * 144, "{what}: {gap:?}"),
            }
        }
    }
}

/// The schedule has what is needed to show a resolver: whether it resolves, when its answer expires, and
/// when it resolves again without a request. The answer expires by its TTL, whatever the pacing.
#[test]
fn the_schedule_of_a_resolver() {
    let mut clock = Clock::new(Pacing::default().with_jitter(0.0));
    let check = |clock: &Clock, resolves: bool, expires: Option<u32>, next: Option<u32>| {
        let second = |at: u32| clock.start + SECOND * at;
        let expected = ResolverSchedule::default()
            .with_is_resolving(resolves)
            .with_expires(expires.map(second))
            .with_next(next.map(second));
        assert_eq!(clock.pacer.schedule(), expected);
    };
    check(&clock, false, None, Some(0));
    clock.at(0).start();
    check(&clock, true, None, None);
    clock.at(1).succeed(Some(5));
    // Not before the minimum interval.
    check(&clock, false, Some(6), Some(31));
    clock.at(31).start();
    check(&clock, true, Some(6), None);
    clock.at(32).succeed(Some(60));
    check(&clock, false, Some(92), Some(92));
    clock.at(92).start();
    clock.at(93).succeed(None);
    check(&clock, false, None, None);

    let mut clock = Clock::new(Pacing::default().with_refresh(false));
    clock.at(0).start();
    clock.at(0).succeed(Some(60));
    check(&clock, false, Some(60), None);
}
