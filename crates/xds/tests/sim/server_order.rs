//! 2.13, 2.14: which of several control planes is asked, and whose resources are used.

use std::net::SocketAddr;
use std::time::Duration;

use trunkline_channel::Channel;
use trunkline_sim::Backend;
use trunkline_sim::control_plane::proto::envoy::service::load_stats::v3::LoadStatsResponse;
use trunkline_sim::control_plane::{ControlPlane, resources};
use trunkline_xds::core::{Authority, ServerConfig};

use crate::mesh::{Mesh, backend, call, seconds};
use crate::settings::reported;

const SECOND: Duration = Duration::from_secs(1);

/// Within this time a server that works again is found: the longest back-off, and some more.
pub(crate) const FOUND: Duration = Duration::from_secs(150);

/// Three control planes, of which each has a backend of its own. All have the listener `orders`, and names
/// of their own for everything else.
struct Planes {
    mesh: Mesh,
    planes: [ControlPlane; 3],
    channel: Channel,
}

impl Planes {
    fn new(seed: u64) -> Self {
        let mesh = Mesh::new(seed);
        for number in 1..=3 {
            mesh.sim.backend(backend(number));
        }
        let address = |number: u8| SocketAddr::from(([198, 51, 100, number], 18000));
        let server = |number| ServerConfig::insecure(format!("ipv4:{}", address(number)));
        let second = mesh.sim.control_plane(address(2));
        let third = mesh.sim.control_plane(address(3));
        let bootstrap = mesh.bootstrap().with_fallback(server(2));
        let bootstrap = bootstrap.with_fallback(server(3));
        let channel = mesh.builder_of("xds:///orders", bootstrap).build();
        Self {
            planes: [mesh.plane.clone(), second, third],
            channel: channel.expect("a channel"),
            mesh,
        }
    }

    fn server(&self, number: u8) -> &Backend {
        self.plane(number).backend()
    }

    fn plane(&self, number: u8) -> &ControlPlane {
        &self.planes[usize::from(number) - 1]
    }

    /// Sets the listener of a control plane.
    fn set_listener(&self, number: u8) {
        let routes = format!("routes-{number}");
        let plane = self.plane(number);
        plane.set(resources::listener("orders", &routes));
    }

    /// Sets all resources of a control plane.
    fn set_all(&self, number: u8) {
        let plane = self.plane(number);
        let cluster = format!("cluster-{number}");
        plane.set(resources::endpoints(&cluster, [backend(number)]));
        plane.set(resources::cluster(&cluster));
        plane.set(resources::route_configuration(
            &format!("routes-{number}"),
            [resources::route("", &cluster)],
        ));
        self.set_listener(number);
    }

    async fn check_backend(&self, number: u8) {
        for _ in 0..5 {
            assert_eq!(call(&self.channel, "/a.B/C").await, Ok(backend(number)));
        }
    }

    /// Returns which control planes have a stream.
    fn asked(&self) -> Vec<u8> {
        let numbers = (1..).zip(&self.planes);
        let open = numbers.filter(|(_, plane)| !plane.open_streams().is_empty());
        open.map(|(number, _)| number).collect()
    }
}

/// The servers before the last one fail while resources are awaited; they come back one after the other,
/// each takes over, and the servers after it are left.
#[test]
fn xds_2_13_three_servers() {
    let planes = Planes::new(700);
    planes.set_listener(1);
    planes.set_listener(2);
    planes.set_all(3);
    planes.mesh.sim.run(async {
        let waiting = call(&planes.channel, "/a.B/C");
        let failing = async {
            planes.mesh.sleep(SECOND).await;
            assert_eq!(planes.asked(), [1]);
            planes.server(1).kill();
            planes.mesh.sleep(3 * SECOND).await;
            assert_eq!(planes.asked(), [2]);
            planes.server(2).kill();
        };
        let (answer, ()) = futures_util::future::join(waiting, failing).await;
        assert_eq!(answer, Ok(backend(3)));
        assert_eq!(planes.asked(), [3]);
        planes.check_backend(3).await;

        planes.set_all(2);
        planes.server(2).restart();
        planes.mesh.sleep(FOUND).await;
        assert_eq!(planes.asked(), [2]);
        planes.check_backend(2).await;

        planes.set_all(1);
        planes.server(1).restart();
        planes.mesh.sleep(FOUND).await;
        assert_eq!(planes.asked(), [1]);
        planes.check_backend(1).await;
    });
}

/// The first server dies in a change: it has sent a listener and routes, and not their cluster. The second
/// one is asked, and its resources are used; the first one takes over again.
#[test]
fn xds_2_13_a_server_dies_in_a_change() {
    let planes = Planes::new(701);
    planes.set_all(1);
    planes.set_all(2);
    planes.mesh.sim.run(async {
        planes.check_backend(1).await;
        assert_eq!(planes.asked(), [1]);
        let first = planes.plane(1);
        first.set(resources::route_configuration(
            "routes-1",
            [resources::route("", "later")],
        ));
        planes.mesh.sleep(SECOND).await;
        planes.server(1).kill();
        planes.mesh.sleep(5 * SECOND).await;
        assert_eq!(planes.asked(), [2]);
        planes.check_backend(2).await;

        first.set(resources::endpoints("later", [backend(3)]));
        first.set(resources::cluster("later"));
        planes.server(1).restart();
        planes.mesh.sleep(FOUND).await;
        assert_eq!(planes.asked(), [1]);
        planes.check_backend(3).await;
    });
}

/// With everything cached the loss of the first server is no reason to ask the second, and no call fails.
#[test]
fn xds_2_13_nothing_is_awaited() {
    let planes = Planes::new(702);
    planes.set_all(1);
    planes.set_all(2);
    planes.mesh.sim.run(async {
        planes.check_backend(1).await;
        planes.server(1).kill();
        for _ in 0..60 {
            planes.mesh.sleep(SECOND).await;
            planes.check_backend(1).await;
        }
        assert_eq!(planes.plane(2).streams(), 0);
    });
}

/// 5.1, 2.13: load is reported to the server whose cluster is in use.
#[test]
fn xds_5_1_reports_follow_the_server() {
    let planes = Planes::new(703);
    for number in 1..=2 {
        planes.set_all(number);
        let plane = planes.plane(number);
        let cluster = resources::cluster(&format!("cluster-{number}"));
        plane.set(reported(cluster));
        plane.set_load_response(LoadStatsResponse {
            send_all_clusters: true,
            load_reporting_interval: seconds(10),
            ..LoadStatsResponse::default()
        });
    }
    planes.server(1).kill();
    planes.mesh.sim.run(async {
        planes.check_backend(2).await;
        planes.mesh.sleep(SECOND).await;
        assert_eq!(planes.plane(2).open_streams().len(), 2);
        planes.server(1).restart();
        planes.mesh.sleep(FOUND).await;
        planes.check_backend(1).await;
        planes.mesh.sleep(15 * SECOND).await;
        assert_eq!(planes.plane(1).open_streams().len(), 2);
        assert_eq!(planes.plane(2).open_streams().len(), 0);
    });
    for number in 1..=2 {
        let reports = planes.plane(number).load_reports();
        let stats = reports.iter().flat_map(|one| &one.message.cluster_stats);
        let names: Vec<_> = stats.map(|stats| &*stats.cluster_name).collect();
        assert_eq!(names, [format!("cluster-{number}")]);
    }
}

/// 2.14: an authority with `fallback_on_reachability_only` moves to its second server also if nothing is
/// awaited.
#[test]
fn xds_2_14_reachability_only() {
    let mesh = Mesh::new(704);
    mesh.sim.backend(backend(1));
    mesh.sim.backend(backend(2));
    let address = SocketAddr::from(([198, 51, 100, 2], 18000));
    let second = mesh.sim.control_plane(address);
    let name = |kind: &str, id: &str| format!("xdstp://mesh/envoy.config.{kind}/{id}");
    let cluster = name("cluster.v3.Cluster", "cluster");
    let endpoints = name("endpoint.v3.ClusterLoadAssignment", "endpoints");
    for (plane, number) in [(&mesh.plane, 1), (&second, 2)] {
        plane.set(resources::inline_listener(
            &name("listener.v3.Listener", "orders"),
            resources::route_configuration("inline", [resources::route("", &cluster)]),
        ));
        plane.set(resources::cluster_with_endpoints(&cluster, &endpoints));
        plane.set(resources::endpoints(&endpoints, [backend(number)]));
    }
    let authority = Authority::new()
        .with_server(mesh.bootstrap().servers[0].as_ref().clone())
        .with_server(ServerConfig::insecure(format!("ipv4:{address}")))
        .with_fallback_on_reachability_only(true);
    let bootstrap = mesh.bootstrap().with_authority("mesh", authority);
    let channel = mesh.builder_of("xds://mesh/orders", bootstrap).build();
    let channel = channel.expect("a channel");
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        mesh.plane.backend().kill();
        mesh.sleep(5 * SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        mesh.plane.backend().restart();
        mesh.sleep(FOUND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(second.open_streams().len(), 0);
    });
}
