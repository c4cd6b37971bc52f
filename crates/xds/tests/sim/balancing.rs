//! The policies that a cluster chooses: by load, by reports of load, and without outliers.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use tower_service::Service;
use trunkline_channel::Channel;
use trunkline_lb::LoadReport;
use trunkline_sim::control_plane::proto::envoy;
use trunkline_sim::control_plane::resources;
use trunkline_sim::{CallReply, IncomingBody};
use trunkline_status::Code;

use crate::mesh::{Mesh, backend, call, seconds, shares};

use envoy::config::cluster::v3::OutlierDetection;
use envoy::config::cluster::v3::cluster::{LbConfig, LbPolicy, LeastRequestLbConfig};
use envoy::extensions::load_balancing_policies as policies;
use policies::client_side_weighted_round_robin::v3::ClientSideWeightedRoundRobin;
use policies::wrr_locality::v3::WrrLocality;

const SECOND: Duration = Duration::from_secs(1);

/// 3.3.2, 4.5: least_request of a cluster. A backend that does not finish its calls gets hardly any more,
/// while its neighbor answers.
#[test]
fn xds_3_3_2_least_request() {
    let mesh = Mesh::with_backends(91, [1]);
    let slow = mesh.sim.backend(backend(2));
    slow.set_reply(CallReply::Echo.after(60 * SECOND));
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    cluster.lb_policy = LbPolicy::LeastRequest.into();
    let config = LeastRequestLbConfig {
        choice_count: Some(8),
    };
    cluster.lb_config = Some(LbConfig::LeastRequestLbConfig(config));
    mesh.plane.set(cluster);
    mesh.plane
        .set(resources::endpoints("endpoints", [1, 2].map(backend)));
    let channel = mesh.channel();
    mesh.sim.run(async {
        for _ in 0..100 {
            let channel = channel.clone();
            let answered = async move {
                call(&channel, "/a.B/C").await.expect("an answer");
            };
            mesh.runtime.spawn(Box::pin(answered));
            mesh.sleep(SECOND / 10).await;
        }
        mesh.sleep(60 * SECOND).await;
    });
    // With round_robin it would be half of them.
    let to_slow = slow.calls();
    assert!((1..=4).contains(&to_slow), "{to_slow} calls");
}

/// A service that reports its load at the end of each call.
#[derive(Clone)]
pub(crate) struct Reporting(pub(crate) LoadReport);

impl Service<Request<IncomingBody>> for Reporting {
    type Response = Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<IncomingBody>) -> Self::Future {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        self.0.add_to(&mut trailers);
        let message = Full::new(Bytes::from_static(b"\0\0\0\0\0"));
        let body = message.with_trailers(ready(Some(Ok(trailers)))).boxed();
        let response = Response::builder().header("content-type", "application/grpc");
        ready(Ok(response.body(body).expect("a response")))
    }
}

/// 3.3.3, 4.5: client_side_weighted_round_robin of a cluster. After the blackout period the reports of
/// the backends are their shares.
#[test]
fn xds_3_3_3_weighted_round_robin() {
    let mesh = Mesh::with_backends(92, []);
    for (number, utilization) in [(1, 0.2), (2, 0.6)] {
        let report = LoadReport::default()
            .with_qps(100.0)
            .with_application_utilization(utilization);
        mesh.sim.serve(backend(number), Reporting(report));
    }
    let by_weight = ClientSideWeightedRoundRobin {
        blackout_period: seconds(3),
        weight_expiration_period: seconds(20),
        weight_update_period: seconds(1),
        ..ClientSideWeightedRoundRobin::default()
    };
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    cluster.load_balancing_policy = Some(resources::policy(&WrrLocality {
        endpoint_picking_policy: Some(resources::policy(&by_weight)),
    }));
    mesh.plane.set(cluster);
    mesh.plane
        .set(resources::endpoints("endpoints", [1, 2].map(backend)));
    let channel = mesh.channel();
    mesh.sim.run(async {
        call(&channel, "/a.B/C").await.expect("an answer");
        mesh.sleep(SECOND).await;
        check_first_of_400(&channel, 200).await;
        mesh.sleep(4 * SECOND).await;
        check_first_of_400(&channel, 300).await;
        // The reports expire.
        mesh.sleep(21 * SECOND).await;
        check_first_of_400(&channel, 200).await;
    });
}

/// Checks how many of 400 calls the first backend answers.
async fn check_first_of_400(channel: &Channel, expected: usize) {
    let first = shares(channel, "/a.B/C", 400).await[&backend(1)];
    assert!(first.abs_diff(expected) <= 4, "{first} of {expected}");
}

/// 3.3.5, 4.5: outlier_detection of a cluster. A backend that fails its calls is ejected at the next
/// interval, and comes back after the ejection time; its connection stays.
#[test]
fn xds_3_3_5_outlier_detection() {
    let mesh = Mesh::with_backends(93, [1, 2]);
    let outlier = mesh.sim.backend(backend(3));
    outlier.set_reply(CallReply::Status {
        code: Code::Internal as u32,
        message: "broken".to_owned(),
    });
    let mut cluster = resources::cluster_with_endpoints("cluster", "endpoints");
    cluster.outlier_detection = Some(OutlierDetection {
        interval: seconds(10),
        base_ejection_time: seconds(30),
        max_ejection_percent: Some(50),
        enforcing_success_rate: Some(0),
        enforcing_failure_percentage: Some(100),
        failure_percentage_threshold: Some(50),
        failure_percentage_minimum_hosts: Some(3),
        failure_percentage_request_volume: Some(10),
        ..OutlierDetection::default()
    });
    mesh.plane.set(cluster);
    mesh.plane
        .set(resources::endpoints("endpoints", (1..=3).map(backend)));
    let channel = mesh.channel();
    mesh.sim.run(async {
        let _ = call(&channel, "/a.B/C").await;
        mesh.sleep(SECOND).await;
        let before = outlier.calls();
        let mut failed = 0;
        for _ in 0..60 {
            failed += usize::from(call(&channel, "/a.B/C").await.is_err());
        }
        assert_eq!(failed, 20);
        assert_eq!(outlier.calls(), before + 20);

        mesh.sleep(10 * SECOND).await;
        let ejected = shares(&channel, "/a.B/C", 60).await;
        assert_eq!(ejected, [(backend(1), 30), (backend(2), 30)].into());

        outlier.set_reply(CallReply::Echo);
        mesh.sleep(41 * SECOND).await;
        let returned = shares(&channel, "/a.B/C", 60).await;
        assert_eq!(returned, (1..=3).map(|at| (backend(at), 20)).collect());
    });
    assert_eq!(outlier.accepts(), 1);
}
