//! Which entry of a ring a call gets.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::Request;
use prost_types::Struct;
use prost_types::value::Kind;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;

use super::ring_mesh::{
    HEADER, SECOND, hashed, mesh, of_header, of_state, set, several, single, terminal,
};
use crate::mesh::{Mesh, backend, call_with, shares};

use envoy::config::core::v3::Metadata;
use envoy::config::endpoint::v3::LbEndpoint;
use envoy::config::route::v3::route_action::HashPolicy;
use envoy::config::route::v3::route_action::hash_policy::PolicySpecifier;
use envoy::r#type::matcher::v3::{RegexMatchAndSubstitute, RegexMatcher};

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
