//! Strict parsing of durations in the JSON form of protobuf.

use std::time::Duration;

use trunkline_service_config::parse_duration;

fn check(text: &str, expected: Option<Duration>) {
    assert_eq!(parse_duration(text).ok(), expected, "{text:?}");
}

#[test]
fn good() {
    check("0s", Some(Duration::ZERO));
    check("1s", Some(Duration::from_secs(1)));
    check("1.s", Some(Duration::from_secs(1)));
    check(".5s", Some(Duration::from_millis(500)));
    check("1.000340012s", Some(Duration::new(1, 340_012)));
    check("0.000000001s", Some(Duration::from_nanos(1)));
    check("007s", Some(Duration::from_secs(7)));
    check("315576000000s", Some(Duration::from_secs(315_576_000_000)));
}

/// A text that is not a duration is an error. Other implementations accept some of these by
/// accident.
#[test]
fn bad() {
    for text in [
        "",
        "s",
        ".s",
        "1",
        "1m",
        "1ms",
        "1 s",
        " 1s",
        "1s ",
        "1S",
        "+1s",
        "--1s",
        "-1s",
        "-0s",
        "1.-5s",
        "1.+5s",
        "1e3s",
        "1_0s",
        "0x1s",
        "1.0000000001s",
        "1.2.3s",
        "1,5s",
        "infs",
        "NaNs",
        "\u{661}s",
        "315576000000.1s",
        "315576000001s",
        "99999999999999999999999s",
    ] {
        check(text, None);
    }
}

/// The error quotes the text and describes the problem.
#[test]
fn errors() {
    let check = |text: &str, expected: &str| {
        assert_eq!(parse_duration(text).unwrap_err().to_string(), expected);
    };
    check(
        "5m",
        "expected decimal seconds such as \"1.5s\", found \"5m\"",
    );
    check(
        "-1.5s",
        "expected a duration that is not negative, found \"-1.5s\"",
    );
    check(
        "--1s",
        "expected decimal seconds such as \"1.5s\", found \"--1s\"",
    );
    check(
        "1.0000000000s",
        "expected at most nine digits after the point, found \"1.0000000000s\"",
    );
    check(
        "315576000001s",
        "expected at most 315576000000 seconds, found \"315576000001s\"",
    );
}
