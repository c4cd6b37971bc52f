//! The registry, and the static resolver.
//!
//! Source: [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md).

mod support;

use support::{build, list, printed, ready};
use trunkline_resolver::{ManualResolver, ResolverRegistry, StaticFactory};

/// The factory that was registered last for a scheme is used. Upper and lower case are the same.
#[test]
fn last_registration_wins() {
    let registry = ResolverRegistry::standard()
        .with(StaticFactory::new("Fleet", list(1)))
        .with(StaticFactory::new("fleet", list(2)));
    let factory = registry.get("FLEET").expect("registered");
    assert_eq!(
        printed(&ready(&mut build(&**factory))),
        [["192.0.2.2:50051"]]
    );
    assert!(registry.get("caseless").is_none());
}

/// The standard registry has the factories of this crate, sorted by scheme.
#[cfg(feature = "dns")]
#[test]
fn standard_schemes() {
    let registry = ResolverRegistry::standard();
    let schemes: Vec<&str> = registry.schemes().collect();
    assert_eq!(
        schemes,
        [
            "dns",
            "ipv4",
            "ipv6",
            "passthrough",
            "srv",
            "unix",
            "unix-abstract"
        ]
    );
}

/// A registry is a value: a factory added to one is not in another.
#[test]
fn registries_are_values() {
    let one = ResolverRegistry::standard();
    let other = one.clone().with(ManualResolver::new("fleet"));
    assert!(one.get("fleet").is_none());
    assert!(other.get("fleet").is_some());
}
