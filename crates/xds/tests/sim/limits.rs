//! 4.6, 5.3: the limit of calls in flight, drops by category, and what is reported of both.

use std::time::Duration;

use futures_util::future::{join, join_all};
use trunkline_channel::Channel;
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{ManualResolver, Resolution, ResolverRegistry};
use trunkline_sim::CallReply;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;
use trunkline_status::Code;

use crate::load_contents::{next_stats, report_loads};
use crate::mesh::{Mesh, backend, call, check_failure};
use crate::settings::{most_calls, reported};

use envoy::config::cluster::v3::Cluster;
use envoy::config::core::v3::Locality;
use envoy::config::endpoint::v3::cluster_load_assignment::Policy;
use envoy::config::endpoint::v3::cluster_load_assignment::policy::DropOverload;
use envoy::config::endpoint::v3::cluster_stats::DroppedRequests;
use envoy::config::endpoint::v3::{ClusterStats, UpstreamLocalityStats};
use envoy::r#type::v3::FractionalPercent;
use envoy::r#type::v3::fractional_percent::DenominatorType;

const SECOND: Duration = Duration::from_secs(1);

/// Sets the cluster, with a limit and load reports.
fn set_limit(mesh: &Mesh, mut cluster: Cluster, most: u32) {
    cluster.circuit_breakers = Some(most_calls(most));
    mesh.plane.set(reported(cluster));
}

/// Holds three calls open, makes 20 more, which fail, and checks their texts, and what is reported of the cluster
/// with endpoints of this name in this locality.
async fn exceed(mesh: &Mesh, channel: &Channel, endpoints: &str, locality: Locality) {
    let open = (0..3).map(|_| call(channel, "/a.B/C"));
    let over = async {
        mesh.sleep(SECOND).await;
        for _ in 0..20 {
            check_failure(
                call(channel, "/a.B/C").await,
                "UNAVAILABLE: 3 calls in flight to cluster \"cluster\", the most allowed; xDS node \
                 \"n1\"",
            );
        }
        let [stats] = &*next_stats(mesh).await else {
            panic!("one cluster is reported");
        };
        stats.clone()
    };
    let (answers, stats) = join(join_all(open), over).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let expected = ClusterStats {
        cluster_name: "cluster".to_owned(),
        cluster_service_name: endpoints.to_owned(),
        upstream_locality_stats: vec![UpstreamLocalityStats {
            locality: Some(locality),
            total_issued_requests: 3,
            total_requests_in_progress: 3,
            ..UpstreamLocalityStats::default()
        }],
        // The limit has no category.
        total_dropped_requests: 20,
        ..ClusterStats::default()
    };
    assert_eq!(stats, expected);
}

/// 4.6, 5.3: calls over the limit fail, and are reported as dropped, without a category. The limit is that
/// of the priority DEFAULT.
#[test]
fn xds_4_6_calls_over_the_limit_are_reported() {
    let mesh = Mesh::with_backends(600, []);
    let server = mesh.sim.backend(backend(1));
    server.set_reply(CallReply::Echo.after(60 * SECOND));
    mesh.plane
        .set(resources::endpoints("endpoints", [backend(1)]));
    report_loads(&mesh);
    let cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    set_limit(&mesh, cluster.clone(), 3);
    let channel = mesh.channel();
    mesh.sim.run(async {
        let locality = resources::locality("region", "zone", "");
        exceed(&mesh, &channel, "endpoints", locality).await;
        // A higher limit is in force for the next call.
        set_limit(&mesh, cluster, 30);
        server.set_reply(CallReply::Echo.after(SECOND));
        mesh.sleep(SECOND).await;
        let calls = (0..20).map(|_| call(&channel, "/a.B/C"));
        let answers = join_all(calls).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    });
}

/// 4.6: a cluster with a host name has the limit, too. Its load is reported without names of endpoints and
/// of a locality.
#[test]
fn xds_4_6_limit_of_a_host_name() {
    let mesh = Mesh::with_backends(601, []);
    let server = mesh.sim.backend(backend(1));
    server.set_reply(CallReply::Echo.after(60 * SECOND));
    report_loads(&mesh);
    set_limit(&mesh, resources::dns_cluster("cluster", "db.test", 80), 3);
    let dns = ManualResolver::with_initial("dns", Resolution::new([Endpoint::new([backend(1)])]));
    let resolvers = ResolverRegistry::standard().with(dns);
    let xds = mesh.xds(mesh.bootstrap()).with_resolvers(resolvers);
    let channel = mesh.channel_with("xds:///orders", xds);
    mesh.sim
        .run(exceed(&mesh, &channel, "", Locality::default()));
}

/// Returns the endpoints of the first backend, which drop a share of the calls for each category.
fn dropping(categories: &[(&str, u32, DenominatorType)]) -> impl Fn(&Mesh) {
    let drops = categories.iter();
    let drops = drops.map(|(category, numerator, denominator)| DropOverload {
        category: (*category).to_owned(),
        drop_percentage: Some(FractionalPercent {
            numerator: *numerator,
            denominator: (*denominator).into(),
        }),
    });
    let mut endpoints = resources::endpoints("endpoints", [backend(1)]);
    endpoints.policy = Some(Policy {
        drop_overloads: drops.collect(),
    });
    move |mesh| mesh.plane.set(endpoints.clone())
}

/// Makes calls; returns how many were dropped, and the texts.
async fn dropped(channel: &Channel, calls: usize) -> (usize, String) {
    let (mut dropped, mut text) = (0, String::new());
    for _ in 0..calls {
        if let Err(status) = call(channel, "/a.B/C").await {
            assert_eq!(status.code(), Code::Unavailable);
            dropped += 1;
            status.message().clone_into(&mut text);
        }
    }
    (dropped, text)
}

/// 4.6, 3.4.5, 5.3: drops are by category, in the order of the resource, and reported by category. A new
/// configuration is in force for the next call.
#[test]
fn xds_4_6_drops_by_category_are_reported() {
    let mesh = Mesh::with_backends(602, [1]);
    report_loads(&mesh);
    let cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    mesh.plane.set(reported(cluster));
    dropping(&[("some", 5_000, DenominatorType::TenThousand)])(&mesh);
    let channel = mesh.channel();
    mesh.sim.run(async {
        let some = dropped(&channel, 200).await.0;
        assert!((70..130).contains(&some), "{some}");
        dropping(&[
            ("half", 500_000, DenominatorType::Million),
            ("rest", 100, DenominatorType::Hundred),
        ])(&mesh);
        mesh.sleep(15 * SECOND).await;
        let (all, text) = dropped(&channel, 400).await;
        assert_eq!(all, 400);
        assert!(text.starts_with("dropped by overload policy "), "{text}");
        mesh.sleep(15 * SECOND).await;
    });
    let reports = mesh.plane.load_reports();
    let stats = reports
        .iter()
        .flat_map(|report| &report.message.cluster_stats);
    let last: &ClusterStats = stats.last().expect("a report");
    let by_category = &last.dropped_requests;
    let names: Vec<_> = by_category.iter().map(|one| &*one.category).collect();
    assert_eq!(names, ["half", "rest"]);
    let count = |one: &DroppedRequests| one.dropped_count;
    assert!(
        (160..240).contains(&count(&by_category[0])),
        "{by_category:?}"
    );
    assert_eq!(by_category.iter().map(count).sum::<u64>(), 400);
    assert_eq!(last.total_dropped_requests, 400);
    assert_eq!(last.upstream_locality_stats, []);
}
