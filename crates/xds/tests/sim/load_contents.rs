//! 5.1 to 5.5: what load reports have, and when there are none.

use std::time::Duration;

use trunkline_lb::LoadReport;
use trunkline_sim::CallReply;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;
use trunkline_status::Code;

use crate::balancing::Reporting;
use crate::mesh::{Mesh, backend, call, routes, seconds};
use crate::settings::{most_calls, reported};

use envoy::config::endpoint::v3::{
    ClusterStats, EndpointLoadMetricStats, UnnamedEndpointLoadMetricStats, UpstreamLocalityStats,
};
use envoy::extensions::load_balancing_policies::pick_first::v3::PickFirst;
use envoy::service::load_stats::v3::LoadStatsResponse;

const SECOND: Duration = Duration::from_secs(1);

/// Lets clients report all clusters, each 10 s.
pub(crate) fn report_loads(mesh: &Mesh) {
    mesh.plane.set_load_response(loads_each_10_s());
}

/// Returns the response that asks for the load of all clusters, each 10 s.
pub(crate) fn loads_each_10_s() -> LoadStatsResponse {
    LoadStatsResponse {
        send_all_clusters: true,
        load_reporting_interval: seconds(10),
        ..LoadStatsResponse::default()
    }
}

/// Waits for the next report that has a load, and returns its clusters without the intervals.
pub(crate) async fn next_stats(mesh: &Mesh) -> Vec<ClusterStats> {
    loop {
        let report = mesh.plane.next_load_report().await.message;
        let mut stats = report.cluster_stats;
        for cluster in &mut stats {
            assert!(cluster.load_report_interval.take().is_some());
        }
        if !stats.is_empty() {
            return stats;
        }
    }
}

/// Returns the load of a locality whose calls have all succeeded.
fn succeeded(region: &str, zone: &str, calls: u64) -> UpstreamLocalityStats {
    UpstreamLocalityStats {
        locality: Some(resources::locality(region, zone, "")),
        total_issued_requests: calls,
        total_successful_requests: calls,
        ..UpstreamLocalityStats::default()
    }
}

/// Returns the load of a cluster.
fn stats(
    name: &str,
    service: &str,
    localities: impl IntoIterator<Item = UpstreamLocalityStats>,
) -> ClusterStats {
    ClusterStats {
        cluster_name: name.to_owned(),
        cluster_service_name: service.to_owned(),
        upstream_locality_stats: localities.into_iter().collect(),
        ..ClusterStats::default()
    }
}

/// 5.3, 5.4: calls are counted by their locality, those that fail apart. What was reported is not reported
/// again.
#[test]
fn xds_5_3_errors_and_the_next_report() {
    let mesh = Mesh::with_backends(610, []);
    let server = mesh.sim.backend(backend(1));
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    mesh.plane.set(reported(cluster));
    report_loads(&mesh);
    let channel = mesh.channel();
    mesh.sim.run(async {
        server.push_reply(CallReply::Status {
            code: Code::NotFound as u32,
            message: String::new(),
        });
        let _ = call(&channel, "/a.B/C").await;
        call(&channel, "/a.B/C").await.expect("an answer");
        let locality = UpstreamLocalityStats {
            total_issued_requests: 2,
            total_error_requests: 1,
            ..succeeded("region", "zone", 1)
        };
        let first = [stats("cluster", "endpoints", [locality])];
        assert_eq!(next_stats(&mesh).await, first);
        for _ in 0..3 {
            call(&channel, "/a.B/C").await.expect("an answer");
        }
        let second = [stats(
            "cluster",
            "endpoints",
            [succeeded("region", "zone", 3)],
        )];
        assert_eq!(next_stats(&mesh).await, second);
    });
}

/// 5.3: pick_first over two localities: the load is that of the locality whose endpoint has the call.
#[test]
fn xds_5_3_pick_first_over_localities() {
    let mesh = Mesh::with_backends(611, [1, 2]);
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    cluster.load_balancing_policy = Some(resources::policy(&PickFirst::default()));
    mesh.plane.set(reported(cluster));
    let localities = [(1, "r1"), (2, "r2")].map(|(number, region)| {
        let locality = resources::locality(region, "z", "");
        resources::locality_endpoints(locality, [resources::endpoint(backend(number))])
    });
    mesh.plane
        .set(resources::assignment("endpoints", localities));
    report_loads(&mesh);
    let channel = mesh.channel();
    mesh.sim.run(async {
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        let first = [stats("cluster", "endpoints", [succeeded("r1", "z", 1)])];
        assert_eq!(next_stats(&mesh).await, first);
        mesh.sim.net().kill(backend(1).ip());
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        let second = [stats("cluster", "endpoints", [succeeded("r2", "z", 1)])];
        assert_eq!(next_stats(&mesh).await, second);
    });
}

/// 5.3: each leaf of an aggregate is reported by its own name; an unused one is not.
#[test]
fn xds_5_3_leaves_of_an_aggregate() {
    let mesh = Mesh::with_backends(612, [1, 2]);
    mesh.plane.set(routes([resources::route("", "both")]));
    mesh.plane
        .set(resources::aggregate_cluster("both", ["first", "second"]));
    mesh.plane
        .set_all(["first", "second"].map(|name| reported(resources::cluster(name))));
    mesh.plane.set_all([
        resources::endpoints("first", [backend(1)]),
        resources::endpoints("second", [backend(2)]),
    ]);
    report_loads(&mesh);
    let channel = mesh.channel();
    mesh.sim.run(async {
        for _ in 0..3 {
            assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(1)));
        }
        let first = [stats("first", "first", [succeeded("region", "zone", 3)])];
        assert_eq!(next_stats(&mesh).await, first);
        mesh.plane.set(resources::endpoints("first", []));
        mesh.sleep(SECOND).await;
        assert_eq!(call(&channel, "/a.B/C").await, Ok(backend(2)));
        let second = [stats("second", "second", [succeeded("region", "zone", 1)])];
        assert_eq!(next_stats(&mesh).await, second);
    });
}

/// 5.1: a change of the cluster that keeps its reports keeps the stream, and one that ends them ends it.
#[test]
fn xds_5_1_the_stream_lives_with_the_reports() {
    let mesh = Mesh::with_backends(613, [1]);
    let cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    mesh.plane.set(reported(cluster.clone()));
    report_loads(&mesh);
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        mesh.sleep(SECOND).await;
        assert_eq!(mesh.plane.open_streams().len(), 2);
        let mut limited = reported(cluster.clone());
        limited.circuit_breakers = Some(most_calls(7));
        mesh.plane.set(limited);
        mesh.sleep(SECOND).await;
        call(&channel, "/a.B/C").await.expect("an answer");
        assert_eq!(mesh.plane.streams(), 2);

        mesh.plane.set(cluster.clone());
        mesh.sleep(5 * SECOND).await;
        assert_eq!(mesh.plane.open_streams().len(), 1);
        let reports = mesh.plane.load_reports().len();
        for _ in 0..3 {
            call(&channel, "/a.B/C").await.expect("an answer");
        }
        mesh.sleep(60 * SECOND).await;
        assert_eq!(mesh.plane.load_reports().len(), reports);

        mesh.plane.set(reported(cluster));
        mesh.sleep(SECOND).await;
        assert_eq!(mesh.plane.open_streams().len(), 2);
    });
}

/// 5.2: only the clusters that the server names are reported, until it names others.
#[test]
fn xds_5_2_clusters_that_the_server_names() {
    let mesh = Mesh::with_backends(614, [1]);
    let cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    mesh.plane.set(reported(cluster));
    let wanted = |name: &str| LoadStatsResponse {
        clusters: vec![name.to_owned()],
        load_reporting_interval: seconds(10),
        ..LoadStatsResponse::default()
    };
    mesh.plane.set_load_response(wanted("other"));
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        mesh.sleep(25 * SECOND).await;
        let reports = mesh.plane.load_reports();
        assert!(reports.len() >= 3, "an empty report each 10 s");
        assert!(
            reports
                .iter()
                .all(|one| one.message.cluster_stats.is_empty())
        );
        mesh.plane.send_load_response(&wanted("cluster"));
        mesh.sleep(SECOND).await;
        call(&channel, "/a.B/C").await.expect("an answer");
        let reported = next_stats(&mesh).await;
        assert_eq!(reported[0].cluster_name, "cluster");
    });
}

/// 5.5: the metrics of backends that the cluster asks for are in the report, each as count and sum, and no
/// other.
#[test]
fn xds_5_5_metrics_that_the_cluster_asks_for() {
    let mesh = Mesh::with_backends(615, []);
    let report = LoadReport::default()
        .with_cpu_utilization(0.75)
        .with_mem_utilization(0.5)
        .with_named_metric("db_cost", 50.0)
        .with_named_metric("ignored", 10.0);
    mesh.sim.serve(backend(1), Reporting(report));
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    cluster.lrs_report_endpoint_metrics = ["cpu_utilization", "named_metrics.db_cost", "unknown"]
        .map(str::to_owned)
        .into();
    mesh.plane.set(reported(cluster));
    report_loads(&mesh);
    let channel = mesh.channel();
    mesh.sim.run(async {
        for _ in 0..2 {
            call(&channel, "/a.B/C").await.expect("an answer");
        }
        let locality = UpstreamLocalityStats {
            cpu_utilization: Some(UnnamedEndpointLoadMetricStats {
                num_requests_finished_with_metric: 2,
                total_metric_value: 1.5,
            }),
            load_metric_stats: vec![EndpointLoadMetricStats {
                metric_name: "named_metrics.db_cost".to_owned(),
                num_requests_finished_with_metric: 2,
                total_metric_value: 100.0,
            }],
            ..succeeded("region", "zone", 2)
        };
        let expected = [stats("cluster", "endpoints", [locality])];
        assert_eq!(next_stats(&mesh).await, expected);
    });
}
