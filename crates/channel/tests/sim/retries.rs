//! A call whose method has a retry policy is sent again after a failure, one attempt after the other.
//!
//! Source: [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::server::Builder;
use http_body_util::Full;
use trunkline_channel::{Channel, ChannelBuilder};
use trunkline_runtime::{Lock, Runtime};
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::world::{
    CallResult, ServerCall, address, builder, call, ok_trailers, request, response_head, serve,
    unary, unary_within, with_timeout,
};

/// The answer of a scripted server to one attempt.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A trailers-only response.
    Status(Code),
    /// A trailers-only response with `grpc-retry-pushback-ms`.
    Pushback(Code, &'static str),
    /// Headers, then trailers with this status.
    HeadThenStatus(Code),
    /// One message and the status OK.
    Ok,
    /// The message after this number of milliseconds.
    OkAfter(u64),
    /// A trailers-only response once the request has arrived.
    AfterRequest(Code),
    /// RST_STREAM.
    Reset(Reason),
    /// RST_STREAM after this number of milliseconds.
    ResetAfter(u64, Reason),
    /// HTTP 503 without a gRPC status, as from a proxy.
    Http503,
    /// Nothing, until the call is cancelled.
    Never,
}

/// An attempt, as a scripted server received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Milliseconds from the start of the server.
    pub(crate) at: u64,
    /// The header `grpc-previous-rpc-attempts`.
    pub(crate) previous: Option<String>,
    pub(crate) timeout: Option<String>,
}

/// The attempts that scripted servers received, in order.
pub(crate) type Log = Arc<Lock<Vec<Received>>>;

/// Starts a server that gives these answers, one to each attempt, and OK after the last.
pub(crate) fn scripted(sim: &Sim, host: u8, answers: &[Answer]) -> Log {
    let log = Log::default();
    let script = Arc::new(Lock::new(answers.iter().rev().cloned().collect::<Vec<_>>()));
    let runtime = sim.runtime();
    let (start, own) = (runtime.now(), Arc::clone(&log));
    serve(sim, host, Builder::new(), move |incoming: ServerCall| {
        let answer = script.lock().pop().unwrap_or(Answer::Ok);
        let header = |name| {
            let value = incoming.head.headers.get(name)?;
            Some(value.to_str().expect("ASCII").to_owned())
        };
        let at = runtime.now() - start;
        own.lock().push(Received {
            at: u64::try_from(at.as_millis()).expect("a short time"),
            previous: header("grpc-previous-rpc-attempts"),
            timeout: header("grpc-timeout"),
        });
        give(answer, incoming, Arc::clone(&runtime))
    });
    log
}

async fn give(answer: Answer, mut incoming: ServerCall, runtime: Arc<dyn Runtime>) {
    let mut head = response_head();
    match answer {
        Answer::Status(code) => {
            Status::new(code, "scripted").add_to_trailers(head.headers_mut());
            let _ = incoming.respond.send_response(head, true);
        }
        Answer::Pushback(code, millis) => {
            Status::new(code, "scripted").add_to_trailers(head.headers_mut());
            let millis = millis.parse().expect("a header value");
            head.headers_mut().insert("grpc-retry-pushback-ms", millis);
            let _ = incoming.respond.send_response(head, true);
        }
        Answer::HeadThenStatus(code) => {
            if let Ok(mut send) = incoming.respond.send_response(head, false) {
                let _ = send.send_trailers(Status::new(code, "scripted").to_trailers());
            }
        }
        Answer::Ok => send_ok(incoming),
        Answer::OkAfter(millis) => {
            pause(&*runtime, millis).await;
            send_ok(incoming);
        }
        Answer::AfterRequest(code) => {
            while let Some(Ok(_)) = incoming.body.data().await {}
            Status::new(code, "scripted").add_to_trailers(head.headers_mut());
            let _ = incoming.respond.send_response(head, true);
        }
        Answer::Reset(reason) => incoming.respond.send_reset(reason),
        Answer::ResetAfter(millis, reason) => {
            pause(&*runtime, millis).await;
            incoming.respond.send_reset(reason);
        }
        Answer::Http503 => {
            *head.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
            head.headers_mut().clear();
            let _ = incoming.respond.send_response(head, true);
        }
        Answer::Never => {
            let _ = std::future::poll_fn(|cx| incoming.respond.poll_reset(cx)).await;
        }
    }
}

async fn pause(runtime: &dyn Runtime, millis: u64) {
    let at = runtime.now() + Duration::from_millis(millis);
    runtime.sleep_until(at).await;
}

fn send_ok(mut incoming: ServerCall) {
    if let Ok(mut send) = incoming.respond.send_response(response_head(), false) {
        let _ = send.send_data(Bytes::from_static(b"\0\0\0\0\x02ok"), false);
        let _ = send.send_trailers(ok_trailers());
    }
}

/// A retry policy of up to 4 attempts with delays of 1 s, 2 s, 4 s, each times 0.8 to 1.2.
pub(crate) const RETRY: &str = r#"{"methodConfig": [{"name": [{}], "retryPolicy": {
    "maxAttempts": 4, "initialBackoff": "1s", "maxBackoff": "10s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]}}]}"#;

/// Returns the builder of a channel to host 1 with the policy [`RETRY`].
pub(crate) fn retrying(sim: &Sim) -> ChannelBuilder {
    builder(sim, format!("ipv4:{}", address(1))).default_service_config(RETRY)
}

fn channel(sim: &Sim) -> Channel {
    retrying(sim).build().expect("a channel")
}

/// Makes a unary call to a server with this script. Returns its result, and what the server received.
fn run(answers: &[Answer]) -> (CallResult, Vec<Received>) {
    let sim = Sim::new(1);
    let log = scripted(&sim, 1, answers);
    let channel = channel(&sim);
    let result = sim.run(async move { unary(&channel, b"hello").await });
    let received = log.lock().clone();
    (result, received)
}

fn previous(received: &[Received]) -> Vec<Option<&str>> {
    let previous = received.iter().map(|attempt| attempt.previous.as_deref());
    previous.collect()
}

/// A failed attempt is followed by another after the back-off delay, which carries to the server how many
/// came before it. (gRFC A6, retry policy, exposed retry metadata)
#[test]
fn a_failed_attempt_is_followed_by_another() {
    let failure = Answer::Status(Code::Unavailable);
    let (result, received) = run(&[failure.clone(), failure]);
    result.expect_ok();
    assert_eq!(previous(&received), [None, Some("1"), Some("2")]);
    let delays: Vec<u64> = received
        .windows(2)
        .map(|two| two[1].at - two[0].at)
        .collect();
    assert!((800..=1210).contains(&delays[0]), "{delays:?}");
    assert!((1600..=2410).contains(&delays[1]), "{delays:?}");
}

/// After `maxAttempts` the call ends with the status of the last attempt. (gRFC A6, maximum number of
/// retries)
#[test]
fn the_last_failure_ends_the_call() {
    let (result, received) = run(&vec![Answer::Status(Code::Unavailable); 9]);
    result.expect(Code::Unavailable, &["scripted"]);
    assert_eq!(received.len(), 4);
}

/// A status that is not in `retryableStatusCodes` ends the call at once. (gRFC A6, retryable status
/// codes)
#[test]
fn other_codes_end_the_call() {
    let (result, received) = run(&[Answer::Status(Code::Internal)]);
    result.expect(Code::Internal, &["scripted"]);
    assert_eq!(received.len(), 1);
}

/// Once the headers of a response have arrived, the call is committed. (gRFC A6, when retries are
/// valid)
#[test]
fn headers_commit_the_call() {
    let (result, received) = run(&[Answer::HeadThenStatus(Code::Unavailable)]);
    result.expect(Code::Unavailable, &["scripted"]);
    assert_eq!(received.len(), 1);
}

/// A stream that is reset, a refusal by a proxy, and a connection that cannot be made are failures
/// like any other.
#[test]
fn failures_without_a_status_are_retried() {
    let (result, received) = run(&[Answer::Reset(Reason::CANCEL)]);
    result.expect(Code::Cancelled, &[]);
    assert_eq!(received.len(), 1);
    for failure in [Answer::Reset(Reason::INTERNAL_ERROR), Answer::Http503] {
        let codes = r#"["UNAVAILABLE", "INTERNAL"]"#;
        let config = RETRY.replace(r#"["UNAVAILABLE"]"#, codes);
        let sim = Sim::new(1);
        let log = scripted(&sim, 1, &[failure]);
        let channel = retrying(&sim)
            .default_service_config(config)
            .build()
            .expect("a channel");
        let result = sim.run(async move { unary(&channel, b"hello").await });
        result.expect_ok();
        assert_eq!(previous(&log.lock()), [None, Some("1")]);
    }
}

/// A failed pick is retried by the policy, as a failed attempt is. (gRFC A6, transparent retries)
#[test]
fn a_failed_pick_is_retried() {
    let sim = Sim::new(1);
    let (channel, runtime) = (channel(&sim), sim.runtime());
    let start = runtime.now();
    let (result, waited) = sim.run(async move {
        let result = unary(&channel, b"hello").await;
        (result, runtime.now() - start)
    });
    result.expect(Code::Unavailable, &["connect"]);
    assert!(
        waited >= Duration::from_millis(800 + 1600 + 3200),
        "{waited:?}"
    );
}

/// A server can set the delay, or forbid a retry. (gRFC A6, pushback)
#[test]
fn pushback_is_obeyed() {
    let pushback = |millis| Answer::Pushback(Code::Unavailable, millis);
    let (result, received) = run(&[pushback("5000"), pushback("0"), pushback("7")]);
    result.expect_ok();
    let delays: Vec<u64> = received
        .windows(2)
        .map(|two| two[1].at - two[0].at)
        .collect();
    for (delay, expected) in delays.iter().zip([5000, 0, 7]) {
        assert!((expected..=expected + 10).contains(delay), "{delays:?}");
    }
    for never in ["-1", "never"] {
        let (result, received) = run(&[pushback(never)]);
        result.expect(Code::Unavailable, &["scripted"]);
        assert_eq!(received.len(), 1);
    }
}

/// A call that a server refused (REFUSED_STREAM) is sent again at once, and once. That attempt does not
/// count; a further refusal is subject to the policy. (gRFC A6, transparent retries)
#[test]
fn transparent_retries_do_not_count() {
    let refused = Answer::Reset(Reason::REFUSED_STREAM);
    let failure = Answer::Status(Code::Unavailable);
    let (result, received) = run(&[refused.clone(), refused, failure.clone(), failure]);
    result.expect_ok();
    let expected = [None, None, Some("1"), Some("2"), Some("3")];
    assert_eq!(previous(&received), expected);
    assert!(received[1].at - received[0].at < 10);
}

/// The deadline spans all attempts. Each attempt carries how much of it is left, and the text
/// has the failure that is being retried. (gRFC A6, interaction with deadlines)
#[test]
fn the_deadline_spans_all_attempts() {
    let sim = Sim::new(1);
    let log = scripted(&sim, 1, &vec![Answer::Status(Code::Unavailable); 9]);
    let channel = channel(&sim);
    let result = sim.run(async move { unary_within(&channel, "2300m").await });
    let words = ["deadline of 2.3s", "for a retry", "UNAVAILABLE"];
    result.expect(Code::DeadlineExceeded, &words);
    let timeouts: Vec<_> = log
        .lock()
        .iter()
        .map(|attempt| attempt.timeout.clone())
        .collect();
    assert_eq!(timeouts.len(), 2);
    assert_ne!(timeouts[0], timeouts[1]);
}

/// Retries can be switched off, and the number of attempts is capped at 5 unless the application sets
/// another number. (gRFC A6, disabling retries, maximum number of retries)
#[test]
fn the_channel_limits_attempts() {
    let many = RETRY.replace(r#""maxAttempts": 4"#, r#""maxAttempts": 99"#);
    for (limit, expected) in [(None, 5), (Some(1), 1), (Some(0), 1), (Some(7), 7)] {
        let sim = Sim::new(1);
        let log = scripted(&sim, 1, &vec![Answer::Status(Code::Unavailable); 20]);
        let builder = retrying(&sim).default_service_config(&*many);
        let builder = match limit {
            Some(1) => builder.disable_retries(),
            Some(limit) => builder.max_attempts(limit),
            None => builder,
        };
        let channel = builder.build().expect("a channel");
        let result = sim.run(async move { unary(&channel, b"hello").await });
        result.expect(Code::Unavailable, &["scripted"]);
        assert_eq!(log.lock().len(), expected, "with the limit {limit:?}");
    }
}

/// When too many calls fail, they are not retried any more, until enough have succeeded. (gRFC A6,
/// throttling retry attempts and hedged RPCs)
#[test]
fn failing_calls_throttle_retries() {
    let sim = Sim::new(1);
    let failure = Answer::Status(Code::Unavailable);
    // Two of four tokens are left after two failures: half of the bucket.
    let script = [
        vec![failure.clone(); 3],
        vec![Answer::Ok; 3],
        vec![failure, Answer::Ok],
    ];
    let log = scripted(&sim, 1, &script.concat());
    let throttling = r#"{"retryThrottling": {"maxTokens": 4, "tokenRatio": 1}, "#;
    let config = RETRY.replacen('{', throttling, 1);
    let channel = retrying(&sim)
        .default_service_config(config)
        .build()
        .expect("a channel");
    sim.run(async move {
        let first = unary(&channel, b"hello").await;
        first.expect(Code::Unavailable, &["scripted"]);
        assert_eq!(log.lock().len(), 2, "the second failure stops the retries");
        unary(&channel, b"hello")
            .await
            .expect(Code::Unavailable, &[]);
        assert_eq!(log.lock().len(), 3, "a call without a retry");
        for _ in 0..3 {
            unary(&channel, b"hello").await.expect_ok();
        }
        unary(&channel, b"hello").await.expect_ok();
        assert_eq!(log.lock().len(), 8, "a call with a retry");
    });
}

/// A streaming request is sent again from its start, as long as it is kept. (gRFC A6, memory
/// management)
#[test]
fn a_streaming_request_is_sent_again() {
    let sim = Sim::new(1);
    let log = scripted(&sim, 1, &[Answer::Status(Code::Unavailable)]);
    let channel = channel(&sim);
    let result = sim.run(async move {
        let messages = [b"one", b"two"].map(|data| {
            Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from_static(data)))
        });
        let body = http_body_util::StreamBody::new(futures_util::stream::iter(messages));
        call(&channel, request(body)).await
    });
    result.expect_ok();
    assert_eq!(log.lock().len(), 2);
}

/// No attempt is made after the deadline, and none while the application has dropped the call.
#[test]
fn nothing_is_sent_after_the_end_of_a_call() {
    let sim = Sim::new(1);
    let log = scripted(&sim, 1, &[Answer::Status(Code::Unavailable), Answer::Never]);
    let (channel, runtime) = (channel(&sim), sim.runtime());
    sim.run(async move {
        {
            let request = with_timeout(request(Full::new(Bytes::from_static(b"hello"))), "60S");
            let mut dropped = std::pin::pin!(call(&channel, request));
            let at = runtime.now() + Duration::from_millis(100);
            let mut timer = runtime.sleep_until(at);
            futures_util::future::select(dropped.as_mut(), &mut timer).await;
        }
        runtime
            .sleep_until(runtime.now() + Duration::from_secs(60))
            .await;
    });
    assert_eq!(log.lock().len(), 1);
}
