//! Retries, hedging and throttling:
//! [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md).

mod parsers;

use parsers::{bad, good, parse};

const RETRY: &str = r#"{"maxAttempts": 2, "initialBackoff": "1s", "maxBackoff": "2s", "backoffMultiplier": 0.5, "retryableStatusCodes": ["OK"]}"#;

fn with_policy(policy: &str) -> String {
    format!(r#"{{"methodConfig": [{{"name": [{{}}], {policy}}}]}}"#)
}

/// A field of a retry policy that is out of its range is an error for the whole config.
#[test]
fn retry_policy() {
    good(&with_policy(&format!(r#""retryPolicy": {RETRY}"#)));
    for (from, to) in [
        (r#""maxAttempts": 2"#, r#""maxAttempts": 1"#),
        (r#""maxAttempts": 2"#, r#""maxAttempts": 2.5"#),
        (r#""maxAttempts": 2"#, r#""maxAttempts": "2""#),
        (r#""maxAttempts": 2,"#, ""),
        (r#""1s""#, r#""0s""#),
        (r#""1s""#, r#""-1s""#),
        (r#""2s""#, r#""0.000s""#),
        (r#""2s""#, "2"),
        ("0.5", "0"),
        ("0.5", "-1"),
        ("0.5", "\"1\""),
        (r#"["OK"]"#, "[]"),
        (r#"["OK"]"#, "null"),
        (r#"["OK"]"#, r#"["CANCELED"]"#),
        (r#"["OK"]"#, "[17]"),
        (r#"["OK"]"#, "[-1]"),
        (r#"["OK"]"#, "[1.5]"),
        (r#"["OK"]"#, r#""OK""#),
    ] {
        let policy = RETRY.replace(from, to);
        assert_ne!(policy, RETRY, "{from}");
        assert!(
            parse(&with_policy(&format!(r#""retryPolicy": {policy}"#))).is_err(),
            "{policy}"
        );
    }
}

/// A method config with both a retry policy and a hedging policy is an error.
#[test]
fn one_of_both() {
    let both = format!(r#""retryPolicy": {RETRY}, "hedgingPolicy": {{"maxAttempts": 2}}"#);
    assert_eq!(
        bad(&with_policy(&both)),
        "methodConfig[0]: expected one of retryPolicy and hedgingPolicy, found both"
    );
}

/// Throttling is checked with and without a `methodConfig` (grpc-go checks it only with one).
#[test]
fn throttling_is_always_checked() {
    let check = |tokens: &str, ratio: &str, expected: Option<(u32, u32)>| {
        let json =
            format!(r#"{{"retryThrottling": {{"maxTokens": {tokens}, "tokenRatio": {ratio}}}}}"#);
        let found = parse(&json)
            .ok()
            .and_then(|config| config.retry_throttling());
        let found = found.map(|found| (found.max_tokens, found.token_ratio_thousandths));
        assert_eq!(found, expected, "{json}");
    };
    check("1", "0.001", Some((1, 1)));
    check("1000", "1", Some((1000, 1000)));
    check("10", "0.5469999", Some((10, 546)));
    check("10", "1.001", Some((10, 1001)));
    check("10", "0.29", Some((10, 290)));
    check("0", "1", None);
    check("1001", "1", None);
    check("0.5", "1", None);
    check("10", "0", None);
    check("10", "0.0009", None);
    check("10", "-1", None);
    check("10", "1e300", None);
    check("10", "\"1\"", None);
}
