//! RFC 8305 section 8: summary of configurable values.

use std::time::Duration;

use trunkline_connect::{AttemptDelay, RaceOptions};

/// The defaults are the recommended values.
#[test]
fn defaults() {
    let options = RaceOptions::default();
    assert_eq!(options.resolution_delay, Duration::from_millis(50));
    assert_eq!(options.first_family_count, 1);
    assert_eq!(options.attempt_delay.get(), Duration::from_millis(250));
}

/// "Minimum Connection Attempt Delay: 100 ms recommended, MUST NOT be less than 10 ms; Maximum
/// 2 s". gRFC A61 has the same range without the exception.
#[test]
fn the_attempt_delay_is_clamped() {
    let ms = Duration::from_millis;
    let check = |asked, clamped, lowest| {
        assert_eq!(AttemptDelay::new(asked).get(), clamped);
        assert_eq!(AttemptDelay::below_recommended(asked).get(), lowest);
    };
    check(ms(0), ms(100), ms(10));
    check(ms(50), ms(100), ms(50));
    check(ms(100), ms(100), ms(100));
    check(ms(2_000), ms(2_000), ms(2_000));
    check(Duration::MAX, ms(2_000), ms(2_000));
}
