//! Section 5: load reports.

use std::time::Duration;

use futures_util::future::{join, join_all};
use trunkline_sim::CallReply;
use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::ClusterStats;
use trunkline_sim::control_plane::proto::envoy::service::load_stats::v3::LoadStatsRequest;
use trunkline_sim::control_plane::resources;

use crate::load_contents::report_loads;
use crate::mesh::{Mesh, backend, call, routes};
use crate::settings::reported;

const SECOND: Duration = Duration::from_secs(1);

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
    mesh.plane.set(reported(resources::cluster_with_endpoints(
        "cluster",
        "endpoints",
    )));
    report_loads(&mesh);
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

/// 5.3: `load_report_interval` of a cluster is the time since its last report, or since it was there.
#[test]
fn xds_5_3_the_interval_of_a_cluster_that_appears_later() {
    let mesh = Mesh::with_backends(72, [1]);
    mesh.plane.set(reported(resources::cluster("cluster")));
    mesh.plane
        .set_all(["cluster", "later"].map(|name| resources::endpoints(name, [backend(1)])));
    report_loads(&mesh);
    let channel = mesh.channel();
    let intervals = || {
        let reports = mesh.plane.load_reports();
        let stats = reports.iter().flat_map(|one| &one.message.cluster_stats);
        stats
            .map(|stats: &ClusterStats| {
                let interval = stats.load_report_interval.expect("an interval");
                (stats.cluster_name.clone(), interval.seconds)
            })
            .collect::<Vec<_>>()
    };
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        mesh.sleep(SECOND * 67 / 2).await;
        mesh.plane.set(reported(resources::cluster("later")));
        mesh.plane.set(routes([resources::route("", "later")]));
        mesh.sleep(SECOND).await;
        call(&channel, "/a.B/C").await.expect("an answer");
        mesh.sleep(10 * SECOND).await;
    });
    // The first report is 10 s after the first response, the fourth one 6.5 s after the second cluster.
    let expected = [("cluster", 10), ("later", 6)].map(|(name, time)| (name.to_owned(), time));
    assert_eq!(intervals(), expected);
}

/// 5.1: the channels of one client have one stream to a server, and are reported together. It stays while one
/// of them is there.
#[test]
fn xds_5_1_one_stream_for_the_channels_of_a_client() {
    let mesh = Mesh::with_backends(73, []);
    let server = mesh.sim.backend(backend(1));
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    mesh.plane.set(reported(cluster));
    report_loads(&mesh);
    let (first, second) = (mesh.channel(), mesh.channel());
    mesh.sim.run(async {
        for channel in [&first, &second] {
            call(channel, "/a.B/C").await.expect("an answer");
        }
        mesh.sleep(SECOND).await;
        assert_eq!(mesh.plane.open_streams().len(), 2, "resources, and loads");

        let late = CallReply::Echo.after(12 * SECOND);
        server.push_reply(late.clone());
        server.push_reply(late);
        let waiting = [&first, &second].map(|channel| call(channel, "/a.B/C"));
        let both = async {
            mesh.plane.next_load_report().await;
            calls(&mesh.plane.next_load_report().await.message)
        };
        let (answers, both) = join(join_all(waiting), both).await;
        assert_eq!(answers, [Ok(backend(1)), Ok(backend(1))]);
        assert_eq!(both, (4, 2, 2));

        drop(first);
        mesh.sleep(5 * SECOND).await;
        assert_eq!(mesh.plane.open_streams().len(), 2);
        call(&second, "/a.B/C").await.expect("an answer");
        let next = mesh.plane.next_load_report().await.message;
        assert_eq!(calls(&next), (1, 3, 0));
        drop(second);
        mesh.sleep(2 * SECOND).await;
        assert_eq!(mesh.plane.open_streams().len(), 0);
    });
}
