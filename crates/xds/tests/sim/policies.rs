//! The policies of a cluster in whole channels: limits, drops, authorities, and changes under load.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use trunkline_backoff::Rng;
use trunkline_sim::Backend;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;
use trunkline_status::Code;
use trunkline_xds::core::{Bootstrap, Node, ServerConfig, ServerFeatures};

use crate::mesh::{Mesh, PLANE, backend, call, routes, shares};

use envoy::config::cluster::v3::{CircuitBreakers, circuit_breakers::Thresholds};
use envoy::config::endpoint::v3::cluster_load_assignment::{Policy, policy::DropOverload};
use envoy::config::endpoint::v3::endpoint::AdditionalAddress;
use envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use envoy::config::endpoint::v3::{ClusterLoadAssignment, LbEndpoint};
use envoy::config::route::v3::route::Action;
use envoy::config::route::v3::route_action::HostRewriteSpecifier;
use envoy::r#type::v3::FractionalPercent;

/// Changes what an endpoint of a control plane is.
fn endpoint_with(
    at: SocketAddr,
    change: impl FnOnce(&mut envoy::config::endpoint::v3::Endpoint),
) -> LbEndpoint {
    let mut endpoint = resources::endpoint(at);
    if let Some(HostIdentifier::Endpoint(endpoint)) = &mut endpoint.host_identifier {
        change(endpoint);
    }
    endpoint
}

/// 4.6: the calls in flight to a cluster are limited in all channels of the pool together, and an end
/// makes room.
#[test]
fn xds_4_6_limit_of_a_pool() {
    use trunkline_sim::CallReply;

    let mesh = Mesh::with_backends(1, []);
    let server = mesh.sim.backend(backend(1));
    server.set_reply(CallReply::Echo.after(Duration::from_secs(2)));
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    let limit = Thresholds {
        max_requests: Some(2),
        ..Thresholds::default()
    };
    cluster.circuit_breakers = Some(CircuitBreakers {
        thresholds: vec![limit],
        ..CircuitBreakers::default()
    });
    mesh.plane.set(cluster);
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let (one, other) = (mesh.channel(), mesh.channel());
    mesh.sim.run(async {
        let second = async {
            mesh.sleep(Duration::from_secs(1)).await;
            let refused = call(&other, "/a.B/C").await.expect_err("over the limit");
            assert_eq!(refused.code(), Code::Unavailable);
            assert_eq!(
                refused.message(),
                "2 calls in flight to cluster \"cluster\", the most allowed; xDS node \"n1\""
            );
        };
        let in_flight =
            futures_util::future::join3(call(&one, "/a.B/C"), call(&other, "/a.B/C"), second);
        let (first, second, ()) = in_flight.await;
        assert_eq!((first, second), (Ok(backend(1)), Ok(backend(1))));
        assert_eq!(call(&other, "/a.B/C").await, Ok(backend(1)));
    });
    assert_eq!(server.calls(), 3);
}

/// 4.6: a category drops its share of the calls, and its error names it.
#[test]
fn xds_4_6_drops() {
    let mesh = Mesh::with_backends(2, [1]);
    let mut endpoints = resources::endpoints("endpoints", [backend(1)]);
    endpoints.policy = Some(Policy {
        drop_overloads: vec![DropOverload {
            category: "throttle".to_owned(),
            drop_percentage: Some(FractionalPercent {
                numerator: 40,
                denominator: 0,
            }),
        }],
    });
    mesh.plane.set(endpoints);
    let channel = mesh.channel();
    let mut dropped = 0;
    mesh.sim.run(async {
        for _ in 0..500 {
            if let Err(status) = call(&channel, "/a.B/C").await {
                assert_eq!(
                    status.to_string(),
                    "UNAVAILABLE: dropped by overload policy \"throttle\" of cluster \"cluster\"; \
                     xDS node \"n1\""
                );
                dropped += 1;
            }
        }
    });
    assert!((150..250).contains(&dropped), "{dropped}");
}

/// 4.7, 3.2.12: a route of a trusted server addresses calls to the host names of their endpoints; one of
/// any other server does not.
#[test]
fn xds_4_7_authority_rewriting() {
    for is_trusted in [true, false] {
        let mesh = Mesh::with_backends(3, []);
        let server = mesh.sim.backend(backend(1));
        let named = endpoint_with(backend(1), |endpoint| {
            endpoint.hostname = "shop.prod:443".to_owned();
        });
        let locality = resources::locality("r", "z", "");
        let locality = resources::locality_endpoints(locality, [named]);
        mesh.plane
            .set(resources::assignment("endpoints", [locality]));
        let mut route = resources::route("", "cluster");
        if let Some(Action::Route(action)) = &mut route.action {
            action.host_rewrite_specifier = Some(HostRewriteSpecifier::AutoHostRewrite(true));
        }
        mesh.plane.set(routes([route]));
        let features = ServerFeatures::default().with_trusted_xds_server(is_trusted);
        let config = ServerConfig::insecure(format!("ipv4:{PLANE}")).with_features(features);
        let bootstrap = Bootstrap::new(config).with_node(Node::new("n1"));
        let channel = mesh.builder_of("xds:///orders", bootstrap);
        let channel = channel.build().expect("a channel");
        mesh.sim.run(async {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        });
        let sent = &server.received()[0].authority;
        assert_eq!(
            sent,
            if is_trusted {
                "shop.prod:443"
            } else {
                "orders"
            }
        );
    }
}

/// 3.4.3: three endpoints with an IPv6 and an IPv4 address each. IPv6 dies: no call fails, and each
/// endpoint keeps one share.
#[test]
fn xds_3_4_3_dual_stack_mesh() {
    let mesh = Mesh::with_backends(4, []);
    let v6 = |number: u8| format!("[2001:db8::{number}]:50051").parse::<SocketAddr>();
    let v6 = |number: u8| v6(number).expect("an address");
    let of_v6: Vec<Backend> = (1..=3).map(|at| mesh.sim.backend(v6(at))).collect();
    for at in 1..=3 {
        mesh.sim.backend(backend(at));
    }
    let endpoints = (1..=3).map(|at| {
        endpoint_with(v6(at), |endpoint| {
            let v4 = resources::address(&backend(at).ip().to_string(), 50051);
            let address = Some(v4);
            endpoint
                .additional_addresses
                .push(AdditionalAddress { address });
        })
    });
    let locality = resources::locality("r", "z", "");
    let locality = resources::locality_endpoints(locality, endpoints);
    mesh.plane
        .set(resources::assignment("endpoints", [locality]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        let before = shares(&channel, "/a.B/C", 30).await;
        assert_eq!(before, (1..=3).map(|at| (v6(at), 10)).collect());
        for backend in &of_v6 {
            backend.kill();
        }
        mesh.sleep(Duration::from_millis(100)).await;
        let after = shares(&channel, "/a.B/C", 30).await;
        let on_v4: usize = after.values().sum();
        assert_eq!(on_v4, 30);
        mesh.sleep(Duration::from_secs(2)).await;
        let after = shares(&channel, "/a.B/C", 30).await;
        assert_eq!(after, (1..=3).map(|at| (backend(at), 10)).collect());
    });
}

/// The endpoints of the priorities, the highest first: each is one locality, `a`, `b` or `c`.
type Priorities = Vec<(usize, BTreeSet<u8>)>;

/// Changes what a random control plane changes: endpoints, and which locality is preferred.
fn change(priorities: &mut Priorities, rng: &mut Rng) {
    if rng.below(3) == 0 {
        let last = priorities.len() - 1;
        priorities.swap(rng.below(last), last);
    }
    let (locality, endpoints) = &mut priorities[rng.below(3)];
    let number = u8::try_from(1 + 4 * *locality + rng.below(4)).expect("a small number");
    if !endpoints.remove(&number) || endpoints.is_empty() {
        endpoints.insert(number);
    }
}

fn assignment(priorities: &Priorities, rng: &mut Rng) -> ClusterLoadAssignment {
    let localities = (0..)
        .zip(priorities)
        .map(|(priority, (locality, numbers))| {
            let name = resources::locality("r", ["a", "b", "c"][*locality], "");
            let endpoints = numbers.iter().map(|number| {
                let mut endpoint = resources::endpoint(backend(*number));
                endpoint.load_balancing_weight = Some(1 + rng.below(3) as u32);
                endpoint
            });
            let endpoints: Vec<LbEndpoint> = endpoints.collect();
            let mut locality = resources::locality_endpoints(name, endpoints);
            locality.priority = priority;
            locality.load_balancing_weight = Some(1 + rng.below(5) as u32);
            locality
        });
    let localities: Vec<_> = localities.collect();
    resources::assignment("endpoints", localities)
}

/// Returns the connections that each backend has accepted.
fn accepts(backends: &BTreeMap<u8, Backend>) -> usize {
    backends.values().map(Backend::accepts).sum()
}

/// The time between two calls.
const GAP: Duration = Duration::from_millis(5);

/// 4.9, 10.14: 200 calls a second for a minute go on under changes of endpoints, weights and priorities, a
/// refused update, a restart of the control plane and a move to another cluster. No call fails, no connection
/// is made except to an endpoint that is new, and none is closed except to one that was removed.
#[test]
fn xds_4_9_changes_under_load() {
    for seed in 0..2 {
        let mesh = Mesh::with_backends(seed, []);
        let mut rng = Rng::from_seed(seed);
        let backends: BTreeMap<u8, Backend> = (1..=12)
            .map(|number| (number, mesh.sim.backend(backend(number))))
            .collect();
        let mut priorities: Priorities = (0..3)
            .map(|at| (at, BTreeSet::from([1 + 4 * at as u8, 2 + 4 * at as u8])))
            .collect();
        mesh.plane.set(assignment(&priorities, &mut rng));
        let channel = mesh.channel();
        let (mut entered, mut left) = (6, 0);
        mesh.sim.run(async {
            call(&channel, "/a.B/C").await.expect("an answer");
            let start = mesh.runtime.now();
            for tick in 0..12_000 {
                let answered = call(&channel, "/a.B/C").await;
                answered.unwrap_or_else(|status| panic!("seed {seed}, tick {tick}: {status}"));
                mesh.runtime.sleep_until(start + GAP * (tick + 1)).await;
                match tick {
                    4_000 => mesh.plane.backend().kill(),
                    6_000 => mesh.plane.backend().restart(),
                    8_000 => {
                        let mut refused = assignment(&priorities, &mut rng);
                        refused.endpoints[0].locality = None;
                        mesh.plane.set(refused);
                    }
                    10_000 => {
                        // The old cluster stays until its calls have moved.
                        let other = resources::cluster_with_endpoints("other", "endpoints");
                        mesh.plane.set(other);
                        mesh.plane.set(routes([resources::route("", "other")]));
                        entered += all(&priorities).len();
                        left += all(&priorities).len();
                    }
                    tick if tick % 100 == 50 => {
                        let before: BTreeSet<u8> = all(&priorities);
                        change(&mut priorities, &mut rng);
                        let after = all(&priorities);
                        entered += after.difference(&before).count();
                        left += before.difference(&after).count();
                        mesh.plane.set(assignment(&priorities, &mut rng));
                    }
                    _ => {}
                }
            }
            // A call that waits is caught up with by those after it.
            let took = mesh.runtime.now() - start;
            assert!(took < GAP * 12_000 + GAP, "seed {seed}: {took:?}");
        });
        let used = backends.values().filter(|backend| backend.calls() > 0);
        assert!(used.count() > 5, "seed {seed}: the changes move the calls");
        let accepts = accepts(&backends);
        assert!(
            accepts <= entered,
            "seed {seed}: {accepts} connections to {entered} new endpoints"
        );
        let closes: usize = backends.values().map(Backend::closes).sum();
        assert!(
            closes <= left,
            "seed {seed}: {closes} connections to {left} removed endpoints were closed"
        );
    }
}

/// Returns the endpoints of all priorities.
fn all(priorities: &Priorities) -> BTreeSet<u8> {
    let numbers = priorities.iter().flat_map(|(_, numbers)| numbers);
    numbers.copied().collect()
}
