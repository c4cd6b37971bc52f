//! RFC 8305 section 4 and RFC 6298: the history of round-trip times.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use trunkline_connect::{RoundTrip, RttHistory};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The first sample sets the estimate, and further samples are smoothed (RFC 6298 section 2).
#[test]
fn samples_are_smoothed() {
    let mut known = RoundTrip::new(ms(80));
    assert_eq!((known.smoothed, known.variation), (ms(80), ms(40)));
    known.update(ms(160));
    assert_eq!((known.smoothed, known.variation), (ms(90), ms(50)));
}

/// A wrong sample, from a clock that jumped, causes no overflow.
#[test]
fn endless_samples() {
    let mut known = RoundTrip::new(Duration::MAX);
    known.update(Duration::MAX);
    known.update(Duration::ZERO);
    assert_eq!(known.attempt_delay().get(), ms(2_000));
}

/// A time that is too old is not used, so that an address which was slow once is tried again.
#[test]
fn old_samples_are_forgotten() {
    let now = Instant::now();
    let mut history = RttHistory::new(8, Duration::from_secs(60));
    history.record(ip("192.0.2.1"), ms(80), now);
    let known = history.round_trip(ip("::ffff:192.0.2.1"), now);
    assert_eq!(known, Some(RoundTrip::new(ms(80))));
    let later = now + Duration::from_secs(60);
    assert_eq!(history.round_trip(ip("192.0.2.1"), later), None);
    history.record(ip("192.0.2.1"), ms(20), later);
    let known = history.round_trip(ip("192.0.2.1"), later);
    assert_eq!(known, Some(RoundTrip::new(ms(20))));
    history.clear();
    assert_eq!(history.round_trip(ip("192.0.2.1"), later), None);
}

/// A full history drops the address whose last sample is oldest.
#[test]
fn the_history_is_bounded() {
    let now = Instant::now();
    let mut history = RttHistory::new(2, Duration::from_secs(60));
    history.record(ip("192.0.2.1"), ms(1), now);
    history.record(ip("192.0.2.2"), ms(1), now + ms(1));
    history.record(ip("192.0.2.1"), ms(1), now + ms(2));
    history.record(ip("192.0.2.3"), ms(1), now + ms(3));
    let known = |text| history.round_trip(ip(text), now + ms(4)).is_some();
    assert_eq!(
        [known("192.0.2.1"), known("192.0.2.2"), known("192.0.2.3")],
        [true, false, true]
    );
}
