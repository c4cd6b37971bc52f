//! 4.5: aggregates of a cluster of the type EDS and one of the type LOGICAL_DNS.

use std::time::Duration;

use http::Request;
use trunkline_channel::Channel;
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{
    ManualResolver, Resolution, ResolveError, ResolveErrorKind, ResolverRegistry,
};
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use trunkline_sim::control_plane::resources;
use trunkline_status::Code;

use crate::mesh::{Mesh, backend, call, call_with, routes};

const SECOND: Duration = Duration::from_secs(1);

/// A mesh whose calls go to an aggregate of `eds`, whose backend is the first one, and of `dns`, whose
/// host name leads to the second one once the test resolves it.
struct Mixed {
    mesh: Mesh,
    dns: ManualResolver,
    channel: Channel,
}

impl Mixed {
    fn new(seed: u64, order: [&str; 2]) -> Self {
        let mesh = Mesh::with_backends(seed, [1, 2, 3]);
        mesh.plane.set_all([
            resources::aggregate_cluster("cluster", order),
            resources::cluster_with_endpoints("eds", "endpoints"),
            resources::dns_cluster("dns", "shop.test", 8080),
        ]);
        mesh.plane.set(routes([resources::route("", "cluster")]));
        mesh.plane
            .set(resources::endpoints("endpoints", [backend(1)]));
        let dns = ManualResolver::new("dns");
        let resolvers = ResolverRegistry::standard().with(dns.clone());
        let xds = mesh.xds(mesh.bootstrap()).with_resolvers(resolvers);
        let channel = mesh.channel_with("xds:///orders", xds);
        Self { mesh, dns, channel }
    }

    /// Sets endpoints that the client refuses.
    fn refuse_endpoints(&self) {
        self.mesh.plane.set(refused());
    }

    fn resolve(&self, numbers: impl IntoIterator<Item = u8>) {
        let numbers = numbers.into_iter();
        let endpoints: Vec<_> = numbers
            .map(|number| Endpoint::new([backend(number)]))
            .collect();
        drop(self.dns.update(Resolution::new(endpoints)));
    }

    fn fail_to_resolve(&self) {
        let error = ResolveError::new(ResolveErrorKind::NotFound, "NXDOMAIN for shop.test");
        drop(self.dns.update(Resolution::from_error(error)));
    }

    /// Checks that this backend answers calls for some time.
    async fn check_calls(&self, number: u8) {
        for _ in 0..10 {
            let answer = call(&self.channel, "/a.B/C").await;
            assert_eq!(answer, Ok(backend(number)));
            self.mesh.sleep(SECOND / 10).await;
        }
    }
}

/// Returns endpoints that the client refuses: a locality is not named.
fn refused() -> ClusterLoadAssignment {
    let mut refused = resources::endpoints("endpoints", [backend(1)]);
    refused.endpoints[0].locality = None;
    refused
}

/// Calls wait until both clusters have their backends, and then go to the first one.
#[test]
fn xds_4_5_both_clusters_are_awaited() {
    let mixed = Mixed::new(580, ["eds", "dns"]);
    mixed.mesh.sim.run(async {
        let head = Request::post("/a.B/C").header("grpc-timeout", "2S");
        let status = call_with(&mixed.channel, head).await.expect_err("too late");
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let text = status.message();
        assert!(text.contains("host name \"shop.test:8080\""), "{text}");
        mixed.resolve([2]);
        mixed.check_calls(1).await;
    });
}

/// A seed, and what is wrong with the endpoints.
type BadEndpoints = (u64, fn(&Mixed));

/// Endpoints without any, refused ones, and those that are never sent: calls go to the host name. An error
/// of the DNS after an answer changes nothing.
#[test]
fn xds_4_5_no_endpoints_and_a_good_host_name() {
    let cases: [BadEndpoints; 3] = [
        (581, |mixed| {
            let plane = &mixed.mesh.plane;
            plane.set(resources::endpoints("endpoints", []));
        }),
        (582, Mixed::refuse_endpoints),
        (583, |mixed| {
            let plane = &mixed.mesh.plane;
            plane.delete::<ClusterLoadAssignment>("endpoints");
        }),
    ];
    for (seed, break_endpoints) in cases {
        let mixed = Mixed::new(seed, ["eds", "dns"]);
        break_endpoints(&mixed);
        mixed.mesh.sim.run(async {
            mixed.resolve([2]);
            mixed.check_calls(2).await;
            mixed.fail_to_resolve();
            mixed.mesh.sleep(SECOND).await;
            mixed.check_calls(2).await;
            // Good endpoints take the calls back.
            let good = resources::endpoints("endpoints", [backend(3)]);
            mixed.mesh.plane.set(good);
            mixed.mesh.sleep(SECOND).await;
            mixed.check_calls(3).await;
        });
    }
}

/// A host name that has no addresses is no reason to wait for it: calls go to the endpoints.
#[test]
fn xds_4_5_a_bad_host_name_and_good_endpoints() {
    let mixed = Mixed::new(584, ["dns", "eds"]);
    mixed.fail_to_resolve();
    mixed.mesh.sim.run(async {
        mixed.check_calls(1).await;
        mixed.resolve([2]);
        mixed.mesh.sleep(SECOND).await;
        mixed.check_calls(2).await;
    });
}

/// Neither has backends: calls fail with the reason of the last one that was tried.
#[test]
fn xds_4_5_neither_endpoints_nor_a_host_name() {
    let mixed = Mixed::new(585, ["eds", "dns"]);
    let none = resources::endpoints("endpoints", []);
    mixed.mesh.plane.set(none);
    mixed.fail_to_resolve();
    mixed.mesh.sim.run(async {
        let status = call(&mixed.channel, "/a.B/C").await.expect_err("nothing");
        assert_eq!(status.code(), Code::Unavailable);
        let text = status.message();
        assert!(
            text.contains("NXDOMAIN for shop.test") && text.ends_with("xDS node \"n1\""),
            "{text}"
        );
    });
}

/// Refused endpoints after good ones: the good ones stay, and calls do not move to the host name.
#[test]
fn xds_4_5_refused_endpoints_are_no_reason_to_move() {
    let mixed = Mixed::new(586, ["eds", "dns"]);
    mixed.mesh.sim.run(async {
        mixed.resolve([2]);
        mixed.check_calls(1).await;
        mixed.refuse_endpoints();
        mixed.mesh.sleep(SECOND).await;
        mixed.check_calls(1).await;
    });
}

/// The aggregate moves from its endpoints to its host name, to another host name, and back.
#[test]
fn xds_4_5_an_aggregate_that_changes() {
    let mixed = Mixed::new(587, ["eds", "dns"]);
    let plane = &mixed.mesh.plane;
    plane.set(resources::aggregate_cluster("cluster", ["eds"]));
    mixed.mesh.sim.run(async {
        mixed.check_calls(1).await;
        assert_eq!(mixed.dns.active(), 0);
        plane.set(resources::aggregate_cluster("cluster", ["dns"]));
        mixed.resolve([2]);
        mixed.mesh.sleep(SECOND).await;
        mixed.check_calls(2).await;
        // The addresses of the other name, which the resolver starts with.
        mixed.resolve([3]);
        plane.set(resources::dns_cluster("dns", "carts.test", 8080));
        mixed.mesh.sleep(SECOND).await;
        mixed.check_calls(3).await;
        plane.set(resources::aggregate_cluster("cluster", ["eds"]));
        mixed.mesh.sleep(SECOND).await;
        mixed.check_calls(1).await;
        assert_eq!(mixed.dns.active(), 0);
    });
}

/// 4.5: the addresses of a host name are one endpoint: calls stay with the first one that works, whatever
/// the policy of the cluster is.
#[test]
fn xds_4_5_addresses_of_a_host_name_are_one_endpoint() {
    let mixed = Mixed::new(588, ["dns", "eds"]);
    mixed.resolve([2, 3]);
    mixed.mesh.sim.run(async {
        mixed.check_calls(2).await;
        mixed.mesh.sim.net().kill(backend(2).ip());
        mixed.mesh.sleep(SECOND).await;
        mixed.check_calls(3).await;
    });
}

/// 4.8: a text that is no host name fails its cluster alone.
#[test]
fn xds_4_8_a_malformed_host_name() {
    let mixed = Mixed::new(589, ["dns", "eds"]);
    mixed.fail_to_resolve();
    let bad = resources::dns_cluster("cluster", "%gh&%ij", 8080);
    mixed.mesh.plane.set(bad);
    let beside = resources::route("/beside/", "eds");
    let mesh = &mixed.mesh;
    mesh.plane
        .set(routes([beside, resources::route("", "cluster")]));
    let channel = mixed.mesh.channel();
    mixed.mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no host name");
        assert_eq!(status.code(), Code::Unavailable);
        let text = status.message();
        assert!(text.contains("%gh&%ij"), "{text}");
        assert_eq!(call(&channel, "/beside/C").await, Ok(backend(1)));
    });
}
