//! SPIFFE identities and trust bundle maps: clause 6.6 of the specification, gRFC A87.

use serde_json::{Value, json};
use trunkline_xds::core::san::SubjectAltName;
use trunkline_xds::core::spiffe::{SpiffeError, SpiffeErrorKind, SpiffeId, TrustBundles};

fn uri(text: &str) -> SubjectAltName {
    SubjectAltName::Uri(text.into())
}

fn dns(text: &str) -> SubjectAltName {
    SubjectAltName::Dns(text.into())
}

/// An identity has a trust domain and a path, which may be empty.
#[test]
fn xds_6_6_identity() {
    let check = |text: &str, domain: &str, path: &str| {
        let id: SpiffeId = text.parse().expect("an identity");
        assert_eq!((id.trust_domain(), id.path()), (domain, path), "{text}");
    };
    check("spiffe://example.org", "example.org", "");
    check(
        "spiffe://example.org/ns/shop/sa/Orders",
        "example.org",
        "/ns/shop/sa/Orders",
    );
    check("spiffe://a_b-c.1/._-", "a_b-c.1", "/._-");
}

/// What is malformed is no identity.
#[test]
fn xds_6_6_malformed_identities() {
    let long_domain = format!("spiffe://{}/a", "a".repeat(256));
    let long = format!("spiffe://a/{}", "a".repeat(2048));
    for text in [
        "",
        "spiffe://",
        "spiffe:///orders",
        "SPIFFE://example.org/orders",
        "https://example.org/orders",
        "spiffe://Example.org/orders",
        "spiffe://example.org:443/orders",
        "spiffe://user@example.org/orders",
        "spiffe://example.org/",
        "spiffe://example.org//orders",
        "spiffe://example.org/orders/",
        "spiffe://example.org/../orders",
        "spiffe://example.org/./orders",
        "spiffe://example.org/orders?a",
        "spiffe://example.org/orders#a",
        "spiffe://example.org/%6frders",
        &long_domain,
        &long,
    ] {
        let parsed: Result<SpiffeId, _> = text.parse();
        let shown = &text[..text.len().min(100)];
        let error = SpiffeError::from(SpiffeErrorKind::Malformed(shown.into()));
        assert_eq!(parsed, Err(error), "{text}");
    }
}

/// A certificate has exactly one URI, which is its identity.
#[test]
fn xds_6_6_exactly_one_uri() {
    let one = uri("spiffe://example.org/orders");
    let id = SpiffeId::of_names(&[dns("orders.example"), one.clone()]).expect("an identity");
    assert_eq!(id.trust_domain(), "example.org");
    for (names, count) in [
        (vec![], 0),
        (vec![dns("orders.example")], 0),
        (vec![one.clone(), uri("https://orders.example")], 2),
        (vec![one.clone(), one.clone(), one], 3),
    ] {
        let error = SpiffeError::from(SpiffeErrorKind::UriCount(count));
        assert_eq!(SpiffeId::of_names(&names), Err(error));
    }
}

fn key(certificate: &str) -> Value {
    json!({ "kty": "EC", "use": "x509-svid", "kid": "1", "x5c": [certificate] })
}

/// Returns a map with this bundle for `example.org`.
fn map(bundle: &Value) -> String {
    json!({ "trust_domains": { "example.org": bundle } }).to_string()
}

/// The roots of the trust domain of an identity. Another trust domain is refused.
#[test]
fn xds_6_6_trust_bundles() {
    let bundle = json!({ "spiffe_sequence": 7, "keys": [key("AQID"), key("BAU=")] });
    let bundles = TrustBundles::parse(&map(&bundle)).expect("a map");
    let id = |text: &str| -> SpiffeId { text.parse().expect("an identity") };
    let roots = bundles.roots_of(&id("spiffe://example.org/orders"));
    assert_eq!(*roots.expect("roots"), [&[1, 2, 3][..], &[4, 5]]);
    let error = bundles.roots_of(&id("spiffe://elsewhere.org/orders"));
    assert_eq!(
        error.map_err(|error| error.to_string()),
        Err("the trust domain \"elsewhere.org\" is not in the trust bundle map".into())
    );
    assert_eq!(
        TrustBundles::parse(r#"{"trust_domains": {}}"#),
        Ok(TrustBundles::default())
    );
}

/// One bad entry makes all of the map bad. The text has its place, and nothing of the contents.
#[test]
fn xds_6_6_bad_trust_bundles() {
    let check = |json: &str, text: &str| {
        let parsed = TrustBundles::parse(json).map_err(|error| error.to_string());
        assert_eq!(parsed, Err(text.into()), "{json}");
    };
    check("{", "line 1, column 1: no JSON");
    check("[]", "trust_domains: must be an object");
    check(
        r#"{"trust_domains": {"Example.org": {}}}"#,
        "trust_domains[\"Example.org\"]: is no trust domain",
    );
    let place = "trust_domains[\"example.org\"].keys";
    check(&map(&json!({})), &format!("{place}: must be an array"));
    check(
        &map(&json!({ "keys": [1] })),
        &format!("{place}[0]: must be an object"),
    );
    for (field, value, text) in [
        ("kty", json!("oct"), "kty: must be \"EC\" or \"RSA\""),
        ("use", json!("jwt-svid"), "use: must be \"x509-svid\""),
        ("use", Value::Null, "use: must be \"x509-svid\""),
        ("x5c", json!([]), "x5c: must be an array of one certificate"),
        (
            "x5c",
            json!(["AQID", "AQID"]),
            "x5c: must be an array of one certificate",
        ),
        (
            "x5c",
            json!([7]),
            "x5c: must be an array of one certificate",
        ),
        ("x5c", json!(["no base64!"]), "x5c[0]: is no base64"),
    ] {
        let mut bad = key("AQID");
        bad[field] = value;
        let bundle = json!({ "keys": [key("AQID"), bad] });
        check(&map(&bundle), &format!("{place}[1].{text}"));
    }
}
