//! Helpers of several tests: a world in virtual time on one thread, with scripted DNS servers.

#![allow(dead_code, reason = "not every test needs all of it")]

pub(crate) mod world;

use std::task::{Context, Poll, Waker};

use trunkline_endpoint::Endpoint;
use trunkline_resolver::{Resolution, Resolver};

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
