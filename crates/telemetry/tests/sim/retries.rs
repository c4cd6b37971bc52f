//! Retries and hedges: [gRFC A96](https://github.com/grpc/proposal/blob/master/A96-retry-otel-stats.md).

use trunkline_channel::Channel;
use trunkline_sim::{CallReply, Sim};
use trunkline_status::Code;
use trunkline_telemetry::instruments;
use trunkline_telemetry::testing::{Recorded, RecordingSink};

use crate::world::{GET, SECOND, backend, builder, call, failing, measured_with, only, target};

const RETRIES: &str = r#"{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4,
    "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]}}]}"#;

const HEDGING: &str = r#"{"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 3,
    "hedgingDelay": "0.5s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}"#;

/// Makes a call with this config to a connected backend with these replies.
fn run(config: &str, replies: &[CallReply], code: Code) -> RecordingSink {
    let sim = Sim::new(1);
    let backend = backend(&sim, 1);
    let channel = builder(&sim, 1).default_service_config(config);
    let options = only(&[
        &instruments::ATTEMPT_STARTED,
        &instruments::ATTEMPT_DURATION,
        &instruments::CALL_RETRIES,
        &instruments::CALL_TRANSPARENT_RETRIES,
        &instruments::CALL_HEDGES,
        &instruments::CALL_RETRY_DELAY,
    ]);
    let (channel, sink): (Channel, _) = measured_with(channel, options);
    sim.run(async {
        assert_eq!(call(&channel, GET, b"").await, Code::Ok);
        sink.clear();
        for reply in replies {
            backend.push_reply(reply.clone());
        }
        assert_eq!(call(&channel, GET, b"").await, code);
        // The end of attempts that were overtaken.
        sim.sleep(SECOND).await;
    });
    sink
}

fn recorded(sink: &RecordingSink, name: &str, status: &str) -> Vec<f64> {
    let labels = format!("grpc.method=orders.Orders/Get, grpc.target={}", target(1));
    match sink.recorded(&format!("grpc.client.{name}{{{labels}{status}}}")) {
        Some(Recorded::Values(values)) => values,
        Some(Recorded::Sum(sum)) => vec![sum],
        _ => Vec::new(),
    }
}

/// The numbers of one call: attempts, retries, transparent retries, hedges.
fn numbers(sink: &RecordingSink) -> [Vec<f64>; 4] {
    [
        "attempt.started",
        "call.retries",
        "call.transparent_retries",
        "call.hedges",
    ]
    .map(|name| recorded(sink, name, ""))
}

/// Returns the number of attempts that ended with a status.
fn ended(sink: &RecordingSink, status: &str) -> usize {
    let status = format!(", grpc.status={status}");
    recorded(sink, "attempt.duration", &status).len()
}

/// "Number of retries during the client call. If there were no retries, 0 is not reported."
#[test]
fn a_call_without_retries_reports_none() {
    let sink = run(RETRIES, &[CallReply::Echo], Code::Ok);
    assert_eq!(numbers(&sink), [vec![1.0], vec![], vec![], vec![]]);
    assert!(recorded(&sink, "call.retry_delay", "").is_empty());
    assert_eq!(ended(&sink, "OK"), 1);
}

/// Two retries, with the time in which no attempt ran: two back-offs, of 0.1 s and 0.2 s, within a fifth.
#[test]
fn retries_are_counted_and_their_delay_measured() {
    let unavailable = failing(Code::Unavailable);
    let replies = [unavailable.clone(), unavailable, CallReply::Echo];
    let sink = run(RETRIES, &replies, Code::Ok);
    assert_eq!(numbers(&sink), [vec![3.0], vec![2.0], vec![], vec![]]);
    let delay = recorded(&sink, "call.retry_delay", "");
    assert!(matches!(delay[..], [0.24..0.37]), "{delay:?}");
    assert_eq!([ended(&sink, "UNAVAILABLE"), ended(&sink, "OK")], [2, 1]);
}

/// A call that no server acted on is sent again, which is no retry by policy.
#[test]
fn transparent_retries_are_counted_apart() {
    let refused = CallReply::ResetStream(7);
    let sink = run(RETRIES, &[refused, CallReply::Echo], Code::Ok);
    assert_eq!(numbers(&sink), [vec![2.0], vec![], vec![1.0], vec![]]);
    assert_eq!([ended(&sink, "UNAVAILABLE"), ended(&sink, "OK")], [1, 1]);
}

/// Hedges are the attempts after the first. Those that are overtaken end as CANCELLED.
#[test]
fn hedges_are_counted() {
    let replies = [CallReply::Never, CallReply::Never, CallReply::Echo];
    let sink = run(HEDGING, &replies, Code::Ok);
    assert_eq!(numbers(&sink), [vec![3.0], vec![], vec![], vec![2.0]]);
    assert!(recorded(&sink, "call.retry_delay", "").is_empty());
    assert_eq!([ended(&sink, "CANCELLED"), ended(&sink, "OK")], [2, 1]);
}
