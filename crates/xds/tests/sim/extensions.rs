//! 3.3.2, 3.3.3: the policies that a cluster names: of the enum, of messages, and of structs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use prost_types::Struct;
use prost_types::value::Kind;
use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::proto::google::protobuf::Any;
use trunkline_sim::control_plane::proto::{TypeUrl, udpa, xds};
use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call, check_failure, shares};

use envoy::config::cluster::v3::cluster::LbPolicy;
use envoy::config::cluster::v3::load_balancing_policy::Policy;
use envoy::config::cluster::v3::{Cluster, LoadBalancingPolicy};
use envoy::config::core::v3::TypedExtensionConfig;
use envoy::extensions::load_balancing_policies::least_request::v3::LeastRequest;
use envoy::extensions::load_balancing_policies::pick_first::v3::PickFirst;
use envoy::extensions::load_balancing_policies::ring_hash::v3::RingHash;
use envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin;
use envoy::extensions::load_balancing_policies::wrr_locality::v3::WrrLocality;

const SECOND: Duration = Duration::from_secs(1);

/// Returns a list of policies.
fn list(configs: impl IntoIterator<Item = Any>) -> LoadBalancingPolicy {
    let policies = configs.into_iter().map(|config| Policy {
        typed_extension_config: Some(TypedExtensionConfig {
            name: "policy".to_owned(),
            typed_config: Some(config),
        }),
    });
    LoadBalancingPolicy {
        policies: policies.collect(),
    }
}

/// Returns a policy of a name with a struct as its configuration.
fn structure(name: &str, fields: &[(&str, Kind)]) -> xds::r#type::v3::TypedStruct {
    let fields = fields.iter().map(|(name, kind)| {
        let kind = Some(kind.clone());
        ((*name).to_owned(), prost_types::Value { kind })
    });
    xds::r#type::v3::TypedStruct {
        type_url: format!("type.googleapis.com/{name}"),
        value: Some(Struct {
            fields: fields.collect(),
        }),
    }
}

/// Returns the policy wrr_locality over another one.
fn by_locality(child: Any) -> Any {
    WrrLocality {
        endpoint_picking_policy: Some(list([child])),
    }
    .pack()
}

fn cluster(policies: impl IntoIterator<Item = Any>) -> Cluster {
    Cluster {
        load_balancing_policy: Some(list(policies)),
        ..resources::cluster_with_endpoints("cluster", "endpoints")
    }
}

/// Returns a mesh with two localities: the first has the weight 2 and two backends, the other the weight 1
/// and three.
fn mesh(seed: u64, policies: impl IntoIterator<Item = Any>) -> (Mesh, Channel) {
    let mesh = Mesh::with_backends(seed, 1..=5);
    mesh.plane.set(cluster(policies));
    let localities = [("a", 2, 1..=2), ("b", 1, 3..=5)].map(|(name, weight, numbers)| {
        let endpoints = numbers.map(|number| resources::endpoint(backend(number)));
        let locality = resources::locality(name, "", "");
        let mut locality = resources::locality_endpoints(locality, endpoints);
        locality.load_balancing_weight = Some(weight);
        locality
    });
    mesh.plane
        .set(resources::assignment("endpoints", localities));
    let channel = mesh.channel();
    (mesh, channel)
}

/// Makes 900 calls, and checks the share of each backend.
async fn check_shares(mesh: &Mesh, channel: &Channel, expected: [usize; 5]) {
    let _ = call(channel, "/a.B/C").await;
    mesh.sleep(SECOND).await;
    let found: BTreeMap<SocketAddr, usize> = shares(channel, "/a.B/C", 900).await;
    for (number, expected) in (1..).zip(expected) {
        let found = found.get(&backend(number)).copied().unwrap_or(0);
        let near = if expected == 0 { 0 } else { 60 };
        assert!(
            found.abs_diff(expected) <= near,
            "{number}: {found} of {expected}"
        );
    }
}

/// The lists of grpc-go's end-to-end test of custom policies: locality weights are for wrr_locality alone.
#[test]
fn xds_3_3_3_locality_weights() {
    let pick_first = || PickFirst::default().pack();
    let round_robin = || RoundRobin {}.pack();
    let by_name = |name: &str| structure(name, &[]).pack();
    for (seed, policy, expected) in [
        (720, round_robin(), [180, 180, 180, 180, 180]),
        (721, by_locality(round_robin()), [300, 300, 100, 100, 100]),
        (722, by_locality(pick_first()), [600, 0, 300, 0, 0]),
        (723, pick_first(), [900, 0, 0, 0, 0]),
        (
            724,
            by_locality(by_name("round_robin")),
            [300, 300, 100, 100, 100],
        ),
        (725, by_name("pick_first"), [900, 0, 0, 0, 0]),
    ] {
        let (mesh, channel) = mesh(seed, [policy]);
        mesh.sim.run(check_shares(&mesh, &channel, expected));
    }
}

/// Policies that are not known are skipped: the first that is known counts, and `lb_policy` does not.
#[test]
fn xds_3_3_3_the_first_known_policy() {
    let unknown = Any {
        type_url: "type.googleapis.com/acme.Fastest".to_owned(),
        value: vec![0xff].into(),
    };
    let old = udpa::r#type::v1::TypedStruct {
        type_url: "type.googleapis.com/acme.Nearest".to_owned(),
        value: None,
    };
    let policies = [
        unknown.clone(),
        old.pack(),
        PickFirst::default().pack(),
        RoundRobin {}.pack(),
    ];
    let (mesh, channel) = mesh(726, policies.clone());
    let mut cluster = cluster(policies);
    cluster.lb_policy = LbPolicy::Maglev.into();
    mesh.plane.set(cluster);
    mesh.sim
        .run(check_shares(&mesh, &channel, [900, 0, 0, 0, 0]));
}

/// A policy changes under calls: none fails, and connections that the next policy uses stay.
#[test]
fn xds_4_9_a_policy_that_changes() {
    let (mesh, channel) = mesh(727, [by_locality(RoundRobin {}.pack())]);
    mesh.sim.run(async {
        check_shares(&mesh, &channel, [300, 300, 100, 100, 100]).await;
        let shuffled = structure(
            "pick_first",
            &[("shuffleAddressList", Kind::BoolValue(false))],
        );
        for policies in [
            [RoundRobin {}.pack()],
            [LeastRequest::default().pack()],
            [RingHash::default().pack()],
            [shuffled.pack()],
            [by_locality(RoundRobin {}.pack())],
        ] {
            mesh.plane.set(cluster(policies));
            for _ in 0..20 {
                call(&channel, "/a.B/C").await.expect("an answer");
                mesh.sleep(SECOND / 10).await;
            }
        }
        check_shares(&mesh, &channel, [300, 300, 100, 100, 100]).await;
    });
    let dials = (1..=5).map(|number| mesh.sim.net().attempts(backend(number)));
    // pick_first keeps one of the connections, and the others are made again after it.
    assert_eq!(dials.collect::<Vec<_>>(), [1, 2, 2, 2, 2]);
}

/// 3.3.3, 4.8: a configuration that its policy refuses, and a list without a known policy: the texts of
/// calls. A good cluster heals them.
#[test]
fn xds_3_3_3_policies_that_are_refused() {
    let wrong = structure(
        "pick_first",
        &[("shuffleAddressList", Kind::NumberValue(7.0))],
    );
    let (mesh, channel) = mesh(728, [wrong.pack()]);
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("a wrong type");
        let start = "cluster \"cluster\" is invalid: load_balancing_policy.policies[0].\
                     typed_extension_config.typed_config: ";
        assert!(status.message().starts_with(start), "{status}");
        let unknown = structure("acme.Fastest", &[]).pack();
        mesh.plane.set(cluster([unknown]));
        mesh.sleep(SECOND).await;
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: cluster \"cluster\" is invalid: load_balancing_policy.policies: no supported \
             policy among \"acme.Fastest\"; xDS node \"n1\"",
        );
        mesh.plane.set(cluster([RoundRobin {}.pack()]));
        mesh.sleep(SECOND).await;
        assert!(call(&channel, "/a.B/C").await.is_ok());
    });
}
