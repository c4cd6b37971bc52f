//! 3.3.1, 4.1: clusters whose backends are behind a host name.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use trunkline_channel::Channel;
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{
    ManualResolver, Resolution, ResolveError, ResolveErrorKind, ResolverRegistry,
};
use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, backend, call, routes};

/// Returns a mesh whose calls go to a host name, and a channel that resolves it by this resolver.
fn mesh(seed: u64, dns: &ManualResolver) -> (Mesh, Channel) {
    let mesh = Mesh::with_backends(seed, [1, 2]);
    mesh.plane
        .set(resources::dns_cluster("cluster", "db.test", 5432));
    mesh.plane.set(routes([resources::route("", "cluster")]));
    let xds = mesh
        .xds(mesh.bootstrap())
        .with_resolvers(ResolverRegistry::standard().with(dns.clone()));
    let channel = mesh.channel_with("xds:///orders", xds);
    (mesh, channel)
}

/// 4.1, 4.5: the addresses of the name are one endpoint. A failed resolution keeps them, a policy's
/// request resolves again, and a new address moves the calls.
#[test]
fn xds_4_1_logical_dns() {
    let dns = ManualResolver::with_initial("dns", Resolution::new([Endpoint::new([backend(1)])]));
    let (mesh, channel) = mesh(51, &dns);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        let error = ResolveError::new(ResolveErrorKind::Unavailable, "no answer");
        drop(dns.update(Resolution::from_error(error)));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        drop(dns.update(Resolution::new([Endpoint::new([backend(2)])])));
        mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        // The name is not resolved any more once no cluster needs it.
        mesh.plane
            .set(resources::cluster_with_endpoints("cluster", "endpoints"));
        mesh.sleep(Duration::from_secs(1)).await;
        call(&channel, "/a.B/C").await.expect("an answer");
        assert_eq!(dns.active(), 0);
    });
}

/// 4.1, 4.8: a name that was never resolved fails the calls of its cluster, with the reason.
#[test]
fn xds_4_1_logical_dns_without_addresses() {
    let error = ResolveError::new(ResolveErrorKind::NotFound, "NXDOMAIN for db.test");
    let dns = ManualResolver::with_initial("dns", Resolution::from_error(error));
    let (mesh, channel) = mesh(52, &dns);
    mesh.sim.run(async {
        let status = call(&channel, "/a.B/C").await.expect_err("no addresses");
        let text = status.message();
        assert!(
            text.contains("NXDOMAIN for db.test") && text.ends_with("; xDS node \"n1\""),
            "{text}"
        );
    });
}

/// 4.1: a backend that is lost has its host name resolved again, also below an aggregate.
#[test]
fn xds_4_1_a_lost_backend_resolves_again() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let first = Resolution::new([Endpoint::new([backend(1)])]);
    let dns = ManualResolver::with_initial("dns", first).with_on_resolve_now(move || {
        counter.fetch_add(1, Ordering::Relaxed);
    });
    let (mesh, channel) = mesh(53, &dns);
    mesh.plane.set_all([
        resources::aggregate_cluster("cluster", ["host"]),
        resources::dns_cluster("host", "db.test", 5432),
    ]);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        assert_eq!(requests.load(Ordering::Relaxed), 0);
        mesh.sim.net().kill(backend(1).ip());
        mesh.sleep(Duration::from_secs(5)).await;
        let _ = call(&channel, "/a.B/C").await;
        assert!(requests.load(Ordering::Relaxed) > 0);
    });
}
