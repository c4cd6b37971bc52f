//! A call whose method has a hedging policy is sent to several backends side by side.
//!
//! Source: [gRFC A6, hedging policy](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#hedging-policy).

use std::time::Duration;

use trunkline_channel::Channel;
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::retries::{Answer, Log, Received, scripted};
use crate::world::{CallResult, address, builder, unary, unary_within};

/// Up to 3 attempts, one every 500 ms.
pub(crate) const HEDGING: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [{"name": [{}],
    "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.5s",
    "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}"#;

/// Returns a channel to the hosts from 1 to `hosts`.
pub(crate) fn channel(sim: &Sim, hosts: u8, config: &str) -> Channel {
    let hosts: Vec<String> = (1..=hosts).map(|host| address(host).to_string()).collect();
    let channel = builder(sim, format!("ipv4:{}", hosts.join(",")))
        .default_service_config(config)
        .build();
    channel.expect("a channel")
}

/// Makes a call to one server with this script. Returns its result, how long it took, and what the
/// server received.
fn run_with(config: &str, answers: &[Answer]) -> (CallResult, Duration, Vec<Received>) {
    let sim = Sim::new(1);
    let log = scripted(&sim, 1, answers);
    let (channel, runtime) = (channel(&sim, 1, config), sim.runtime());
    let start = runtime.now();
    let (result, took) = sim.run(async move {
        let result = unary(&channel, b"hello").await;
        (result, runtime.now() - start)
    });
    let received = log.lock().clone();
    (result, took, received)
}

fn run(answers: &[Answer]) -> (CallResult, Duration, Vec<Received>) {
    run_with(HEDGING, answers)
}

fn previous(received: &[Received]) -> Vec<Option<&str>> {
    let previous = received.iter().map(|attempt| attempt.previous.as_deref());
    previous.collect()
}

fn near(took: Duration, millis: u64) -> bool {
    (millis..=millis + 30).contains(&u64::try_from(took.as_millis()).expect("a short time"))
}

/// While there is no response, the next attempt follows every `hedgingDelay`. The first response ends
/// the call, and the other attempts are cancelled.
#[test]
fn attempts_follow_until_one_is_answered() {
    let (result, took, received) = run(&[Answer::Never, Answer::Never, Answer::OkAfter(100)]);
    result.expect_ok();
    assert!(near(took, 1100), "{took:?}");
    assert_eq!(previous(&received), [None, Some("1"), Some("2")]);
    assert!(near(
        Duration::from_millis(received[1].at - received[0].at),
        500
    ));
}

/// An answer that comes before the delay costs one attempt.
#[test]
fn a_fast_answer_needs_one_attempt() {
    let (result, took, received) = run(&[Answer::OkAfter(400)]);
    result.expect_ok();
    assert!(near(took, 400), "{took:?}");
    assert_eq!(received.len(), 1);
}

/// The first attempt can still be the one that is answered.
#[test]
fn an_earlier_attempt_can_win() {
    let (result, took, received) = run(&[Answer::OkAfter(700), Answer::Never]);
    result.expect_ok();
    assert!(near(took, 700), "{took:?}");
    assert_eq!(received.len(), 2);
}

/// A failure with a code of `nonFatalStatusCodes` starts the next attempt at once; any other failure
/// ends the call.
#[test]
fn failures_start_the_next_attempt() {
    let failure = Answer::Status(Code::Unavailable);
    let (result, took, received) = run(&[failure.clone(), failure.clone()]);
    result.expect_ok();
    assert!(near(took, 0), "{took:?}");
    assert_eq!(received.len(), 3);

    let (result, took, received) = run(&[failure.clone(), Answer::Status(Code::Internal)]);
    result.expect(Code::Internal, &["scripted"]);
    assert!(near(took, 0), "{took:?}");
    assert_eq!(received.len(), 2);

    let (result, _, received) = run(&vec![failure; 9]);
    result.expect(Code::Unavailable, &["scripted"]);
    assert_eq!(received.len(), 3);
}

/// A failure waits for the attempts that still run.
#[test]
fn the_last_failure_waits_for_the_others() {
    let failure = Answer::Status(Code::Unavailable);
    let script = [Answer::OkAfter(2000), failure.clone(), failure];
    let (result, took, received) = run(&script);
    result.expect_ok();
    assert!(near(took, 2000), "{took:?}");
    assert_eq!(received.len(), 3);
}

/// With a delay of 0 all attempts start at once.
#[test]
fn without_a_delay_all_attempts_start_at_once() {
    let config = HEDGING.replace("0.5s", "0s");
    let script = [Answer::Never, Answer::Never, Answer::OkAfter(10)];
    let (result, took, received) = run_with(&config, &script);
    result.expect_ok();
    assert!(near(took, 10), "{took:?}");
    assert_eq!(received.len(), 3);
}

/// A pushback delays the next attempt, and a negative one stops hedging. (gRFC A6, pushback)
#[test]
fn pushback_is_obeyed() {
    let pushback = |millis| Answer::Pushback(Code::Unavailable, millis);
    let (result, took, received) = run(&[pushback("3000")]);
    result.expect_ok();
    assert!(near(took, 3000), "{took:?}");
    assert_eq!(received.len(), 2);

    let (result, took, received) = run(&[Answer::OkAfter(2000), pushback("-1")]);
    result.expect_ok();
    assert!(near(took, 2000), "{took:?}");
    assert_eq!(received.len(), 2, "the third attempt is not made");
}

/// Each attempt has a pick of its own: round_robin sends them to different backends.
#[test]
fn attempts_go_to_different_backends() {
    let sim = Sim::new(1);
    let logs: Vec<Log> = (1..=3)
        .map(|host| scripted(&sim, host, &[Answer::OkAfter(1300), Answer::Ok]))
        .collect();
    let channel = channel(&sim, 3, HEDGING);
    sim.run(async move {
        // The backends connect one after the other; the calls that follow find all of them.
        for _ in 0..3 {
            unary(&channel, b"warm up").await.expect_ok();
        }
    });
    let counts: Vec<usize> = logs.iter().map(|log| log.lock().len()).collect();
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

/// The deadline spans all attempts, and its text has each backend that was waited for.
#[test]
fn the_deadline_spans_all_attempts() {
    let sim = Sim::new(1);
    let log = scripted(&sim, 1, &[Answer::Never, Answer::Never, Answer::Never]);
    let channel = channel(&sim, 1, HEDGING);
    let result = sim.run(async move { unary_within(&channel, "800m").await });
    let backend = address(1).to_string();
    result.expect(Code::DeadlineExceeded, &["deadline of 800ms", &backend]);
    assert_eq!(log.lock().len(), 2);
}

/// The throttle stops hedging, not the transparent retry of a first attempt. (gRFC A6, throttling)
#[test]
fn a_throttled_call_is_retried_transparently() {
    let sim = Sim::new(1);
    let script = [
        Answer::Status(Code::Unavailable),
        Answer::Reset(h2::Reason::REFUSED_STREAM),
        Answer::Ok,
    ];
    let log = scripted(&sim, 1, &script);
    let throttling = r#"{"retryThrottling": {"maxTokens": 2, "tokenRatio": 0.1}, "#;
    let channel = channel(&sim, 1, &HEDGING.replacen('{', throttling, 1));
    sim.run(async {
        let first = unary(&channel, b"hello").await;
        first.expect(Code::Unavailable, &["scripted"]);
        assert_eq!(log.lock().len(), 1, "the bucket is half full");
        unary(&channel, b"hello").await.expect_ok();
    });
    assert_eq!(log.lock().len(), 3);
}
