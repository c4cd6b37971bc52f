//! 2.19: the metrics of clients of
//! [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md).

use std::time::Duration;

use trunkline_sim::control_plane::resources;
use trunkline_telemetry::testing::RecordingSink;
use trunkline_telemetry::{MetricsOptions, instruments};
use trunkline_xds::XdsMetrics;

use crate::mesh::{Mesh, call};

const SECOND: Duration = Duration::from_secs(1);

/// Returns a mesh with one backend whose clients record into the sink.
fn measured(seed: u64) -> (Mesh, RecordingSink) {
    let mut mesh = Mesh::with_backends(seed, [1]);
    let sink = RecordingSink::new();
    let metrics = XdsMetrics::new(sink.clone());
    mesh.pool = mesh.pool.clone().with_observer(metrics);
    (mesh, sink)
}

/// Checks all that was recorded: a line for each series, without the prefix of the instruments and
/// with the labels of the target, the server and the authority cut out, as they are the same in all.
fn check(sink: &RecordingSink, expected: &[&str]) {
    let lines = sink.lines().into_iter().map(|line| {
        let line = line.replace("grpc.target=xds:///orders, ", "");
        let line = line.replace("grpc.xds.server=ipv4:198.51.100.1:18000", "server");
        let line = line.replace("grpc.xds.authority=#old", "old");
        let line = line.replace("grpc.xds.resource_type=envoy.config.", "");
        let line = line.replace("grpc.xds.cache_state=", "");
        line.replace("grpc.xds_client.", "")
    });
    assert_eq!(lines.collect::<Vec<_>>(), expected);
}

/// 2.19: one label for each part of a series, as gRFC A78 names them.
#[test]
fn xds_2_19_labels() {
    let (mesh, sink) = measured(181);
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
    });
    let first = |prefix: &str| sink.lines_of(prefix).first().cloned();
    let lines = [
        "grpc.xds_client.connected",
        "grpc.xds_client.resource_updates_valid",
        "grpc.xds_client.resources",
    ];
    let server = "grpc.target=xds:///orders, grpc.xds.server=ipv4:198.51.100.1:18000";
    let cluster = "grpc.xds.resource_type=envoy.config.cluster.v3.Cluster";
    assert_eq!(
        lines.map(first),
        [
            format!("grpc.xds_client.connected{{{server}}} 1"),
            format!("grpc.xds_client.resource_updates_valid{{{server}, {cluster}}} 1"),
            format!(
                "grpc.xds_client.resources{{grpc.target=xds:///orders, grpc.xds.authority=#old, \
                 grpc.xds.cache_state=acked, {cluster}}} 1"
            ),
        ]
        .map(Some)
    );
}

/// 2.19: a resource that is invalid after a valid one; a server that is lost and comes back; and the
/// end of the client, after which no gauge is left as it was.
#[test]
fn xds_2_19_values() {
    let (mesh, sink) = measured(182);
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        let mut broken = resources::cluster_with_endpoints("cluster", "endpoints");
        broken.eds_cluster_config = None;
        mesh.plane.set(broken);
        mesh.sleep(SECOND).await;
        check(
            &sink,
            &[
                "connected{server} 1",
                "resource_updates_invalid{server, cluster.v3.Cluster} 1",
                "resource_updates_valid{server, cluster.v3.Cluster} 1",
                "resource_updates_valid{server, endpoint.v3.ClusterLoadAssignment} 1",
                "resource_updates_valid{server, listener.v3.Listener} 1",
                "resource_updates_valid{server, route.v3.RouteConfiguration} 1",
                "resources{old, acked, cluster.v3.Cluster} 0",
                "resources{old, acked, endpoint.v3.ClusterLoadAssignment} 1",
                "resources{old, acked, listener.v3.Listener} 1",
                "resources{old, acked, route.v3.RouteConfiguration} 1",
                "resources{old, nacked_but_cached, cluster.v3.Cluster} 1",
                "resources{old, requested, cluster.v3.Cluster} 0",
                "resources{old, requested, endpoint.v3.ClusterLoadAssignment} 0",
                "resources{old, requested, listener.v3.Listener} 0",
                "resources{old, requested, route.v3.RouteConfiguration} 0",
            ],
        );
        mesh.plane.backend().kill();
        mesh.sleep(20 * SECOND).await;
        let of_server = || {
            [
                sink.lines_of("grpc.xds_client.connected"),
                sink.lines_of("grpc.xds_client.server"),
            ]
            .concat()
        };
        let server = "{grpc.target=xds:///orders, grpc.xds.server=ipv4:198.51.100.1:18000}";
        let expected = |connected: u64| {
            [
                format!("grpc.xds_client.connected{server} {connected}"),
                format!("grpc.xds_client.server_failure{server} 1"),
            ]
        };
        assert_eq!(of_server(), expected(0));
        mesh.plane.backend().restart();
        mesh.sleep(120 * SECOND).await;
        assert_eq!(of_server(), expected(1));

        drop(channel);
        mesh.sleep(SECOND).await;
        assert_eq!(of_server(), expected(0));
        let resources = sink.lines_of("grpc.xds_client.resources");
        assert_eq!(resources.len(), 9);
        for line in resources {
            assert!(line.ends_with("} 0"), "{line}");
        }
    });
}

/// A79: the application chooses the instruments, and which targets are told apart.
#[test]
fn a79_options() {
    let mut mesh = Mesh::with_backends(183, [1]);
    let sink = RecordingSink::new();
    let options = MetricsOptions::default()
        .with_instrument(&instruments::XDS_CONNECTED)
        .with_target_filter(|target| !target.starts_with("xds:"));
    let metrics = XdsMetrics::new(sink.clone()).with_options(options);
    mesh.pool = mesh.pool.clone().with_observer(metrics);
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
    });
    assert_eq!(
        sink.lines(),
        ["grpc.xds_client.connected{grpc.target=other, \
          grpc.xds.server=ipv4:198.51.100.1:18000} 1"]
    );
}
