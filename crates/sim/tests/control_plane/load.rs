//! It receives load reports.

use trunkline_sim::control_plane::proto::envoy::config::endpoint::v3::ClusterStats;
use trunkline_sim::control_plane::proto::envoy::service::load_stats::v3::{
    LoadStatsRequest, LoadStatsResponse,
};
use trunkline_sim::control_plane::proto::method::STREAM_LOAD_STATS;

use crate::client::{Setup, Stream, open};

/// The first message of a stream is answered by the response that was set. Later responses are sent
/// as they are. Reports are returned in order.
#[test]
fn reports() {
    let setup = Setup::new();
    let Setup { sim, plane, .. } = &setup;
    let every = |seconds| LoadStatsResponse {
        send_all_clusters: true,
        load_reporting_interval: Some(prost_types::Duration { seconds, nanos: 0 }),
        ..LoadStatsResponse::default()
    };
    sim.run(async {
        let mut stream: Stream<LoadStatsRequest, LoadStatsResponse> =
            open(&setup.channel, STREAM_LOAD_STATS).await.unwrap();
        stream.send(LoadStatsRequest::default());
        let first = plane.next_load_report().await;
        assert_eq!(first.message, LoadStatsRequest::default());
        // A response that is set late is sent to streams that wait for it.
        plane.set_load_response(every(10));
        assert_eq!(stream.next().await.unwrap(), Some(every(10)));

        let report = LoadStatsRequest {
            cluster_stats: vec![ClusterStats {
                cluster_name: "a".to_owned(),
                total_dropped_requests: 3,
                ..ClusterStats::default()
            }],
            ..LoadStatsRequest::default()
        };
        stream.send(report.clone());
        assert_eq!(plane.next_load_report().await.message, report);
        assert_eq!(plane.load_reports().len(), 2);

        plane.send_load_response(&every(2));
        assert_eq!(stream.next().await.unwrap(), Some(every(2)));
    });
}
