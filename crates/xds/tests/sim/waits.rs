//! 4.8: what a channel waits for.

use std::sync::Arc;

use trunkline_resolver::{ResolverFactory, ResolverOptions};
use trunkline_target::Target;
use trunkline_xds::core::{Authority, ServerConfig};

use crate::mesh::{Mesh, PLANE};

/// Checks what the resolution of a target waits for.
fn check(target: &str, expected: &str) {
    let mesh = Mesh::new(91);
    let own = Authority::new().with_server(ServerConfig::insecure("ipv4:198.51.100.9:18000"));
    let bootstrap = mesh.bootstrap().with_authority("own", own);
    let bootstrap = bootstrap.with_authority("shared", Authority::new());
    let target = Target::parse(target).expect("a target");
    let options = ResolverOptions::new(Arc::clone(&mesh.runtime));
    let factory = mesh.xds(bootstrap).resolver_factory();
    let mut resolver = factory.build(&target, &options).expect("a resolver");
    mesh.sim.run(async {
        std::future::poll_fn(|cx| {
            assert!(resolver.poll_resolution(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    });
    assert_eq!(resolver.waiting_for().as_deref(), Some(expected));
}

/// The control plane is the first one of the name's authority: its own, or else that of the bootstrap.
#[test]
fn xds_4_8_server_of_the_authority() {
    let listener = "envoy.config.listener.v3.Listener/orders";
    check(
        "xds:///orders",
        &format!("listener \"orders\" of the control plane ipv4:{PLANE}; xDS node \"n1\""),
    );
    check(
        "xds://shared/orders",
        &format!(
            "listener \"xdstp://shared/{listener}\" of the control plane ipv4:{PLANE}; xDS node \"n1\""
        ),
    );
    check(
        "xds://own/orders",
        &format!(
            "listener \"xdstp://own/{listener}\" of the control plane ipv4:198.51.100.9:18000; xDS \
             node \"n1\""
        ),
    );
}
