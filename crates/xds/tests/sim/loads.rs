//! Section 5: load reports.

use std::time::Duration;

use trunkline_sim::control_plane::proto::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use trunkline_sim::control_plane::proto::envoy::config::core::v3::{
    ConfigSource, SelfConfigSource,
};
use trunkline_sim::control_plane::proto::envoy::service::load_stats::v3::{
    LoadStatsRequest, LoadStatsResponse,
};
use trunkline_sim::control_plane::resources;

use crate::mesh::{Mesh, call};

/// Returns the issued, the successful and the running calls of all localities of a report.
fn calls(report: &LoadStatsRequest) -> (u64, u64, u64) {
    let clusters = report.cluster_stats.iter();
    let localities = clusters.flat_map(|cluster| &cluster.upstream_locality_stats);
    localities.fold((0, 0, 0), |(issued, successful, running), one| {
        (
            issued + one.total_issued_requests,
            successful + one.total_successful_requests,
            running + one.total_requests_in_progress,
        )
    })
}

/// 5.1, 5.2, 5.3, 5.6: a cluster with `lrs_server: self` has its calls reported to the server that sent
/// it, at the interval of the server, and a last time when the channel ends.
#[test]
fn xds_5_1_reports_to_the_server_of_the_cluster() {
    let mesh = Mesh::with_backends(71, [1]);
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    let own = ConfigSourceSpecifier::Self_(SelfConfigSource {});
    cluster.lrs_server = Some(ConfigSource {
        config_source_specifier: Some(own),
    });
    mesh.plane.set(cluster);
    mesh.plane.set_load_response(LoadStatsResponse {
        send_all_clusters: true,
        load_reporting_interval: Some(prost_types::Duration {
            seconds: 10,
            nanos: 0,
        }),
        ..LoadStatsResponse::default()
    });
    let channel = mesh.channel();
    mesh.sim.run(async {
        for _ in 0..3 {
            call(&channel, "/a.B/C").await.expect("an answer");
        }
        let first = mesh.plane.next_load_report().await.message;
        assert_eq!(first.node.map(|node| node.id), Some("n1".to_owned()));
        assert_eq!(first.cluster_stats, []);
        let second = mesh.plane.next_load_report().await.message;
        assert_eq!(calls(&second), (3, 3, 0));
        assert_eq!(second.cluster_stats[0].cluster_name, "cluster");
        assert_eq!(second.cluster_stats[0].cluster_service_name, "endpoints");

        call(&channel, "/a.B/C").await.expect("an answer");
        drop(channel);
        mesh.sleep(Duration::from_secs(2)).await;
        let last = mesh.plane.next_load_report().await.message;
        assert_eq!(calls(&last), (1, 1, 0));
        assert_eq!(mesh.plane.open_streams().len(), 0);
    });
}
