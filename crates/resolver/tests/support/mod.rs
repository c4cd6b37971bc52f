//! Helpers of several tests: a world in virtual time on one thread, with scripted DNS servers.

#![allow(dead_code, reason = "not every test needs all of it")]

pub(crate) mod world;

use std::net::SocketAddr;
use std::task::{Context, Poll, Waker};

use trunkline_endpoint::Endpoint;
use trunkline_resolver::{
    Rejection, RejectionKind, Resolution, ResolveError, ResolveErrorKind, Resolver,
    ResolverFactory, Verdict,
};
use trunkline_target::{Schemes, Target};

use self::world::World;

/// Polls the resolver once.
pub(crate) fn poll(resolver: &mut Box<dyn Resolver>) -> Poll<Resolution> {
    resolver.poll_resolution(&mut Context::from_waker(Waker::noop()))
}

/// Returns the addresses of each endpoint as text.
pub(crate) fn printed(resolution: &Resolution) -> Vec<Vec<String>> {
    let endpoints = resolution.endpoints.as_ref().expect("there are endpoints");
    let addresses = |endpoint: &Endpoint| {
        let addresses = endpoint.addresses().iter();
        addresses.map(ToString::to_string).collect()
    };
    endpoints.iter().map(addresses).collect()
}

/// Returns the verdict on a list that a policy cannot use.
pub(crate) fn rejection() -> Verdict {
    let error = ResolveError::new(ResolveErrorKind::Unavailable, "the list cannot be used");
    Verdict::Rejected(Rejection::new(RejectionKind::Endpoints, error))
}

/// Returns a list of one backend.
pub(crate) fn list(last: u8) -> Resolution {
    Resolution::new([Endpoint::new([SocketAddr::from((
        [192, 0, 2, last],
        50051,
    ))])])
}

/// Returns a target of this scheme.
pub(crate) fn target(scheme: &str) -> Target {
    let schemes = [scheme];
    Target::parse_with(&format!("{scheme}:///any"), Schemes::new(&schemes, scheme)).unwrap()
}

/// Has a factory build a resolver.
pub(crate) fn build(factory: &dyn ResolverFactory) -> Box<dyn Resolver> {
    factory
        .build(&target(factory.scheme()), &World::new().options())
        .expect("any target is valid")
}

/// Returns the resolution of a resolver that is ready.
pub(crate) fn ready(resolver: &mut Box<dyn Resolver>) -> Resolution {
    match poll(resolver) {
        Poll::Ready(resolution) => resolution,
        Poll::Pending => panic!("no resolution"),
    }
}
