//! 6.5: the server name that is sent, and its use in place of the cluster's conditions.

use std::time::Duration;

use trunkline_endpoint::Endpoint;
use trunkline_resolver::{ManualResolver, Resolution, ResolverRegistry};
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use trunkline_sim::control_plane::proto::envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;
use trunkline_sim::control_plane::proto::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use trunkline_sim::control_plane::resources;

use super::secure_mesh::{SecureMesh, WORKLOAD, secure, socket, tls, validation};
use crate::mesh::{backend, call};

/// Gives the endpoint of the mesh this host name.
fn set_hostname(secure_mesh: &SecureMesh, hostname: &str) {
    let mut endpoint = resources::endpoint(secure());
    if let Some(HostIdentifier::Endpoint(endpoint)) = &mut endpoint.host_identifier {
        endpoint.hostname = hostname.into();
    }
    let locality = resources::locality_endpoints(resources::locality("here", "", ""), [endpoint]);
    let assignment = resources::assignment("endpoints", [locality]);
    secure_mesh.mesh.plane.set(assignment);
}

fn with_sni(sni: &str) -> UpstreamTlsContext {
    UpstreamTlsContext {
        sni: sni.into(),
        ..tls(validation([]))
    }
}

/// `auto_host_sni` sends the host name of the endpoint without its port; else, and without a host name,
/// `sni` is sent; else nothing.
///
/// Source: [gRFC A101](https://github.com/grpc/proposal/blob/master/A101-SNI-setting-and-SNI-SAN-validation.md).
#[test]
fn xds_6_5_the_name_that_is_sent() {
    let automatic = |sni| UpstreamTlsContext {
        auto_host_sni: true,
        ..with_sni(sni)
    };
    let rows = [
        ("", with_sni(""), None),
        ("eu.orders.test:443", with_sni(""), None),
        (
            "eu.orders.test:443",
            with_sni("orders.test"),
            Some("orders.test"),
        ),
        (
            "eu.orders.test:443",
            automatic("orders.test"),
            Some("eu.orders.test"),
        ),
        ("", automatic("orders.test"), Some("orders.test")),
        ("", automatic(""), None),
    ];
    for ((hostname, tls, expected), seed) in rows.into_iter().zip(450..) {
        let secure_mesh = SecureMesh::new(seed);
        set_hostname(&secure_mesh, hostname);
        secure_mesh.set_cluster(tls);
        assert_eq!(secure_mesh.call(), Ok(secure()));
        assert_eq!(secure_mesh.sent(), [expected.map(str::to_owned)]);
    }
}

/// A host name that changes is sent for the next connection. Those that exist stay.
#[test]
fn xds_6_5_a_host_name_that_changes() {
    let secure_mesh = SecureMesh::new(456);
    set_hostname(&secure_mesh, "one.orders.test");
    secure_mesh.set_cluster(UpstreamTlsContext {
        auto_host_sni: true,
        ..tls(validation([]))
    });
    let channel = secure_mesh.channel();
    secure_mesh.mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
        set_hostname(&secure_mesh, "two.orders.test");
        secure_mesh.mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(secure_mesh.sent(), [Some("one.orders.test".to_owned())]);
        secure_mesh.break_connections();
        secure_mesh.mesh.sleep(Duration::from_secs(1)).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
    });
    let expected = ["one.orders.test", "two.orders.test"];
    assert_eq!(
        secure_mesh.sent(),
        expected.map(|name| Some(name.to_owned()))
    );
}

/// With `auto_sni_san_validation`, the name that was sent must be in the certificate, whatever the
/// conditions are; where none is sent, the conditions are in force.
#[test]
fn xds_6_5_the_name_that_is_sent_is_validated() {
    let validated = |sni: &str, condition: &str| UpstreamTlsContext {
        sni: sni.into(),
        auto_sni_san_validation: true,
        ..tls(validation([MatchPattern::Exact(condition.into())]))
    };
    let call = |seed, tls| {
        let secure_mesh = SecureMesh::new(seed);
        secure_mesh.set_cluster(tls);
        let result = secure_mesh.call();
        result.map_err(|status| status.message().to_owned())
    };
    assert_eq!(
        call(460, validated(WORKLOAD, "carts.mesh.test")),
        Ok(secure())
    );
    assert_eq!(call(461, validated("", WORKLOAD)), Ok(secure()));
    let text = call(462, validated("carts.mesh.test", WORKLOAD)).expect_err("another name");
    let expected = format!(
        "the certificate of the server is not for \"carts.mesh.test\": it is for {WORKLOAD:?}"
    );
    assert!(text.contains(&expected), "{text}");
    let text = call(463, validated("", "carts.mesh.test")).expect_err("another name");
    let expected = "has no name that the cluster asks for";
    assert!(text.contains(expected), "{text}");
}

/// A cluster of the type LOGICAL_DNS has TLS, too; the host name of its endpoint is that of the cluster.
#[test]
fn xds_6_5_logical_dns() {
    let secure_mesh = SecureMesh::new(464);
    let mesh = &secure_mesh.mesh;
    let mut cluster = resources::dns_cluster("cluster", WORKLOAD, 443);
    cluster.transport_socket = Some(socket(&UpstreamTlsContext {
        auto_host_sni: true,
        auto_sni_san_validation: true,
        ..tls(validation([]))
    }));
    mesh.plane.set(cluster);
    let dns = ManualResolver::with_initial("dns", Resolution::new([Endpoint::new([secure()])]));
    let xds = mesh
        .xds(secure_mesh.bootstrap())
        .with_resolvers(ResolverRegistry::standard().with(dns))
        .with_xds_credentials();
    let channel = mesh.channel_with("xds:///orders", xds);
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
    });
    assert_eq!(secure_mesh.sent(), [Some(WORKLOAD.to_owned())]);
}

/// A locality that EDS does not list any more stays connected for a time. A connection that is lost then is
/// not made again: the name that the server must prove is not known.
///
/// Source: [gRFC A101](https://github.com/grpc/proposal/blob/master/A101-SNI-setting-and-SNI-SAN-validation.md).
#[test]
fn xds_6_5_no_handshake_with_an_endpoint_that_was_removed() {
    let secure_mesh = SecureMesh::new(465);
    secure_mesh.set_cluster(UpstreamTlsContext {
        auto_host_sni: true,
        auto_sni_san_validation: true,
        ..tls(validation([]))
    });
    let locality = |region, address| {
        let mut endpoint = resources::endpoint(address);
        if let Some(HostIdentifier::Endpoint(endpoint)) = &mut endpoint.host_identifier {
            endpoint.hostname = WORKLOAD.into();
        }
        resources::locality_endpoints(resources::locality(region, "", ""), [endpoint])
    };
    let here = locality("here", secure());
    // The other locality has no TLS: calls are for the first one.
    let there = locality("there", backend(1));
    let mesh = &secure_mesh.mesh;
    mesh.plane
        .set(resources::assignment("endpoints", [here, there.clone()]));
    let channel = secure_mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(secure()));
        mesh.plane.set(resources::assignment("endpoints", [there]));
        mesh.sleep(Duration::from_secs(1)).await;
        secure_mesh.break_connections();
        mesh.sleep(Duration::from_secs(5)).await;
    });
    assert_eq!(secure_mesh.sent(), [Some(WORKLOAD.to_owned())]);
}
