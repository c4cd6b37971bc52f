//! The choice of a service config from a TXT record:
//! [gRFC A2](https://github.com/grpc/proposal/blob/master/A2-service-configs-in-dns.md).

use trunkline_service_config::{Client, choose, choose_from_txt};

/// Checks what a client chooses from `list`. It is written in Rust, runs on the host `web-1`, and
/// has drawn the number 29 of 0 to 99, so that it is among the first 30 percent.
fn check(list: &str, expected: Option<&str>) {
    let client = Client::new(29, Some("web-1"));
    let found = choose(list, &client).unwrap_or_else(|error| panic!("{list}: {error}"));
    assert_eq!(found.as_deref(), expected, "{list}");
}

/// The first choice whose conditions all hold is taken. A condition that is absent, `null` or an
/// empty list holds for every client.
#[test]
fn first_match() {
    const YES: Option<&str> = Some("{}");
    check(r#"[{"serviceConfig": {}}]"#, YES);
    check(
        r#"[{"serviceConfig": {"a": 1}}, {"serviceConfig": {"b": 2}}]"#,
        Some(r#"{"a":1}"#),
    );
    check(
        r#"[{"clientLanguage": [], "clientHostname": [], "serviceConfig": {}}]"#,
        YES,
    );
    check(
        r#"[{"clientLanguage": null, "percentage": null, "serviceConfig": {}}]"#,
        YES,
    );
    check(
        r#"[{"clientLanguage": ["go", "RUST"], "serviceConfig": {}}]"#,
        YES,
    );
    check(r#"[{"clientLanguage": ["go"], "serviceConfig": {}}]"#, None);
    check(
        r#"[{"clientHostname": ["web-2", "web-1"], "serviceConfig": {}}]"#,
        YES,
    );
    check(
        r#"[{"clientHostname": ["WEB-1"], "serviceConfig": {}}]"#,
        None,
    );
    check(r#"[{"percentage": 30, "serviceConfig": {}}]"#, YES);
    check(r#"[{"percentage": 29, "serviceConfig": {}}]"#, None);
    check(
        r#"[{"clientLanguage": ["rust"], "percentage": 0, "serviceConfig": {}}]"#,
        None,
    );
    check(
        r#"[{"clientLanguage": ["go"], "serviceConfig": {"a": 1}}, {"percentage": 100, "serviceConfig": {"b": 2}}]"#,
        Some(r#"{"b":2}"#),
    );
    check("[]", None);
}

/// A choice for N percent of the clients is meant for N of the 100 samples.
#[test]
fn percentage() {
    for percentage in [0, 1, 50, 99, 100] {
        let list = format!(r#"[{{"percentage": {percentage}, "serviceConfig": {{}}}}]"#);
        let chosen = (0..100).filter(|sample| {
            let choice = choose(&list, &Client::new(*sample, None));
            choice.expect("the list is good").is_some()
        });
        assert_eq!(chosen.count(), percentage);
    }
}

/// An unknown host name matches no list of names.
#[test]
fn unknown_hostname() {
    let list = r#"[{"clientHostname": [""], "serviceConfig": {}}]"#;
    assert_eq!(choose(list, &Client::new(0, None)), Ok(None));
}

/// One bad choice, at any place, is an error for the whole list. The content of the service configs
/// is not checked here.
#[test]
fn bad_lists() {
    let cases = [
        ("{}", "expected an array, found an object"),
        (
            r#"[{"serviceConfig": {}}, 7]"#,
            "[1]: expected an object, found 7",
        ),
        ("[{}]", "[0].serviceConfig: is missing"),
        (
            r#"[{"serviceConfig": []}]"#,
            "[0].serviceConfig: expected an object, found an array",
        ),
        (
            r#"[{"serviceConfig": {}}, {"region": "eu", "serviceConfig": {}}]"#,
            "[1].region: is no field of a choice",
        ),
        (
            r#"[{"percentage": 101, "serviceConfig": {}}]"#,
            "[0].percentage: expected an integer from 0 to 100, found 101",
        ),
        (
            r#"[{"percentage": -1, "serviceConfig": {}}]"#,
            "[0].percentage: expected an integer from 0 to 100, found -1",
        ),
        (
            r#"[{"clientLanguage": "rust", "serviceConfig": {}}]"#,
            "[0].clientLanguage: expected an array, found \"rust\"",
        ),
        (
            r#"[{"clientHostname": [1], "serviceConfig": {}}]"#,
            "[0].clientHostname[0]: expected a string, found 1",
        ),
    ];
    for (list, expected) in cases {
        let error = choose(list, &Client::new(0, None)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert!(choose("", &Client::new(0, None)).is_err());
    check(
        r#"[{"serviceConfig": {"methodConfig": 7}}]"#,
        Some(r#"{"methodConfig":7}"#),
    );
}

/// Only the record that starts with `grpc_config=` is read. Other records, such as SPF, are
/// ignored.
#[test]
fn records() {
    let client = Client::new(0, None);
    let from = |records: &[&str]| choose_from_txt(records.iter().copied(), &client);
    assert_eq!(from(&[]), Ok(None));
    assert_eq!(
        from(&["v=spf1 -all", "GRPC_CONFIG=[]", " grpc_config=[]"]),
        Ok(None)
    );
    let ours = r#"grpc_config=[{"serviceConfig":{}}]"#;
    assert_eq!(from(&["v=spf1 -all", ours]), Ok(Some("{}".to_owned())));
    assert!(from(&["grpc_config=nonsense", ours]).is_err());
}
