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

/// The factories of `dns` and `srv` have caches: a registry and its clones share one of each, and no
/// other registry has it.
#[cfg(feature = "dns")]
#[test]
fn each_registry_has_its_own_dns_factories() {
    use std::sync::Arc;

    let registry = ResolverRegistry::standard();
    let (clone, other) = (registry.clone(), ResolverRegistry::standard());
    for scheme in ["dns", "srv"] {
        let get = |registry: &ResolverRegistry| registry.get(scheme).map(Arc::clone);
        let own = get(&registry).expect("a standard scheme");
        assert!(get(&clone).is_some_and(|same| Arc::ptr_eq(&same, &own)));
        assert!(get(&other).is_some_and(|other| !Arc::ptr_eq(&other, &own)));
    }
}

/// Factories that are merged replace earlier ones of the same scheme, also those of `dns` and `srv`.
#[cfg(feature = "dns")]
#[test]
fn merged_factories_replace_earlier_ones() {
    let own = || ResolverRegistry::empty().with(StaticFactory::new("dns", list(1)));
    let is_own = |registry: &ResolverRegistry| {
        let factory = registry.get("dns").expect("a registered scheme");
        format!("{factory:?}").starts_with("StaticFactory")
    };
    let mut registry = ResolverRegistry::standard();
    registry.merge(own());
    assert!(is_own(&registry));
    assert_eq!(
        registry.schemes().filter(|&scheme| scheme == "dns").count(),
        1
    );
    registry.merge(ResolverRegistry::empty());
    assert!(is_own(&registry));
    registry.merge(ResolverRegistry::standard());
    assert!(!is_own(&registry));

    let mut standard_with_own = ResolverRegistry::standard();
    standard_with_own.merge(own());
    let mut registry = own();
    registry.merge(standard_with_own);
    assert!(is_own(&registry));
    assert!(registry.get("srv").is_some());
}
