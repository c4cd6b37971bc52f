//! Load reports through a channel, and the shares of weighted_round_robin by them:
//! [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md),
//! [gRFC A58](https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use h2::server::Builder;
use trunkline_channel::{Channel, ChannelEvent, Observer};
use trunkline_endpoint::Address;
use trunkline_lb::{LoadReport, WeightsUpdate};
use trunkline_runtime::Lock;
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::world::{ServerCall, address, builder, ok_trailers, response_head, serve, unary};

const SECOND: Duration = Duration::from_secs(1);

/// The path of the stream of reports.
const STREAM: &str = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics";

/// The blackout period counts from the first report, and the expiration period from the last one.
const PER_CALL: &str = r#"{"loadBalancingConfig": [{"weighted_round_robin": {
    "blackoutPeriod": "3s", "weightExpirationPeriod": "20s", "weightUpdatePeriod": "0.5s"
}}]}"#;

const OUT_OF_BAND: &str = r#"{"loadBalancingConfig": [{"weighted_round_robin": {
    "blackoutPeriod": "0s", "weightUpdatePeriod": "0.5s",
    "enableOobLoadReport": true, "oobReportingPeriod": "2s"
}}]}"#;

/// What a backend does with the stream of its reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// Sends a report, and leaves the stream open.
    Reports,
    /// Has no such service.
    Unimplemented,
}

/// Starts a backend that serves 100 queries per second at this utilization, and reports it in trailers
/// and out of band.
fn serve_with_load(sim: &Sim, host: u8, utilization: f64, stream: Stream) {
    let report = LoadReport::default()
        .with_qps(100.0)
        .with_application_utilization(utilization);
    serve(sim, host, Builder::new(), move |call| {
        handle(call, report.clone(), stream)
    });
}

async fn handle(mut call: ServerCall, report: LoadReport, stream: Stream) {
    let is_stream = call.head.uri.path() == STREAM;
    let Ok(mut send) = call.respond.send_response(response_head(), false) else {
        return;
    };
    if !is_stream {
        let mut trailers = ok_trailers();
        report.add_to(&mut trailers);
        let _ = send.send_data(Bytes::from_static(b"\0\0\0\0\0"), false);
        let _ = send.send_trailers(trailers);
        return;
    }
    let request = call
        .body
        .data()
        .await
        .expect("a request")
        .expect("no error");
    assert_eq!(
        request, "\0\0\0\0\x04\x0a\x02\x08\x02",
        "an interval of 2 s"
    );
    if stream == Stream::Unimplemented {
        let status = Status::new(Code::Unimplemented, "unknown service");
        let _ = send.send_trailers(status.to_trailers());
        return;
    }
    let encoded = report.encode();
    let mut message = BytesMut::new();
    message.put_u8(0);
    message.put_u32(u32::try_from(encoded.len()).expect("a short report"));
    message.put_slice(&encoded);
    let _ = send.send_data(message.freeze(), false);
    std::future::pending().await
}

/// Records the backends that send no out-of-band reports.
#[derive(Clone, Debug, Default)]
struct Unsupported(Arc<Lock<Vec<(Address, Code)>>>);

impl Observer for Unsupported {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::LoadReportsUnsupported {
            address, status, ..
        } = event
        {
            self.0.lock().push((address.clone(), status.code()));
        }
    }
}

/// Returns a channel to the hosts 1 and 2.
fn channel(sim: &Sim, config: &str) -> (Channel, Unsupported) {
    let unsupported = Unsupported::default();
    let target = format!("ipv4:{},{}", address(1), address(2));
    let builder = builder(sim, target)
        .default_service_config(config)
        .observer(unsupported.clone());
    (builder.build().expect("a channel"), unsupported)
}

/// Makes 400 calls, and returns how many of them the first host answers.
async fn first_of_400(channel: &Channel) -> usize {
    let mut first = 0;
    for _ in 0..400 {
        let result = unary(channel, b"hello").await.expect_ok();
        first += usize::from(result.host() == 1);
    }
    first
}

fn check(found: usize, expected: usize) {
    assert!(
        found.abs_diff(expected) <= 4,
        "{found}, expected {expected}"
    );
}

/// Reports in trailers: the weights count after the blackout period, and until they expire.
#[test]
fn reports_of_calls() {
    let sim = Sim::new(1);
    serve_with_load(&sim, 1, 0.2, Stream::Reports);
    serve_with_load(&sim, 2, 0.6, Stream::Reports);
    let (channel, _) = channel(&sim, PER_CALL);
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(SECOND).await;
        check(first_of_400(&channel).await, 200);
        sim.sleep(4 * SECOND).await;
        check(first_of_400(&channel).await, 300);
        sim.sleep(21 * SECOND).await;
        check(first_of_400(&channel).await, 200);
    });
}

/// Records what weighted_round_robin reports of its weights.
#[derive(Clone, Debug, Default)]
struct WeightsLog(Arc<Lock<Vec<WeightsUpdate>>>);

impl Observer for WeightsLog {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let ChannelEvent::Weights(update) = event {
            self.0.lock().push(update.clone());
        }
    }
}

impl WeightsLog {
    /// Removes and returns the text of the last report, and its weights, sorted.
    fn take_last(&self) -> Option<(String, Vec<f64>)> {
        let update = std::mem::take(&mut *self.0.lock()).pop()?;
        let mut weights = update.weights.to_vec();
        weights.sort_by(f64::total_cmp);
        Some((update.to_string(), weights))
    }
}

/// An observer gets the weights of each update of the scheduler: here one for each half second, with two
/// ready endpoints. They are no events of a snapshot, which has the weights that count in its tree.
/// [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md).
#[test]
fn weights_are_reported() {
    let sim = Sim::new(1);
    serve_with_load(&sim, 1, 0.2, Stream::Reports);
    serve_with_load(&sim, 2, 0.5, Stream::Reports);
    let log = WeightsLog::default();
    let target = format!("ipv4:{},{}", address(1), address(2));
    let builder = builder(&sim, target)
        .default_service_config(PER_CALL)
        .observer(log.clone());
    let channel = builder.build().expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        sim.sleep(SECOND).await;
        first_of_400(&channel).await;
        sim.sleep(SECOND).await;
        let text = "0 of 2 endpoints have a weight (2 not yet usable, 0 stale); calls go in turn";
        assert_eq!(log.take_last(), Some((text.to_owned(), vec![0.0, 0.0])));
        sim.sleep(3 * SECOND).await;
        let text = "2 of 2 endpoints have a weight (0 not yet usable, 0 stale)";
        let weights = vec![200.0, 500.0];
        assert_eq!(log.take_last(), Some((text.to_owned(), weights)));
        sim.sleep(10 * SECOND).await;
        assert_eq!(std::mem::take(&mut *log.0.lock()).len(), 20);
        let inspection = channel.inspect().await;
        let tree = inspection.policy.expect("a policy");
        let weights = tree.endpoints.iter();
        let mut weights: Vec<String> = weights.map(|endpoint| endpoint.facts.to_string()).collect();
        weights.sort();
        assert_eq!(weights, ["weight 200", "weight 500"]);
        let events = inspection.events.iter();
        assert_eq!(events.filter(|event| event.name == "weights").count(), 0);
        sim.sleep(20 * SECOND).await;
        let text = "0 of 2 endpoints have a weight (0 not yet usable, 2 stale); calls go in turn";
        assert_eq!(log.take_last(), Some((text.to_owned(), vec![0.0, 0.0])));
    });
}

/// Reports out of band: the weights count although no call has ended yet.
#[test]
fn reports_out_of_band() {
    let sim = Sim::new(1);
    serve_with_load(&sim, 1, 0.2, Stream::Reports);
    serve_with_load(&sim, 2, 0.6, Stream::Reports);
    let (channel, unsupported) = channel(&sim, OUT_OF_BAND);
    sim.run(async {
        channel.connect().expect("the channel is open");
        sim.sleep(2 * SECOND).await;
        check(first_of_400(&channel).await, 300);
    });
    assert_eq!(*unsupported.0.lock(), []);
}

/// The application is notified once of a backend that has no such service.
#[test]
fn a_backend_without_the_service() {
    let sim = Sim::new(1);
    serve_with_load(&sim, 1, 0.2, Stream::Reports);
    serve_with_load(&sim, 2, 0.6, Stream::Unimplemented);
    let (channel, unsupported) = channel(&sim, OUT_OF_BAND);
    sim.run(async {
        channel.connect().expect("the channel is open");
        sim.sleep(300 * SECOND).await;
        check(first_of_400(&channel).await, 200);
    });
    let expected = [(Address::from(address(2)), Code::Unimplemented)];
    assert_eq!(*unsupported.0.lock(), expected);
}
