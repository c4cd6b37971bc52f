//! Outlier detection through a channel:
//! [gRFC A50](https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use h2::server::Builder;
use trunkline_channel::{Channel, ChannelEvent, Observer};
use trunkline_lb::{DetectionMethod, Ejection};
use trunkline_runtime::Lock;
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::world::{ServerCall, ServerCounts, address, builder, echo, response_head, serve, unary};

const SECOND: Duration = Duration::from_secs(1);

const OUTLIER_DETECTION: &str = r#"{
    "loadBalancingConfig": [{
        "outlier_detection_experimental": {
            "interval": "10s",
            "baseEjectionTime": "30s",
            "failurePercentageEjection": {
                "threshold": 40,
                "minimumHosts": 3,
                "requestVolume": 10
            },
            "childPolicy": [{ "round_robin": {} }]
        }
    }]
}"#;

/// Records the decisions of outlier detection, by host.
#[derive(Clone, Debug, Default)]
struct EjectionLog(Arc<Lock<Vec<(String, Ejection)>>>);

impl Observer for EjectionLog {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::Ejection { endpoint, ejection } = event {
            let address = endpoint.addresses()[0].to_string();
            self.0.lock().push((address, ejection.clone()));
        }
    }
}

impl EjectionLog {
    fn take(&self) -> Vec<(String, Ejection)> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// A backend that fails every second call while its switch is on.
fn serve_failing(sim: &Sim, host: u8) -> (Arc<AtomicBool>, Arc<ServerCounts>) {
    let is_failing = Arc::new(AtomicBool::new(true));
    let switch = Arc::clone(&is_failing);
    let number = Arc::new(AtomicUsize::new(1));
    let counts = serve(sim, host, Builder::new(), move |mut call: ServerCall| {
        let is_failing = Arc::clone(&is_failing);
        let number = Arc::clone(&number);
        async move {
            let is_second = number.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
            if !is_failing.load(Ordering::Relaxed) || !is_second {
                return echo(call).await;
            }
            let mut head = response_head();
            Status::internal("broken").add_to_trailers(head.headers_mut());
            let _ = call.respond.send_response(head, true);
        }
    });
    (switch, counts)
}

/// Makes 60 calls, and returns how many each of the three hosts answered, and how many failed.
async fn shares(channel: &Channel) -> ([usize; 3], usize) {
    let (mut shares, mut failed) = ([0; 3], 0);
    for _ in 0..60 {
        let result = unary(channel, b"hello").await;
        if result.status.code() == Code::Ok {
            shares[usize::from(result.host()) - 1] += 1;
        } else {
            failed += 1;
        }
    }
    (shares, failed)
}

/// A backend that fails every second call gets no more calls from the end of the interval on, keeps its
/// connection, and gets its share again when the ejection is over. The observer is notified of both.
#[test]
fn a_failing_backend_is_ejected_and_returns() {
    let sim = Sim::new(1);
    for host in [1, 2] {
        serve(&sim, host, Builder::new(), echo);
    }
    let (is_failing, counts) = serve_failing(&sim, 3);
    let log = EjectionLog::default();
    let target = format!("ipv4:{},{},{}", address(1), address(2), address(3));
    let channel = builder(&sim, target)
        .default_service_config(OUTLIER_DETECTION)
        .observer(log.clone());
    let channel = channel.build().expect("a channel");
    sim.run(async {
        // The first call makes the connections.
        unary(&channel, b"hello").await;
        sim.sleep(SECOND).await;
        assert_eq!(shares(&channel).await, ([20, 20, 10], 10));
        sim.sleep(10 * SECOND).await;
        let method = DetectionMethod::FailurePercentage;
        let time = 30 * SECOND;
        let ejected = Ejection::Ejected { method, time };
        assert_eq!(log.take(), [(address(3).to_string(), ejected)]);
        assert_eq!(shares(&channel).await, ([30, 30, 0], 0));

        is_failing.store(false, Ordering::Relaxed);
        sim.sleep(30 * SECOND).await;
        let returned = (address(3).to_string(), Ejection::Returned);
        assert_eq!(log.take(), [returned]);
        assert_eq!(shares(&channel).await, ([20, 20, 20], 0));
    });
    assert_eq!(counts.accepts(), 1);
}
