//! The delays of the standard:
//! [connection back-off](https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md).

use std::time::{Duration, Instant};

use trunkline_backoff::{Backoff, BackoffPolicy};

fn policy(change: impl FnOnce(&mut BackoffPolicy)) -> BackoffPolicy {
    let mut policy = BackoffPolicy::default();
    change(&mut policy);
    policy
}

/// Returns the first `count` delays in milliseconds.
fn delays(policy: BackoffPolicy, seed: u64, count: usize) -> Vec<u128> {
    let mut backoff = Backoff::new(policy, seed);
    (0..count)
        .map(|_| backoff.next_delay().as_millis())
        .collect()
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time may start at any instant"
    )]
    Instant::now()
}

/// Without jitter the delays are 1 s, then 1.6 times the one before, up to 120 s.
#[test]
fn growth() {
    let delays = delays(policy(|policy| policy.jitter = 0.0), 1, 13);
    let expected = [
        1000, 1600, 2560, 4096, 6553, 10_485, 16_777, 26_843, 42_949, 68_719, 109_951, 120_000,
        120_000,
    ];
    assert_eq!(delays, expected);
}

/// Jitter changes each delay, the first one too, by up to 20 percent either way, evenly
/// distributed.
#[test]
fn jitter() {
    let firsts: Vec<u128> = (0..2000)
        .map(|seed| delays(BackoffPolicy::default(), seed, 1)[0])
        .collect();
    assert!(firsts.iter().all(|delay| (800..=1200).contains(delay)));
    for band in [800..900, 900..1000, 1000..1100, 1100..1200] {
        let count = firsts.iter().filter(|delay| band.contains(*delay)).count();
        assert!((400..=600).contains(&count), "{band:?}: {count}");
    }
    let late: Vec<u128> = (0..500)
        .map(|seed| delays(BackoffPolicy::default(), seed, 30)[29])
        .collect();
    assert!(late.iter().all(|delay| (96_000..=144_000).contains(delay)));
}

/// A reset returns to the first delay.
#[test]
fn reset() {
    let mut backoff = Backoff::new(policy(|policy| policy.jitter = 0.0), 1);
    for _ in 0..5 {
        backoff.next_delay();
    }
    assert_eq!(backoff.failures(), 5);
    backoff.reset();
    assert_eq!(backoff.failures(), 0);
    assert_eq!(backoff.next_delay(), Duration::from_secs(1));
}

/// The delay counts from the start of the attempt. The attempt may take 20 s, or as long as the
/// delay if that is longer.
#[test]
fn deadlines() {
    let mut backoff = Backoff::new(policy(|policy| policy.jitter = 0.0), 1);
    let start = now();
    let next = backoff.next_attempt(start);
    assert_eq!(next - start, Duration::from_secs(1));
    assert_eq!(
        backoff.attempt_deadline(next, start) - start,
        Duration::from_secs(20)
    );
    for _ in 0..10 {
        backoff.next_delay();
    }
    let next = backoff.next_attempt(start);
    assert_eq!(backoff.attempt_deadline(next, start), next);
}

/// The same seed gives the same delays.
#[test]
fn same_seed_same_delays() {
    let delays = |seed| delays(BackoffPolicy::default(), seed, 20);
    assert_eq!(delays(3), delays(3));
    assert_ne!(delays(3), delays(4));
}

/// No policy that an application can set panics, shrinks the delays or overflows an `Instant`.
#[test]
fn odd_policies() {
    let numbers = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -1.0,
        0.0,
        0.5,
        1e300,
    ];
    let durations = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
    for multiplier in numbers {
        for jitter in numbers {
            for initial in durations {
                for max in durations {
                    let policy = policy(|policy| {
                        policy.multiplier = multiplier;
                        policy.jitter = jitter;
                        policy.initial = initial;
                        policy.max = max;
                        policy.min_attempt = max;
                    });
                    let mut backoff = Backoff::new(policy, 1);
                    for _ in 0..5 {
                        let next = backoff.next_attempt(now());
                        let _ = backoff.attempt_deadline(next, now());
                    }
                }
            }
        }
    }
    let shrinking = policy(|policy| {
        policy.multiplier = 0.1;
        policy.jitter = 0.0;
    });
    assert_eq!(delays(shrinking, 1, 3), [1000, 1000, 1000]);
}
