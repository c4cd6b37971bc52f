//! Meshes with a ring.

use std::net::SocketAddr;
use std::time::Duration;

use http::Request;
use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call_with, routes};

use envoy::config::cluster::v3::Cluster;
use envoy::config::endpoint::v3::LbEndpoint;
use envoy::config::endpoint::v3::endpoint::AdditionalAddress;
use envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy::config::route::v3::route::Action;
use envoy::config::route::v3::route_action::HashPolicy;
use envoy::config::route::v3::route_action::hash_policy::{FilterState, Header, PolicySpecifier};
use envoy::extensions::load_balancing_policies::ring_hash::v3::RingHash;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// The header whose hash chooses the endpoint.
pub(super) const HEADER: &str = "address_hash";

/// Returns a cluster with a ring of at least so many entries.
pub(super) fn ring(name: &str, least: u64) -> Cluster {
    Cluster {
        load_balancing_policy: Some(resources::policy(&RingHash {
            minimum_ring_size: Some(least),
            ..RingHash::default()
        })),
        ..resources::cluster_with_endpoints(name, "endpoints")
    }
}

pub(super) fn of_header(name: &str) -> HashPolicy {
    HashPolicy {
        policy_specifier: Some(PolicySpecifier::Header(Header {
            header_name: name.to_owned(),
            regex_rewrite: None,
        })),
        terminal: false,
    }
}

pub(super) fn of_state(key: &str) -> HashPolicy {
    HashPolicy {
        policy_specifier: Some(PolicySpecifier::FilterState(FilterState {
            key: key.to_owned(),
        })),
        terminal: false,
    }
}

pub(super) fn terminal(policy: HashPolicy) -> HashPolicy {
    HashPolicy {
        terminal: true,
        ..policy
    }
}

/// Returns a mesh with a ring of these endpoints, and these hash policies.
pub(super) fn mesh(
    seed: u64,
    backends: u8,
    endpoints: impl IntoIterator<Item = LbEndpoint>,
    policies: impl IntoIterator<Item = HashPolicy>,
) -> Mesh {
    let mesh = Mesh::with_backends(seed, 1..=backends);
    mesh.plane.set(ring("cluster", 100_000));
    set(&mesh, endpoints);
    let mut route = resources::route("", "cluster");
    if let Some(Action::Route(action)) = &mut route.action {
        action.hash_policy = policies.into_iter().collect();
    }
    mesh.plane.set(routes([route]));
    mesh
}

/// Sets the endpoints of the ring.
pub(super) fn set(mesh: &Mesh, endpoints: impl IntoIterator<Item = LbEndpoint>) {
    let locality = resources::locality("region", "zone", "");
    let locality = resources::locality_endpoints(locality, endpoints);
    mesh.plane
        .set(resources::assignment("endpoints", [locality]));
}

/// Returns the endpoints of the backends with these numbers, each with one address.
pub(super) fn single(numbers: impl IntoIterator<Item = u8>) -> Vec<LbEndpoint> {
    let numbers = numbers.into_iter();
    numbers
        .map(|number| resources::endpoint(backend(number)))
        .collect()
}

/// Returns an endpoint with several addresses.
pub(super) fn several<const N: usize>(numbers: [u8; N]) -> LbEndpoint {
    let mut endpoint = resources::endpoint(backend(numbers[0]));
    if let Some(HostIdentifier::Endpoint(endpoint)) = &mut endpoint.host_identifier {
        let more = numbers[1..].iter().map(|number| AdditionalAddress {
            address: Some(resources::address(
                &backend(*number).ip().to_string(),
                50051,
            )),
        });
        endpoint.additional_addresses = more.collect();
    }
    endpoint
}

/// Makes a call with this value of the header.
pub(super) async fn hashed(channel: &Channel, value: &str) -> SocketAddr {
    let head = Request::post("/a.B/C").header(HEADER, value);
    call_with(channel, head).await.expect("an answer")
}
