//! 3.2.10, 3.4.2, 4.4, 4.5: ring_hash of a cluster, as grpc-go's end-to-end tests use it. The ring is that of
//! all gRPC clients: an endpoint has the hashes of its key, or of its first address, with `_0`, `_1`, ..

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use http::Request;
use prost_types::Struct;
use prost_types::value::Kind;
use trunkline_channel::Channel;
use trunkline_sim::Backend;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call, call_with, routes, shares};

use envoy::config::cluster::v3::Cluster;
use envoy::config::core::v3::Metadata;
use envoy::config::endpoint::v3::LbEndpoint;
use envoy::config::endpoint::v3::endpoint::AdditionalAddress;
use envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy::config::route::v3::route::Action;
use envoy::config::route::v3::route_action::HashPolicy;
use envoy::config::route::v3::route_action::hash_policy::{FilterState, Header, PolicySpecifier};
use envoy::extensions::load_balancing_policies::ring_hash::v3::RingHash;
use envoy::r#type::matcher::v3::{RegexMatchAndSubstitute, RegexMatcher};

const SECOND: Duration = Duration::from_secs(1);

/// The header whose hash chooses the endpoint.
const HEADER: &str = "address_hash";

/// Returns a cluster with a ring of at least so many entries.
fn ring(name: &str, least: u64) -> Cluster {
    Cluster {
        load_balancing_policy: Some(resources::policy(&RingHash {
            minimum_ring_size: Some(least),
            ..RingHash::default()
        })),
        ..resources::cluster_with_endpoints(name, "endpoints")
    }
}

fn of_header(name: &str) -> HashPolicy {
    HashPolicy {
        policy_specifier: Some(PolicySpecifier::Header(Header {
            header_name: name.to_owned(),
            regex_rewrite: None,
        })),
        terminal: false,
    }
}

fn of_state(key: &str) -> HashPolicy {
    HashPolicy {
        policy_specifier: Some(PolicySpecifier::FilterState(FilterState {
            key: key.to_owned(),
        })),
        terminal: false,
    }
}

fn terminal(policy: HashPolicy) -> HashPolicy {
    HashPolicy {
        terminal: true,
        ..policy
    }
}

/// Returns a mesh with a ring of these endpoints, and these hash policies.
fn mesh(
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
fn set(mesh: &Mesh, endpoints: impl IntoIterator<Item = LbEndpoint>) {
    let locality = resources::locality("region", "zone", "");
    let locality = resources::locality_endpoints(locality, endpoints);
    mesh.plane
        .set(resources::assignment("endpoints", [locality]));
}

/// Returns the endpoints of the backends with these numbers, each with one address.
fn single(numbers: impl IntoIterator<Item = u8>) -> Vec<LbEndpoint> {
    let numbers = numbers.into_iter();
    numbers
        .map(|number| resources::endpoint(backend(number)))
        .collect()
}

/// Returns an endpoint with several addresses.
fn several<const N: usize>(numbers: [u8; N]) -> LbEndpoint {
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
async fn hashed(channel: &Channel, value: &str) -> SocketAddr {
    let head = Request::post("/a.B/C").header(HEADER, value);
    call_with(channel, head).await.expect("an answer")
}

/// 4.4: a header with the text of an entry leads to its endpoint, so that all clients agree.
#[test]
fn xds_4_4_a_header_leads_to_an_entry() {
    let mesh = mesh(740, 4, single(1..=4), [of_header(HEADER)]);
    let v6: SocketAddr = "[2001:db8::1]:50051".parse().expect("an address");
    mesh.sim.backend(v6);
    let mut all = single(1..=4);
    all.push(resources::endpoint(v6));
    set(&mesh, all);
    let channel = mesh.channel();
    mesh.sim.run(async {
        let addresses = (1..=4).map(backend).chain([v6]);
        for address in addresses {
            for entry in [0, 1, 7] {
                let text = format!("{address}_{entry}");
                assert_eq!(hashed(&channel, &text).await, address, "{text}");
            }
        }
    });
}

/// 3.2.10: a rewrite makes calls with different values one.
#[test]
fn xds_3_2_10_a_rewrite() {
    let mut policy = of_header(HEADER);
    if let Some(PolicySpecifier::Header(header)) = &mut policy.policy_specifier {
        header.regex_rewrite = Some(RegexMatchAndSubstitute {
            pattern: Some(RegexMatcher {
                regex: "[0-9]+".to_owned(),
            }),
            substitution: "foo".to_owned(),
        });
    }
    let mesh = mesh(741, 4, single(1..=4), [policy]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        let first = hashed(&channel, "user 17").await;
        for value in ["user 4", "user 99", "user foo"] {
            assert_eq!(hashed(&channel, value).await, first);
        }
    });
}

/// 3.2.10: all calls of one channel go to one endpoint, and channels are spread.
#[test]
fn xds_3_2_10_the_channel() {
    let policy = of_state("io.grpc.channel_id");
    let mesh = mesh(742, 4, single(1..=4), [policy]);
    let mut used = BTreeMap::<SocketAddr, usize>::new();
    mesh.sim.run(async {
        for _ in 0..20 {
            let channel = mesh.channel();
            let of_channel = shares(&channel, "/a.B/C", 20).await;
            assert_eq!(of_channel.len(), 1, "{of_channel:?}");
            used.extend(of_channel);
        }
    });
    assert!(used.len() > 2, "{used:?}");
}

/// Checks the share that each of 1200 calls without a hash has; each connects what it needs.
fn check_random(mesh: &Mesh, expected: &[usize]) {
    let channel = mesh.channel();
    mesh.sim.run(async {
        let _ = shares(&channel, "/a.B/C", 100).await;
        let found = shares(&channel, "/a.B/C", 1200).await;
        for (number, expected) in (1..).zip(expected) {
            let found = found.get(&backend(number)).copied().unwrap_or(0);
            assert!(
                found.abs_diff(*expected) < 100,
                "{number}: {found} of {expected}"
            );
        }
    });
}

/// 4.4: "none at all: random per call": without policies, with policies that are not known, and without
/// the header.
#[test]
fn xds_4_4_random_hashes() {
    let equal = [300; 4];
    check_random(&mesh(743, 4, single(1..=4), []), &equal);
    let unknown = [of_state("acme.user"), HashPolicy::default()];
    check_random(&mesh(744, 4, single(1..=4), unknown), &equal);
    let absent = [terminal(of_header("not_there")), of_header("x-bin")];
    check_random(&mesh(745, 4, single(1..=4), absent), &equal);
}

/// 3.4.6: random hashes follow the weights of endpoints and of localities.
#[test]
fn xds_3_4_6_weights_in_the_ring() {
    let weighted = |number, weight| LbEndpoint {
        load_balancing_weight: Some(weight),
        ..resources::endpoint(backend(number))
    };
    let endpoints = [weighted(1, 1), weighted(2, 1), weighted(3, 2)];
    check_random(&mesh(746, 3, endpoints, []), &[300, 300, 600]);

    let mesh = mesh(747, 3, [], []);
    let localities = [
        ("a", 1, vec![weighted(1, 1)]),
        ("b", 2, vec![weighted(2, 1), weighted(3, 3)]),
    ];
    let localities = localities.map(|(name, weight, endpoints)| {
        let locality = resources::locality(name, "", "");
        let mut locality = resources::locality_endpoints(locality, endpoints);
        locality.load_balancing_weight = Some(weight);
        locality
    });
    mesh.plane
        .set(resources::assignment("endpoints", localities));
    check_random(&mesh, &[400, 200, 600]);
}

/// 4.4: a terminal policy that yields no hash ends nothing, one that does ends the list, and policies that
/// are not known are skipped.
#[test]
fn xds_4_4_terminal_policies() {
    let channel_id = || of_state("io.grpc.channel_id");
    let continued = [terminal(of_header("not_there")), of_header(HEADER)];
    let ended = [
        terminal(of_header(HEADER)),
        of_header("random"),
        channel_id(),
    ];
    let skipped = [
        of_state("acme.user"),
        HashPolicy::default(),
        of_header(HEADER),
    ];
    for (seed, policies) in [
        (748, continued.to_vec()),
        (749, ended.to_vec()),
        (750, skipped.to_vec()),
    ] {
        let mesh = mesh(seed, 4, single(1..=4), policies);
        let channel = mesh.channel();
        mesh.sim.run(async {
            for number in 1..=4 {
                let text = format!("{}_0", backend(number));
                let head = Request::post("/a.B/C").header(HEADER, text);
                let head = head.header("random", format!("{number}"));
                let answer = call_with(&channel, head).await;
                assert_eq!(answer, Ok(backend(number)), "{seed}");
            }
        });
    }
}

/// 3.4.2: an endpoint with a hash key has its entries by that, and keeps its calls when its address changes.
#[test]
fn xds_3_4_2_hash_keys() {
    let keyed = |number: u8, key: &str| {
        let value = prost_types::Value {
            kind: Some(Kind::StringValue(key.to_owned())),
        };
        let lb = Struct {
            fields: [("hash_key".to_owned(), value)].into(),
        };
        LbEndpoint {
            metadata: Some(Metadata {
                filter_metadata: [("envoy.lb".to_owned(), lb)].into(),
                ..Metadata::default()
            }),
            ..resources::endpoint(backend(number))
        }
    };
    let endpoints = [
        keyed(1, "one"),
        keyed(2, "two"),
        resources::endpoint(backend(3)),
    ];
    let mesh = mesh(751, 4, endpoints, [of_header(HEADER)]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(hashed(&channel, "one_0").await, backend(1));
        assert_eq!(hashed(&channel, "two_0").await, backend(2));
        let third = format!("{}_0", backend(3));
        assert_eq!(hashed(&channel, &third).await, backend(3));
        set(
            &mesh,
            [
                keyed(4, "one"),
                keyed(2, "two"),
                resources::endpoint(backend(3)),
            ],
        );
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, "one_0").await, backend(4));
        assert_eq!(hashed(&channel, "two_0").await, backend(2));
    });
}

/// 3.4.3, 4.4: the first address of an endpoint makes its entries; the others take over when it dies. A new
/// order of the addresses makes other entries, and the connection stays.
#[test]
fn xds_3_4_3_addresses_of_one_entry() {
    let endpoints = [several([1, 2, 3]), several([4, 5, 6])];
    let mesh = mesh(752, 6, endpoints, [of_header(HEADER)]);
    let text = |number| format!("{}_0", backend(number));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(hashed(&channel, &text(1)).await, backend(1));
        assert_eq!(hashed(&channel, &text(4)).await, backend(4));
        set(&mesh, [several([3, 2, 1]), several([6, 5, 4])]);
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, &text(3)).await, backend(1));
        assert_eq!(hashed(&channel, &text(6)).await, backend(4));
        set(&mesh, [several([3, 1, 2]), several([6, 4, 5])]);
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, &text(3)).await, backend(1));
        mesh.sim.net().kill(backend(1).ip());
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, &text(3)).await, backend(3));
        assert_eq!(hashed(&channel, &text(6)).await, backend(4));
    });
}

/// 4.5: a backend that dies hands its calls to the next entry of the ring, and takes them back.
#[test]
fn xds_4_5_the_next_entry_of_the_ring() {
    let mesh = mesh(753, 0, [], [of_header(HEADER)]);
    let servers: Vec<Backend> = (1..=3).map(|at| mesh.sim.backend(backend(at))).collect();
    set(&mesh, single(1..=3));
    let text = format!("{}_0", backend(1));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(hashed(&channel, &text).await, backend(1));
        servers[0].kill();
        mesh.sleep(SECOND).await;
        let next = hashed(&channel, &text).await;
        assert_ne!(next, backend(1));
        assert_eq!(hashed(&channel, &text).await, next);
        servers[0].restart();
        mesh.sleep(150 * SECOND).await;
        assert_eq!(hashed(&channel, &text).await, backend(1));
        // All are down, and come back one by one.
        for server in &servers {
            server.kill();
        }
        mesh.sleep(SECOND).await;
        let _ = call(&channel, "/a.B/C").await.expect_err("all are down");
        servers[2].restart();
        mesh.sleep(150 * SECOND).await;
        assert_eq!(hashed(&channel, &text).await, backend(3));
    });
}

/// 4.5: rings in priorities and in aggregates: the next one takes over, and the first takes its calls back.
#[test]
fn xds_4_5_rings_one_below_the_other() {
    let mesh = mesh(754, 0, [], [of_header(HEADER)]);
    let first = mesh.sim.backend(backend(1));
    mesh.sim.backend(backend(2));
    mesh.sim.backend(backend(3));
    let localities = [1, 2].map(|number| {
        let locality = resources::locality(&format!("r{number}"), "", "");
        let mut locality = resources::locality_endpoints(locality, single([number]));
        locality.priority = u32::from(number) - 1;
        locality
    });
    mesh.plane
        .set(resources::assignment("endpoints", localities.clone()));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(hashed(&channel, "x").await, backend(1));
        first.kill();
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(2));
        first.restart();
        mesh.sleep(150 * SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(1));

        // An aggregate: its second cluster while the ring of the first has no endpoint, or none that works.
        mesh.plane.set(resources::endpoints("second", [backend(3)]));
        let mut second = ring("second", 1024);
        second.eds_cluster_config = resources::cluster("second").eds_cluster_config;
        mesh.plane.set_all([second, ring("first", 1024)]);
        set(&mesh, []);
        let both = resources::aggregate_cluster("cluster", ["first", "second"]);
        mesh.plane.set(both);
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(3));
        set(&mesh, single([9]));
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(3));
        set(&mesh, single([1]));
        mesh.sleep(SECOND).await;
        assert_eq!(hashed(&channel, "x").await, backend(1));
    });
}
