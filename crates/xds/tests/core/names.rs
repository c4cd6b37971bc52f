//! 2.17: names of resources.

use trunkline_xds::core::{AuthorityName, ResourceName, ResourceType};

const CLUSTER: &str = "envoy.config.cluster.v3.Cluster";

/// Checks the canonical form and the authority of a cluster's name, or the error.
fn check(text: &str, expected: Result<(&str, AuthorityName), &str>) {
    let name = ResourceName::parse(ResourceType::Cluster, text);
    let name = name
        .map(|name| (name.to_string(), name.authority().clone()))
        .map_err(|error| error.to_string());
    let expected = expected
        .map(|(name, authority)| (name.to_owned(), authority))
        .map_err(str::to_owned);
    assert_eq!(name, expected);
}

fn named(authority: &str) -> AuthorityName {
    AuthorityName::Named(authority.into())
}

/// 2.17: a name that is no `xdstp:` URI is opaque.
#[test]
fn xds_2_17_old_names() {
    for name in [
        "orders",
        "outbound|80||orders.shop",
        "a%zz?b=1&a=2#c",
        "https://a/b",
    ] {
        check(name, Ok((name, AuthorityName::Old)));
    }
    check("", Err("name \"\": it is empty"));
    assert_eq!(AuthorityName::Old.to_string(), "#old");
}

/// 2.17: names are compared with their parameters sorted by key, and without a directive.
#[test]
fn xds_2_17_canonical_form() {
    let name = |rest: &str| format!("xdstp://a/{CLUSTER}/{rest}");
    for same in [
        "x/y?a=1&b=2&b=0",
        "x/y?b=2&a=1&b=0",
        "x/y?b=2&&b=0&a=1#alt=xdstp",
    ] {
        check(&name(same), Ok((&name("x/y?a=1&b=2&b=0"), named("a"))));
    }
    check(&name("x?#"), Ok((&name("x"), named("a"))));
    // RFC 3986 section 6.2.2: escapes of what needs none are decoded, the others are in upper case.
    check(
        &name("%7ex%2f%20 y?k=%7E"),
        Ok((&name("~x%2F%20%20y?k=~"), named("a"))),
    );
    check(
        &format!("xdstp:///{CLUSTER}/x"),
        Ok((&format!("xdstp:///{CLUSTER}/x"), named(""))),
    );
    check(
        &format!("xdstp://a%20b%2fc/{CLUSTER}/x"),
        Ok((&format!("xdstp://a%20b%2Fc/{CLUSTER}/x"), named("a b/c"))),
    );
}

/// 2.17: the type must be the resource's, and there are at least two segments.
#[test]
fn xds_2_17_malformed_names() {
    check(
        "xdstp:a",
        Err("name \"xdstp:a\": no \"//\" after \"xdstp:\""),
    );
    check(
        "xdstp://a",
        Err("name \"xdstp://a\": its type is \"\", not \"envoy.config.cluster.v3.Cluster\""),
    );
    check(
        "xdstp://a/L/x",
        Err("name \"xdstp://a/L/x\": its type is \"L\", not \"envoy.config.cluster.v3.Cluster\""),
    );
    let no_id = format!("xdstp://a/{CLUSTER}");
    check(
        &no_id,
        Err(&format!("name \"{no_id}\": no path after the type")),
    );
    let escape = format!("xdstp://a/{CLUSTER}/%2x");
    let reason = "a \"%\" without two hexadecimal digits";
    check(&escape, Err(&format!("name \"{escape}\": {reason}")));
}

/// A canonical name parses to itself.
#[test]
fn xds_2_17_canonical_form_is_a_fixed_point() {
    let parse = |text: &str| ResourceName::parse(ResourceType::Cluster, text);
    for rest in ["x", "%25", "a b?c d=%26&a=#f", "%C3%A9é", "?x", "x?a?b=1"] {
        if let Ok(name) = parse(&format!("xdstp://a/{CLUSTER}/{rest}")) {
            assert_eq!(parse(name.as_str()), Ok(name));
        }
    }
}
