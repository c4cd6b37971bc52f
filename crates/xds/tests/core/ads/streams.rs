//! 2.12: when streams end, and when the next ones start.

use trunkline_xds::core::ads::AdsEvent;

use super::driver::{Cluster, Driver, Listener, seconds};

/// 2.12: after a response, the end of a stream is no error, and the next one starts at once.
#[test]
fn xds_2_12_answered_stream_restarts_at_once() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.send(0, Listener, "1", "a", &["l=1"]);
    driver.pass(seconds(30));
    driver.take_lines();
    driver.end_stream(0, "max age");
    driver.expect(&[
        "0.1 start at 30.0 s",
        r#"0.1 LDS "1" "" [l] n1"#,
        "0.1 read",
    ]);
}

/// 2.12: never two starts within 1 s.
#[test]
fn xds_2_12_starts_are_a_second_apart() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.send(0, Listener, "1", "a", &["l=1"]);
    driver.take_lines();
    driver.end_stream(0, "max age");
    driver.expect(&[]);
    driver.pass(seconds(1));
    driver.expect(&["0.1 start at 1.0 s", r#"0.1 LDS "1" "" [l] n1"#, "0.1 read"]);
}

/// 2.12: without a response, all names on the link have a connection error.
#[test]
fn xds_2_12_unanswered_stream_is_an_error() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.watch(Cluster, "c");
    driver.take_lines();
    driver.end_stream(0, "no service");
    let why = "cannot be had: dns:///a:18000: stream ended without a response: UNAVAILABLE: no \
               service";
    driver.expect(&[
        &format!("w0 LDS l error: {why}"),
        &format!("w1 CDS c error: {why}"),
    ]);
    // The same error again is no event.
    driver.pass(seconds(2));
    driver.take_lines();
    driver.end_stream(0, "no service");
    driver.expect(&[]);
}

/// 2.12: the back-off is 1 s, 1.6 times as long after each failure, and at most 120 s, each changed by
/// at most 20 %; the first response ends it.
#[test]
fn xds_2_12_back_off() {
    for seed in 0..20 {
        let bootstrap = trunkline_xds::core::Bootstrap::new(super::driver::server("a"));
        let mut driver = Driver::seeded(bootstrap, seed);
        driver.watch(Listener, "l");
        let mut expected: f64 = 1.0;
        for _ in 0..14 {
            driver.end_stream(0, "no service");
            let next = driver.client.poll_timeout().expect("a next start");
            let delay = next - driver.now;
            // Never two starts within 1 s.
            let shortest = (expected * 0.8).max(1.0);
            assert!((shortest..=expected * 1.2).contains(&delay.as_secs_f64()));
            driver.pass(delay);
            expected = (expected * 1.6).min(120.0);
        }
        driver.send(0, Listener, "1", "a", &["l=1"]);
        driver.pass(seconds(5));
        driver.end_stream(0, "max age");
        driver.end_stream(0, "no service");
        let next = driver.client.poll_timeout().expect("a next start");
        assert!((next - driver.now).as_secs_f64() <= 1.2);
    }
}

/// 2.12: a channel in TRANSIENT_FAILURE is a connection error with the channel's text; the stream goes
/// on waiting.
#[test]
fn xds_2_12_transient_failure() {
    let mut driver = Driver::new();
    driver.is_connected = false;
    driver.watch(Listener, "l");
    driver.take_lines();
    driver.fail_link(0, "10.0.0.1:18000: connection refused");
    driver.expect(&[
        "w0 LDS l error: cannot be had: dns:///a:18000: 10.0.0.1:18000: connection refused",
    ]);
    assert_eq!(driver.client.poll_timeout(), None);
    driver.fail_link(0, "10.0.0.1:18000: timed out");
    driver.expect(&["w0 LDS l error: cannot be had: dns:///a:18000: 10.0.0.1:18000: timed out"]);
    driver.write();
    driver.send(0, Listener, "1", "a", &["l=1"]);
    driver.expect(&["w0 LDS l 1", r#"0.0 LDS "1" "a" [l]"#, "0.0 read"]);
}

/// 2.19: the gauge `connected` is 1 from the first stream, 0 from a connection error, and 1 again from
/// the first response; each fall is one failure.
#[test]
fn xds_2_19_connected() {
    let mut driver = Driver::new();
    driver.watch(Listener, "l");
    driver.fail_link(0, "refused");
    driver.fail_link(0, "refused again");
    driver.end_stream(0, "no service");
    driver.pass(seconds(2));
    driver.send(0, Listener, "1", "a", &["l=1"]);
    driver.send(0, Listener, "2", "b", &["l=2"]);
    driver.end_stream(0, "max age");
    driver.pass(seconds(2));
    driver.end_stream(0, "no service");
    let gauge = driver.events.iter().filter_map(|event| match event {
        AdsEvent::Connected { .. } => Some(1),
        AdsEvent::Failed { .. } => Some(0),
        _ => None,
    });
    assert_eq!(gauge.collect::<Vec<_>>(), [1, 0, 1, 0]);
}
