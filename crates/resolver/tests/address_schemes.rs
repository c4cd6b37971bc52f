//! The schemes whose targets need no lookup, and the checks of targets.
//!
//! Source: [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md).

mod support;

use support::world::World;
use support::{poll, printed};
use trunkline_endpoint::Location;
use trunkline_resolver::{AddressScheme, ResolveErrorKind, ResolverFactory, ResolverRegistry};
use trunkline_target::Target;

/// Resolves with the standard registry, and returns the address of each endpoint.
fn resolve(target: &str) -> Result<Vec<Location>, String> {
    let target = Target::parse(target).expect("valid target");
    let registry = ResolverRegistry::standard();
    let factory = registry.get(target.scheme()).expect("a standard scheme");
    factory.check(&target).map_err(|error| error.to_string())?;
    let mut resolver = factory
        .build(&target, &World::new().options())
        .expect("checked target");
    let std::task::Poll::Ready(resolution) = poll(&mut resolver) else {
        panic!("{target} needs no lookup")
    };
    resolver.resolve_now();
    assert!(poll(&mut resolver).is_pending(), "nothing can change");
    let endpoints = resolution.endpoints.expect("there are endpoints");
    Ok(endpoints
        .iter()
        .map(|endpoint| {
            let [address] = endpoint.addresses() else {
                panic!("one address: {endpoint:?}")
            };
            address.location().clone()
        })
        .collect())
}

fn check(target: &str, expected: &[&str]) {
    let locations = resolve(target).expect("usable target");
    let printed: Vec<String> = locations.iter().map(ToString::to_string).collect();
    assert_eq!(printed, expected, "{target}");
}

/// `passthrough` has one address. An IP literal is an IP address, a host name stays a name for the
/// connector to look up, and a Unix socket is also allowed.
#[test]
fn passthrough() {
    check("passthrough:///db.test:5000", &["db.test:5000"]);
    check("passthrough:///192.0.2.1:5000", &["192.0.2.1:5000"]);
    check("passthrough:///[2001:db8::1]:5000", &["[2001:db8::1]:5000"]);
    check("passthrough:///unix:/run/db", &["unix:/run/db"]);
    check("passthrough:///unix:run/db", &["unix:run/db"]);
    check("passthrough:///unix:///run/db", &["unix:/run/db"]);
    check("passthrough:///unix-abstract:db", &["unix-abstract:db"]);
    assert_eq!(
        resolve("passthrough:///db.test:5000").unwrap(),
        [Location::Name {
            host: "db.test".into(),
            port: 5000
        }]
    );
}

/// `passthrough` has no default port, and an address that cannot be connected to is an error when the
/// channel is built.
#[test]
fn passthrough_that_cannot_be_dialled() {
    for address in ["db.test", "two words/and more"] {
        let error = resolve(&format!("passthrough:///{address}")).unwrap_err();
        assert!(error.contains(&format!("`{address}`")), "{error}");
        assert!(error.contains("expected `host:port`"), "{error}");
    }
}

/// `unix` keeps the path as written, relative or absolute.
#[test]
fn unix() {
    check("unix:run/db", &["unix:run/db"]);
    check("unix:/run/db", &["unix:/run/db"]);
    check("unix:///run/db", &["unix:/run/db"]);
    check("unix:///run/a%20b", &["unix:/run/a b"]);
}

/// `unix-abstract` keeps the name, without the leading NUL.
#[test]
fn unix_abstract() {
    check("unix-abstract:db", &["unix-abstract:db"]);
    check("unix-abstract:a%00b", &["unix-abstract:a\\x00b"]);
}

/// `ipv4` and `ipv6` have one endpoint for each address, in the order written, with default port 443.
#[test]
fn address_lists() {
    check(
        "ipv4:192.0.2.2:5000,192.0.2.1",
        &["192.0.2.2:5000", "192.0.2.1:443"],
    );
    check(
        "ipv6:[2001:db8::2]:5000,2001:db8::1",
        &["[2001:db8::2]:5000", "[2001:db8::1]:443"],
    );
}

/// An IP literal under the scheme `dns` is one endpoint, and sends no query.
#[cfg(feature = "dns")]
#[test]
fn dns_literals() {
    check("dns:///192.0.2.1:5000", &["192.0.2.1:5000"]);
    check("dns:///[2001:db8::1]:5000", &["[2001:db8::1]:5000"]);
    check("dns:///2001:db8::1", &["[2001:db8::1]:443"]);
    check("dns:///[fe80::1%252]:5000", &["[fe80::1%2]:5000"]);
    // The server in the target is not used, because there is nothing to look up.
    check("dns://nowhere.test/192.0.2.1", &["192.0.2.1:443"]);
}

/// A name that can never be looked up is an error when the channel is built.
#[cfg(feature = "dns")]
#[test]
fn names_are_checked_at_once() {
    fn check(target: &str, part: &str) {
        let target = Target::parse(target).expect("valid target");
        let registry = ResolverRegistry::standard();
        let factory = registry.get(target.scheme()).expect("a standard scheme");
        let error = factory.check(&target).expect_err("cannot be used");
        assert_eq!(error.kind(), ResolveErrorKind::InvalidName);
        assert!(error.to_string().contains(part), "{error}");
    }
    check("dns:///a b:5000", "`a b`");
    check("dns:///b\u{fc}cher:5000", "`xn--`");
    check("srv:///_grpc._tcp.a b", "`_grpc._tcp.a b`");
    check("dns://192.0.2.53:0/a.test", "192.0.2.53:0");
    check("srv://ns.test:0/_grpc._tcp.a.test", "ns.test:0");
}

/// A factory returns an error for a target of another scheme.
#[test]
fn wrong_scheme() {
    let target = Target::parse("ipv4:192.0.2.1").unwrap();
    let error = AddressScheme::Ipv6.check(&target).unwrap_err();
    assert_eq!(error.kind(), ResolveErrorKind::InvalidName);
    assert!(error.to_string().contains("`ipv6`"), "{error}");
    assert!(error.to_string().contains("ipv4:192.0.2.1"), "{error}");
}

/// The authority under the scheme `srv` is the domain without service and protocol, which is the name
/// in certificates.
#[cfg(feature = "dns")]
#[test]
fn srv_authority() {
    let target = Target::parse("srv:///_grpc._tcp.orders.prod.test.").unwrap();
    let registry = ResolverRegistry::standard();
    let factory = registry.get("srv").unwrap();
    let authority = factory.default_authority(&target);
    assert_eq!(authority.as_deref(), Some("orders.prod.test"));
}

/// The authority of a Unix socket under `passthrough` is `localhost`; any other is left to the
/// target.
#[test]
fn passthrough_authority() {
    for (text, authority) in [
        ("passthrough:///unix:///tmp/s", Some("localhost")),
        ("passthrough:///unix:/tmp/s", Some("localhost")),
        ("passthrough:///unix-abstract:s", Some("localhost")),
        ("passthrough:///orders:1", None),
    ] {
        let target = Target::parse(text).unwrap();
        let found = AddressScheme::Passthrough.default_authority(&target);
        assert_eq!(found.as_deref(), authority, "{text}");
    }
}

/// `printed`, which the other tests compare with, returns the addresses of each endpoint.
#[test]
fn endpoints_print_as_addresses() {
    let target = Target::parse("ipv4:192.0.2.2:5000,192.0.2.1").unwrap();
    let mut resolver = AddressScheme::Ipv4
        .build(&target, &World::new().options())
        .unwrap();
    let std::task::Poll::Ready(resolution) = poll(&mut resolver) else {
        panic!("needs no lookup")
    };
    assert_eq!(
        printed(&resolution),
        [["192.0.2.2:5000"], ["192.0.2.1:443"]]
    );
}
