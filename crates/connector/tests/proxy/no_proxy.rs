//! The syntax of `no_proxy`, as gRPC, Go and curl agree.

use trunkline_connector::{Destination, NoProxy};

#[track_caller]
fn check(list: &str, matching: &[(&str, u16)], others: &[(&str, u16)]) {
    let Ok(no_proxy) = list.parse::<NoProxy>();
    let contains = |(host, port): &(&str, u16)| no_proxy.contains(&Destination::new(host, *port));
    for destination in matching {
        assert!(contains(destination), "{list:?}, {destination:?}");
    }
    for destination in others {
        assert!(!contains(destination), "{list:?}, {destination:?}");
    }
}

/// A name is for the host and all names below it, with or without a leading dot; never for a name
/// that only ends with the same letters.
#[test]
fn names() {
    let hosts = [
        ("corp.test", 443),
        ("db.corp.test", 1),
        ("a.b.CORP.test.", 2),
    ];
    let others = [
        ("notcorp.test", 443),
        ("corp.test.evil", 443),
        ("test", 443),
    ];
    for list in [
        "corp.test",
        ".corp.test",
        "Corp.Test.",
        " x.test ,corp.test",
        "x corp.test\ty",
    ] {
        check(list, &hosts, &others);
    }
    check("*.corp.test", &hosts[1..], &[hosts[0], others[0]]);
}

/// `*` is for everything, also as one of several entries.
#[test]
fn everything() {
    for list in ["*", "a.test,*"] {
        check(list, &[("corp.test", 1), ("192.0.2.1", 2), ("::1", 3)], &[]);
    }
}

/// An address is for itself, in each of its forms; a network is for its addresses.
#[test]
fn addresses_and_networks() {
    check(
        "192.0.2.1",
        &[("192.0.2.1", 1), ("::ffff:192.0.2.1", 2)],
        &[("192.0.2.10", 1)],
    );
    check(
        "[2001:db8::1]",
        &[("2001:db8:0::1", 1), ("[2001:db8::1]", 2)],
        &[("2001:db8::2", 1)],
    );
    check("2001:DB8::1", &[("2001:db8::1", 1)], &[("192.0.2.1", 1)]);
    check(
        "10.0.0.0/8",
        &[("10.0.0.0", 1), ("10.255.255.255", 1)],
        &[("11.0.0.0", 1), ("10.test", 1)],
    );
    check("10.1.2.3/8", &[("10.9.9.9", 1)], &[("11.0.0.0", 1)]);
    check(
        "0.0.0.0/0",
        &[("192.0.2.1", 1)],
        &[("::1", 1), ("a.test", 1)],
    );
    check("192.0.2.7/32", &[("192.0.2.7", 1)], &[("192.0.2.6", 1)]);
    check(
        "2001:db8::/33",
        &[("2001:db8:7fff::1", 1)],
        &[("2001:db8:8000::1", 1)],
    );
    check(
        "::ffff:192.0.2.0/120",
        &[("192.0.2.200", 1)],
        &[("192.0.3.1", 1)],
    );
}

/// An entry with a port is for that port alone.
#[test]
fn ports() {
    check(
        "corp.test:8443",
        &[("db.corp.test", 8443)],
        &[("corp.test", 443)],
    );
    check("192.0.2.1:80", &[("192.0.2.1", 80)], &[("192.0.2.1", 443)]);
    check(
        "[2001:db8::1]:80",
        &[("2001:db8::1", 80)],
        &[("2001:db8::1", 443)],
    );
}

/// What cannot be read is ignored; the other entries count.
#[test]
fn bad_entries_are_ignored() {
    for bad in [
        "",
        ",,",
        "10.0.0.0/33",
        "::/129",
        "10.0.0/8",
        "a.test:x",
        ".",
        "*.",
        ":80",
        "a*b.test",
    ] {
        let list = format!("{bad},corp.test");
        check(
            &list,
            &[("corp.test", 1)],
            &[("a.test", 1), ("10.0.0.1", 1), ("2001:db8::1", 80)],
        );
    }
}
