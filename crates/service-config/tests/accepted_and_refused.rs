//! What is accepted and what is refused: the examples on which gRPC's clients were run, one a row. A
//! row that begins with "stricter" or "more lenient" is one in which grpc-go differs.
//!
//! Source: [service_config.proto](https://github.com/grpc/grpc-proto/blob/master/grpc/service_config/service_config.proto),
//! [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md),
//! [gRFC A24](https://github.com/grpc/proposal/blob/master/A24-lb-policy-config.md).

mod parsers;

use parsers::parse;

/// The config is accepted.
const OK: Option<&str> = None;

/// The config is refused, and the error has this JSON pointer.
const fn refused(pointer: &str) -> Option<&str> {
    Some(pointer)
}

/// Checks the config of each row; `wrap` makes a config of a row's text.
fn check(rows: &[(&str, &str, Option<&str>)], wrap: impl Fn(&str) -> String) {
    for (row, text, expected) in rows {
        let json = wrap(text);
        let found = parse(&json).err().map(|error| error.pointer());
        assert_eq!(found.as_deref(), *expected, "{row}: {json}");
    }
}

#[test]
fn whole_configs() {
    let rows = [
        ("the empty config", "{}", OK),
        ("blanks around it", " {} ", OK),
        ("stricter: null is no config", "null", refused("")),
        ("an array", "[]", refused("")),
        ("no text", "", refused("")),
        ("data after the end", "{} {}", refused("")),
        ("an unknown field", r#"{"unknown": {"a": [1]}}"#, OK),
        (
            "stricter: names of fields are case-sensitive, so this field is unknown",
            r#"{"METHODCONFIG": 1}"#,
            OK,
        ),
        (
            "the last of duplicate keys wins",
            r#"{"methodConfig": 1, "methodConfig": []}"#,
            OK,
        ),
        (
            "the last of duplicate keys wins, if it is bad too",
            r#"{"methodConfig": [], "methodConfig": 1}"#,
            refused("/methodConfig"),
        ),
        ("null is absent", r#"{"methodConfig": null}"#, OK),
    ];
    check(&rows, str::to_owned);
}

#[test]
fn load_balancing_policy() {
    let rows = [
        ("a known policy", r#""round_robin""#, OK),
        ("the empty name", r#""""#, OK),
        (
            "stricter: an unknown policy is refused (gRFC A21), not replaced by pick_first",
            r#""nonsense""#,
            refused("/loadBalancingPolicy"),
        ),
        ("not a string", "1", refused("/loadBalancingPolicy")),
    ];
    check(&rows, |text| {
        format!(r#"{{"loadBalancingPolicy": {text}}}"#)
    });
}

#[test]
fn load_balancing_config() {
    let list = "/loadBalancingConfig";
    let rows = [
        ("no policy", "[]", refused(list)),
        ("no known policy", r#"[{"a": {}}]"#, refused(list)),
        ("an object", "{}", refused(list)),
        (
            "an entry without a policy",
            "[{}]",
            refused("/loadBalancingConfig/0"),
        ),
        (
            "an entry with two policies, both unknown",
            r#"[{"a": {}, "b": {}}, {"pick_first": {}}]"#,
            refused("/loadBalancingConfig/0"),
        ),
        (
            "an entry after the chosen one may be malformed",
            r#"[{"pick_first": {}}, 7, {}]"#,
            OK,
        ),
        (
            "null for a policy's config",
            r#"[{"pick_first": null}]"#,
            OK,
        ),
        (
            "the first known policy's config is bad",
            r#"[{"a": 1}, {"pick_first": {"shuffleAddressList": 1}}, {"round_robin": {}}]"#,
            refused("/loadBalancingConfig/1/pick_first/shuffleAddressList"),
        ),
    ];
    check(&rows, |text| {
        format!(r#"{{"loadBalancingConfig": {text}}}"#)
    });
    // The list wins over the deprecated field, also where it is bad.
    let rows = [("both", "[]", refused(list))];
    check(&rows, |text| {
        format!(r#"{{"loadBalancingPolicy": "pick_first", "loadBalancingConfig": {text}}}"#)
    });
}

#[test]
fn names_of_methods() {
    let rows = [
        ("an entry without `name`", r#"{"timeout": "1s"}"#, OK),
        ("the default of all methods", r#"{"name": [{}]}"#, OK),
        ("a service", r#"{"name": [{"service": "a.S"}]}"#, OK),
        (
            "a method without a service",
            r#"{"name": [{"method": "M"}]}"#,
            refused("/methodConfig/0/name/0"),
        ),
        (
            "the same path twice in an entry",
            r#"{"name": [{"service": "a"}, {"service": "a", "method": ""}]}"#,
            refused("/methodConfig/0/name/1"),
        ),
        (
            "the same path twice in the config",
            r#"{"name": [{"service": "a"}]}, {"name": [{"service": "a"}]}"#,
            refused("/methodConfig/1/name/0"),
        ),
        (
            "a bad policy beside an empty list of names",
            r#"{"name": [], "retryPolicy": {}}"#,
            refused("/methodConfig/0/retryPolicy/maxAttempts"),
        ),
        (
            "stricter: a bad policy without names is refused too",
            r#"{"retryPolicy": {}}"#,
            refused("/methodConfig/0/retryPolicy/maxAttempts"),
        ),
    ];
    check(&rows, |text| format!(r#"{{"methodConfig": [{text}]}}"#));
}

#[test]
fn fields_of_methods() {
    let (wait, timeout) = ("/methodConfig/0/waitForReady", "/methodConfig/0/timeout");
    let (request, response) = (
        "/methodConfig/0/maxRequestMessageBytes",
        "/methodConfig/0/maxResponseMessageBytes",
    );
    let rows = [
        ("a boolean", r#""waitForReady": true"#, OK),
        ("a string", r#""waitForReady": "true""#, refused(wait)),
        ("seconds", r#""timeout": "1.5s""#, OK),
        ("nine digits", r#""timeout": "0.000000001s""#, OK),
        (
            "ten digits",
            r#""timeout": "0.0000000001s""#,
            refused(timeout),
        ),
        ("nothing before the point", r#""timeout": ".5s""#, OK),
        ("nothing after the point", r#""timeout": "1.s""#, OK),
        ("no digit", r#""timeout": ".s""#, refused(timeout)),
        ("the longest", r#""timeout": "315576000000s""#, OK),
        (
            "too long",
            r#""timeout": "315576000001s""#,
            refused(timeout),
        ),
        ("a number", r#""timeout": 1"#, refused(timeout)),
        ("no unit", r#""timeout": "1""#, refused(timeout)),
        ("no text", r#""timeout": """#, refused(timeout)),
        ("an exponent", r#""timeout": "1e3s""#, refused(timeout)),
        ("an underscore", r#""timeout": "1_0s""#, refused(timeout)),
        (
            "stricter: a negative time-out",
            r#""timeout": "-1s""#,
            refused(timeout),
        ),
        (
            "stricter: a plus sign",
            r#""timeout": "+1s""#,
            refused(timeout),
        ),
        (
            "stricter: two signs",
            r#""timeout": "--1s""#,
            refused(timeout),
        ),
        (
            "stricter: a sign inside",
            r#""timeout": "1.-5s""#,
            refused(timeout),
        ),
        ("an integer", r#""maxRequestMessageBytes": 0"#, OK),
        (
            "a string",
            r#""maxRequestMessageBytes": "1""#,
            refused(request),
        ),
        (
            "a fraction",
            r#""maxResponseMessageBytes": 1.5"#,
            refused(response),
        ),
        (
            "stricter: -1",
            r#""maxResponseMessageBytes": -1"#,
            refused(response),
        ),
        (
            "2^32",
            r#""maxResponseMessageBytes": 4294967296"#,
            refused(response),
        ),
    ];
    check(&rows, |text| {
        format!(r#"{{"methodConfig": [{{"name": [{{}}], {text}}}]}}"#)
    });
}

#[test]
fn retry_policies() {
    let (attempts, initial, max, multiplier, codes) = (
        "/methodConfig/0/retryPolicy/maxAttempts",
        "/methodConfig/0/retryPolicy/initialBackoff",
        "/methodConfig/0/retryPolicy/maxBackoff",
        "/methodConfig/0/retryPolicy/backoffMultiplier",
        "/methodConfig/0/retryPolicy/retryableStatusCodes",
    );
    let code = "/methodConfig/0/retryPolicy/retryableStatusCodes/0";
    let rows = [
        ("2 attempts", r#""maxAttempts": 2"#, OK),
        ("more than the cap of the client", r#""maxAttempts": 9"#, OK),
        ("1 attempt", r#""maxAttempts": 1"#, refused(attempts)),
        (
            "half an attempt",
            r#""maxAttempts": 2.5"#,
            refused(attempts),
        ),
        ("no attempts", r#""maxAttempts": null"#, refused(attempts)),
        (
            "no first delay",
            r#""initialBackoff": "0s""#,
            refused(initial),
        ),
        ("no longest delay", r#""maxBackoff": "0s""#, refused(max)),
        (
            "no factor",
            r#""backoffMultiplier": 0"#,
            refused(multiplier),
        ),
        ("a number", r#""retryableStatusCodes": [14]"#, OK),
        ("a name", r#""retryableStatusCodes": ["CANCELLED"]"#, OK),
        ("OK", r#""retryableStatusCodes": ["OK"]"#, OK),
        (
            "more lenient: lower case (service_config.proto: case-insensitive)",
            r#""retryableStatusCodes": ["unavailable"]"#,
            OK,
        ),
        (
            "one L",
            r#""retryableStatusCodes": ["CANCELED"]"#,
            refused(code),
        ),
        ("17", r#""retryableStatusCodes": [17]"#, refused(code)),
        ("none", r#""retryableStatusCodes": []"#, refused(codes)),
    ];
    check(&rows, |text| {
        // The last of duplicate keys wins.
        format!(
            r#"{{"methodConfig": [{{"name": [{{}}], "retryPolicy": {{
                "maxAttempts": 3, "initialBackoff": "1s", "maxBackoff": "2s",
                "backoffMultiplier": 2, "retryableStatusCodes": [1], {text}}}}}]}}"#
        )
    });
}

/// grpc-go ignores `hedgingPolicy`.
#[test]
fn hedging_policies() {
    let policy = "/methodConfig/0/hedgingPolicy";
    let attempts = "/methodConfig/0/hedgingPolicy/maxAttempts";
    let delay = "/methodConfig/0/hedgingPolicy/hedgingDelay";
    let code = "/methodConfig/0/hedgingPolicy/nonFatalStatusCodes/0";
    let rows = [
        ("attempts alone", r#"{"maxAttempts": 2}"#, OK),
        ("1 attempt", r#"{"maxAttempts": 1}"#, refused(attempts)),
        ("no attempts", "{}", refused(attempts)),
        (
            "no delay",
            r#"{"maxAttempts": 2, "hedgingDelay": "0s"}"#,
            OK,
        ),
        (
            "a bad delay",
            r#"{"maxAttempts": 2, "hedgingDelay": 1}"#,
            refused(delay),
        ),
        (
            "no codes",
            r#"{"maxAttempts": 2, "nonFatalStatusCodes": []}"#,
            OK,
        ),
        (
            "an unknown code",
            r#"{"maxAttempts": 2, "nonFatalStatusCodes": ["X"]}"#,
            refused(code),
        ),
        ("an array", "[]", refused(policy)),
    ];
    check(&rows, |text| {
        format!(r#"{{"methodConfig": [{{"name": [{{}}], "hedgingPolicy": {text}}}]}}"#)
    });
}

#[test]
fn retry_throttling() {
    let (tokens, ratio) = ("/retryThrottling/maxTokens", "/retryThrottling/tokenRatio");
    let rows = [
        ("in range", r#"{"maxTokens": 1000, "tokenRatio": 0.5}"#, OK),
        (
            "too many tokens",
            r#"{"maxTokens": 1001, "tokenRatio": 1}"#,
            refused(tokens),
        ),
        (
            "no tokens",
            r#"{"maxTokens": 0, "tokenRatio": 1}"#,
            refused(tokens),
        ),
        (
            "stricter: half a token (gRFC A6: an integer)",
            r#"{"maxTokens": 0.5, "tokenRatio": 1}"#,
            refused(tokens),
        ),
        (
            "no ratio",
            r#"{"maxTokens": 1, "tokenRatio": 0}"#,
            refused(ratio),
        ),
    ];
    // Stricter: grpc-go checks it only beside a `methodConfig`.
    check(&rows, |text| format!(r#"{{"retryThrottling": {text}}}"#));
    check(&rows, |text| {
        format!(r#"{{"retryThrottling": {text}, "methodConfig": []}}"#)
    });
}

#[test]
fn health_and_scaling() {
    let rows = [
        (
            "a service",
            r#"{"healthCheckConfig": {"serviceName": "a"}}"#,
            OK,
        ),
        (
            "the server",
            r#"{"healthCheckConfig": {"serviceName": ""}}"#,
            OK,
        ),
        ("no service", r#"{"healthCheckConfig": {}}"#, OK),
        (
            "a number",
            r#"{"healthCheckConfig": {"serviceName": 1}}"#,
            refused("/healthCheckConfig/serviceName"),
        ),
        (
            "a list",
            r#"{"healthCheckConfig": []}"#,
            refused("/healthCheckConfig"),
        ),
        (
            "connections",
            r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 3}}"#,
            OK,
        ),
        (
            "fewer than none",
            r#"{"connectionScaling": {"maxConnectionsPerSubchannel": -1}}"#,
            refused("/connectionScaling/maxConnectionsPerSubchannel"),
        ),
    ];
    check(&rows, str::to_owned);
}
