//! Tests of `trunkline target`.

use serde_json::{Value, json};

use crate::command::{object, trunkline};

/// Every part of the target is printed; a field that does not apply is null.
#[test]
fn a_target_is_taken_apart() {
    let (status, object) = object(&["target", "dns://localhost:1053/orders%2Eprod:5000?a=b#c"]);
    assert_eq!(status, 0);
    let expected = json!({
        "input": "dns://localhost:1053/orders%2Eprod:5000?a=b#c",
        "scheme": "dns",
        "authority": "localhost:1053",
        "endpoint": "orders.prod:5000",
        "path": "/orders.prod:5000",
        "opaque": null,
        "userinfo": null,
        "query": "a=b",
        "fragment": "c",
        "canonical": "dns://localhost:1053/orders.prod:5000",
        "default_authority": "orders.prod:5000",
        "used_default_scheme": false,
        "dns": { "host": "orders.prod", "port": 5000, "server": "localhost:1053" },
    });
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&object[field], value, "{field}");
    }
}

/// `opaque` and `userinfo` have values only for the targets that have these parts.
#[test]
fn parts_that_are_rare() {
    let (_, plain) = object(&["target", "dns:orders:5000"]);
    assert_eq!(plain["opaque"], "orders:5000");
    assert_eq!(plain["authority"], Value::Null);
    let (_, with_user) = object(&["target", "dns://me@localhost/orders"]);
    assert_eq!(with_user["userinfo"], "me");
    assert_eq!(with_user["opaque"], Value::Null);
    assert_eq!(with_user["authority"], "localhost");
}

/// Each scheme has its typed view, under the name of the scheme.
#[test]
fn typed_views() {
    let check = |target: &str, field: &str, expected: Value| {
        let (status, object) = object(&["target", target]);
        assert_eq!((status, &object[field]), (0, &expected), "{target}");
    };
    check(
        "orders",
        "dns",
        json!({ "host": "orders", "port": 443, "server": null }),
    );
    check("unix:/run/a%20b", "unix", json!({ "path": "/run/a b" }));
    check("unix-abstract:a", "unix_abstract", json!({ "name": "a" }));
    check(
        "ipv4:1.2.3.4,5.6.7.8:9",
        "ipv4",
        json!({ "addresses": ["1.2.3.4:443", "5.6.7.8:9"] }),
    );
    check("ipv6:[::1]:2", "ipv6", json!({ "addresses": ["[::1]:2"] }));
    check("vsock:1:2", "vsock", json!({ "cid": 1, "port": 2 }));
    check("xds://a/b", "xds", json!({ "authority": "a", "name": "b" }));
}

/// `--scheme` registers a scheme, and `--default-scheme` sets the default scheme.
#[test]
fn schemes_can_be_registered() {
    let (_, object) = object(&["target", "etcd:x", "--scheme", "etcd"]);
    assert_eq!(
        (&object["scheme"], &object["used_default_scheme"]),
        (&json!("etcd"), &json!(false))
    );
    let (_, object) = crate::command::object(&["target", "x", "--default-scheme", "passthrough"]);
    assert_eq!(object["canonical"], "passthrough:///x");
}

/// An invalid target ends with status 2; the error has its kind, its place and a suggestion.
#[test]
fn a_bad_target_is_explained() {
    let (status, object) = object(&["target", "dns://my-svc:5000"]);
    assert_eq!(status, 2);
    assert_eq!(object["error"]["kind"], "endpoint");
    assert_eq!(object["error"]["at"], 17);
    assert_eq!(object["error"]["suggestion"], "dns:///my-svc:5000");
    let ran = trunkline(&["target", "dns://my-svc:5000"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr
            .contains("between the second and the third slash"),
        "{}",
        ran.stderr
    );
}

/// For common slips, the suggestion is the target that was meant, and is itself valid.
#[test]
fn slips_have_suggestions() {
    let check = |slip: &str, expected: &str| {
        let (status, object) = object(&["target", slip]);
        let suggestion = match status {
            0 => &object["warnings"][0]["suggestion"],
            _ => &object["error"]["suggestion"],
        };
        assert_eq!(suggestion, expected, "{slip:?}");
        assert_eq!(trunkline(&["target", expected]).status, 0, "{expected}");
    };
    check("dns://my-svc:5000", "dns:///my-svc:5000");
    check("http://orders:5000", "dns:///orders:5000");
    check("https://orders.example/x", "dns:///orders.example");
    check("unix://relative", "unix:relative");
    check("fe80::1%eth0", "fe80::1%25eth0");
    check("[fe80::1%eth0]:443", "[fe80::1%25eth0]:443");
    check("host:", "host");
    check("[::1", "[::1]");
    check("host:500051", "host:50051");
    check("host:65536", "host:443");
    check("host:80  ", "host:80");
    check("dns:/orders", "dns:///orders");
    check("dns:///10.0.0.1,10.0.0.2", "ipv4:10.0.0.1,10.0.0.2");
    check("localhost;80", "localhost:80");
}

/// A valid target that is probably a slip works, with a warning.
#[test]
fn a_slip_is_a_warning() {
    let (status, object) = object(&["target", "dns:/x"]);
    assert_eq!(status, 0);
    assert_eq!(object["warnings"][0]["suggestion"], "dns:///x");
}

/// An invalid command line ends with status 2.
#[test]
fn a_bad_command_line() {
    assert_eq!(trunkline(&["target"]).status, 2);
    assert_eq!(trunkline(&["resolve", "x", "--every", "-1"]).status, 2);
    assert_eq!(
        trunkline(&["call", "x", "--lb", "a", "--service-config", "{}"]).status,
        2
    );
}
