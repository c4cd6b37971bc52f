//! The registry, and the manual and static resolvers.
//!
//! Source: [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md).

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use support::world::World;
use support::{poll, printed};
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{
    ManualResolver, Resolution, ResolveError, ResolveErrorKind, Resolver, ResolverFactory,
    ResolverRegistry, StaticFactory, Verdict,
};
use trunkline_target::{Schemes, Target};

fn list(last: u8) -> Resolution {
    Resolution::new([Endpoint::new([SocketAddr::from((
        [192, 0, 2, last],
        50051,
    ))])])
}

fn target(scheme: &str) -> Target {
    let schemes = [scheme];
    Target::parse_with(&format!("{scheme}:///any"), Schemes::new(&schemes, scheme)).unwrap()
}

fn build(factory: &dyn ResolverFactory) -> Box<dyn Resolver> {
    factory
        .build(&target(factory.scheme()), &World::new().options())
        .expect("any target is valid")
}

fn ready(resolver: &mut Box<dyn Resolver>) -> Resolution {
    match poll(resolver) {
        Poll::Ready(resolution) => resolution,
        Poll::Pending => panic!("no resolution"),
    }
}

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

/// A manual resolver that is built later starts with the last resolution.
#[test]
fn manual_replays_the_last_state() {
    let manual = ManualResolver::new("fleet");
    let mut first = build(&manual);
    assert!(poll(&mut first).is_pending());
    manual.update(list(1));
    manual.update(list(2));
    assert_eq!(printed(&ready(&mut first)), [["192.0.2.1:50051"]]);
    assert_eq!(printed(&ready(&mut first)), [["192.0.2.2:50051"]]);
    assert!(poll(&mut first).is_pending());
    drop(first);
    let mut second = build(&manual);
    assert_eq!(printed(&ready(&mut second)), [["192.0.2.2:50051"]]);
    assert_eq!((manual.active(), manual.built()), (1, 2));
    let error = ResolveError::new(ResolveErrorKind::Unavailable, "the fleet is at sea");
    manual.update(Resolution::from_error(error.clone()));
    assert_eq!(ready(&mut second).endpoints.unwrap_err(), error);
}

/// A manual resolver counts requests, keeps the last verdict, and wakes its channels on an update.
#[test]
fn manual_counts_requests_and_wakes() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let manual = ManualResolver::with_initial("fleet", list(1));
    let mut resolver = build(&manual);
    ready(&mut resolver);
    assert_eq!(manual.last_verdict(), None);
    resolver.handle_verdict(Verdict::Rejected);
    resolver.resolve_now();
    resolver.resolve_now();
    assert_eq!(manual.last_verdict(), Some(Verdict::Rejected));
    assert_eq!(manual.requests(), 2);
    let woken = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    let polled = resolver.poll_resolution(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    manual.update(list(2));
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    drop(resolver);
    assert_eq!(manual.active(), 0);
    manual.update(list(3));
}
