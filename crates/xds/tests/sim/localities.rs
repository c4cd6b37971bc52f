//! 3.4, 4.5: localities, their weights and priorities, and the health of their endpoints.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use trunkline_channel::Channel;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::HealthStatus;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints,
};
use trunkline_sim::control_plane::resources;
use trunkline_sim::{Backend, ConnectFate};

use crate::mesh::{Mesh, backend, call, check_failure, shares};

const SECOND: Duration = Duration::from_secs(1);

/// A locality of a test: its name, priority, weight, and backends.
type Row<'a> = (&'a str, u32, u32, &'a [u8]);

fn locality((name, priority, weight, numbers): Row<'_>) -> LocalityLbEndpoints {
    let endpoints = numbers
        .iter()
        .map(|number| resources::endpoint(backend(*number)));
    let locality = resources::locality(name, "zone", "");
    LocalityLbEndpoints {
        priority,
        load_balancing_weight: Some(weight),
        ..resources::locality_endpoints(locality, endpoints)
    }
}

fn assignment<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> ClusterLoadAssignment {
    resources::assignment("endpoints", rows.into_iter().map(locality))
}

/// Makes 1000 calls after a time, and checks the share of each backend.
async fn check_shares(mesh: &Mesh, channel: &Channel, expected: &[(u8, usize)]) {
    let _ = call(channel, "/a.B/C").await;
    mesh.sleep(SECOND).await;
    let found = shares(channel, "/a.B/C", 1000).await;
    let expected: BTreeMap<SocketAddr, usize> = expected
        .iter()
        .map(|(number, share)| (backend(*number), *share))
        .collect();
    let are_near = found.len() == expected.len()
        && found.iter().all(|(backend, found)| {
            expected
                .get(backend)
                .is_some_and(|expected| found.abs_diff(*expected) < 70)
        });
    assert!(are_near, "{found:?}, expected {expected:?}");
}

/// 4.5: calls are shared among localities by weight, and in a locality equally. Localities come, go and
/// change their weights, and no backend is dialed twice.
#[test]
fn xds_4_5_shares_of_localities() {
    let mesh = Mesh::with_backends(620, []);
    let servers: Vec<Backend> = (1..=4).map(|at| mesh.sim.backend(backend(at))).collect();
    let set = |rows: &[Row<'_>]| mesh.plane.set(assignment(rows.iter().copied()));
    set(&[("a", 0, 1, &[1]), ("b", 0, 1, &[2])]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        check_shares(&mesh, &channel, &[(1, 500), (2, 500)]).await;
        set(&[("a", 0, 1, &[1]), ("b", 0, 1, &[2]), ("c", 0, 2, &[3])]);
        check_shares(&mesh, &channel, &[(1, 250), (2, 250), (3, 500)]).await;
        set(&[("b", 0, 1, &[2]), ("c", 0, 1, &[3, 4])]);
        check_shares(&mesh, &channel, &[(2, 500), (3, 250), (4, 250)]).await;
        set(&[("b", 0, 1, &[2]), ("c", 0, 9, &[3, 4])]);
        check_shares(&mesh, &channel, &[(2, 100), (3, 450), (4, 450)]).await;
        // A locality without a weight has no calls.
        set(&[("b", 0, 0, &[2]), ("c", 0, 1, &[3, 4])]);
        check_shares(&mesh, &channel, &[(3, 500), (4, 500)]).await;
    });
    assert!(servers.iter().all(|server| server.accepts() == 1));
}

/// 3.4.2: endpoints of unknown or good health have calls, and no others.
#[test]
fn xds_3_4_2_only_healthy_endpoints() {
    let mesh = Mesh::with_backends(621, 1..=12);
    let all = [
        HealthStatus::Unknown,
        HealthStatus::Healthy,
        HealthStatus::Unhealthy,
        HealthStatus::Draining,
        HealthStatus::Timeout,
        HealthStatus::Degraded,
    ];
    let endpoint = |(number, health): (u8, HealthStatus)| LbEndpoint {
        health_status: health.into(),
        ..resources::endpoint(backend(number))
    };
    let localities = [(1, "a"), (7, "b")].map(|(first, name)| {
        let endpoints = (first..).zip(all).map(endpoint);
        resources::locality_endpoints(resources::locality(name, "", ""), endpoints)
    });
    mesh.plane
        .set(resources::assignment("endpoints", localities.clone()));
    let channel = mesh.channel();
    mesh.sim.run(async {
        check_shares(&mesh, &channel, &[(1, 250), (2, 250), (7, 250), (8, 250)]).await;
        let unhealthy = localities.map(|mut locality| {
            locality.lb_endpoints.drain(..2);
            locality
        });
        mesh.plane
            .set(resources::assignment("endpoints", unhealthy));
        mesh.sleep(SECOND).await;
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: endpoints \"endpoints\" of cluster \"cluster\": none of 8 is healthy; \
             xDS node \"n1\"",
        );
    });
}

/// 4.5: two priorities with a locality each become one with both, and then only the one that was lower is
/// left. No backend is dialed twice.
#[test]
fn xds_4_5_a_locality_changes_its_priority() {
    let mesh = Mesh::with_backends(622, []);
    let servers = [1, 2].map(|at| mesh.sim.backend(backend(at)));
    let set = |rows: &[Row<'_>]| mesh.plane.set(assignment(rows.iter().copied()));
    set(&[("a", 0, 1_000_000, &[1]), ("b", 1, 1_000_000, &[2])]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        check_shares(&mesh, &channel, &[(1, 1000)]).await;
        set(&[("a", 0, 500_000, &[1]), ("b", 0, 500_000, &[2])]);
        check_shares(&mesh, &channel, &[(1, 500), (2, 500)]).await;
        set(&[("a", 0, 499_884, &[1]), ("b", 0, 500_115, &[2])]);
        check_shares(&mesh, &channel, &[(1, 500), (2, 500)]).await;
        set(&[("b", 0, 1_000_000, &[2])]);
        check_shares(&mesh, &channel, &[(2, 1000)]).await;
    });
    assert_eq!(servers.map(|server| server.accepts()), [1, 1]);
}

/// 4.5: a priority that is still connecting after 10 s gives way to the next one, and takes the calls back
/// when it is connected.
#[test]
fn xds_4_5_failover_after_ten_seconds() {
    let mesh = Mesh::with_backends(623, [1, 2]);
    mesh.sim.net().set_fate(backend(1), ConnectFate::Silent);
    mesh.plane
        .set(assignment([("a", 0, 1, &[1][..]), ("b", 1, 1, &[2])]));
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        let waited = mesh.sim.elapsed();
        assert!((10 * SECOND..11 * SECOND).contains(&waited), "{waited:?}");
        mesh.sim.net().set_fate(backend(1), ConnectFate::Ordinary);
        mesh.sleep(180 * SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 4.5: a priority that fails gives way at once, all fail in their order, and the highest that works again
/// is used.
#[test]
fn xds_4_5_priorities_that_fail() {
    let mesh = Mesh::with_backends(624, []);
    let servers: Vec<Backend> = (1..=3).map(|at| mesh.sim.backend(backend(at))).collect();
    let rows = [("a", 0, 1, &[1][..]), ("b", 1, 1, &[2]), ("c", 2, 1, &[3])];
    mesh.plane.set(assignment(rows));
    let channel = mesh.channel();
    mesh.sim.run(async {
        for (number, server) in (1..).zip(&servers) {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(number)));
            server.kill();
            mesh.sleep(SECOND).await;
        }
        let status = call(&channel, "/a.B/C").await.expect_err("all are down");
        assert!(status.message().ends_with("; xDS node \"n1\""), "{status}");
        for (number, server) in (1..=3).zip(&servers).rev() {
            server.restart();
            mesh.sleep(150 * SECOND).await;
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(number)));
        }
    });
}

/// 4.5: a priority without endpoints gives way at once. Where all priorities are gone, calls fail, and the
/// next list heals that.
#[test]
fn xds_4_5_priorities_without_endpoints() {
    let mesh = Mesh::with_backends(625, [1, 2]);
    let set = |rows: &[Row<'_>]| mesh.plane.set(assignment(rows.iter().copied()));
    set(&[("a", 0, 1, &[]), ("b", 1, 1, &[2])]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        assert!(mesh.sim.elapsed() < SECOND);
        set(&[]);
        mesh.sleep(SECOND).await;
        check_failure(
            call(&channel, "/a.B/C").await,
            "UNAVAILABLE: endpoints \"endpoints\" of cluster \"cluster\": none in any locality; \
             xDS node \"n1\"",
        );
        set(&[("a", 0, 1, &[1]), ("b", 1, 1, &[2])]);
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
    });
}

/// 4.9: endpoints are added, removed and replaced in one locality.
#[test]
fn xds_4_9_endpoints_of_one_locality() {
    let mesh = Mesh::with_backends(626, 1..=3);
    let set = |numbers: &[u8]| mesh.plane.set(assignment([("a", 0, 1, numbers)]));
    set(&[1]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        check_shares(&mesh, &channel, &[(1, 1000)]).await;
        set(&[1, 2]);
        check_shares(&mesh, &channel, &[(1, 500), (2, 500)]).await;
        set(&[1]);
        check_shares(&mesh, &channel, &[(1, 1000)]).await;
        set(&[3]);
        check_shares(&mesh, &channel, &[(3, 1000)]).await;
    });
}

/// 3.3.1, 4.1: the endpoints of a cluster move to another name, then to that of the cluster. The old name
/// is not asked for any more.
#[test]
fn xds_3_3_1_another_name_of_the_endpoints() {
    let mesh = Mesh::with_backends(627, [1, 2]);
    let with = |name: &str| resources::cluster_with_endpoints("cluster", name);
    mesh.plane.set_all([
        resources::endpoints("endpoints", [backend(1)]),
        resources::endpoints("cluster", [backend(2)]),
    ]);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.plane.set(with(""));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        let mut limited = with("");
        limited.circuit_breakers = Some(crate::settings::most_calls(512));
        mesh.plane.set(limited);
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
    });
    let requests = mesh.plane.requests();
    let mut of_endpoints = requests
        .iter()
        .map(|one| &one.message)
        .filter(|request| request.type_url.ends_with("ClusterLoadAssignment"));
    let last = of_endpoints.next_back().expect("a request");
    assert_eq!(last.resource_names, ["cluster"]);
}
