//! A call and each of its attempts end exactly once, with an outcome, however the call ends.
//! Pickers, metrics and idle timers depend on these ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use h2::Reason;
use h2::server::Builder;
use http::Response;
use http_body_util::{BodyExt, Full};
use tower_service::Service;
use trunkline_channel::{
    AttemptEnded, CallAttributes, CallEnded, CallStarted, Channel, ChannelEvent, Observer,
};
use trunkline_endpoint::{AttributeKey, Attributes};
use trunkline_lb::{
    AttemptOutcome, AttemptTracker, ConnectivityState, Pick, PickRequest, Picker, SubchannelId,
};
use trunkline_runtime::{Lock, Runtime};
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::policy::{TEST_POLICY, TestPolicyFactory};
use crate::raw::{self, ServerEvent, answer_ok, go_away};
use crate::world::{
    ServerCall, address, builder, call, channel, echo, read_to_end, request, response_head,
    send_all, serve, unary, unary_within, with_timeout,
};

/// The end of one attempt, as its tracker receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordedEnd {
    pub(crate) code: Code,
    has_headers: bool,
    has_trailers: bool,
    pub(crate) was_sent: bool,
    pub(crate) was_dropped: bool,
    /// Bytes sent and received.
    bytes: (u64, u64),
    latency: Duration,
}

/// The attempts that a [`CountingPicker`] started, and their ends.
#[derive(Debug, Default)]
pub(crate) struct AttemptLog {
    /// The number of picks that have not ended.
    open: AtomicUsize,
    ends: Lock<Vec<RecordedEnd>>,
}

/// A picker that counts the attempts that run, as least_request does, and logs their ends.
#[derive(Debug)]
struct CountingPicker {
    inner: Arc<dyn Picker>,
    log: Arc<AttemptLog>,
}

impl Picker for CountingPicker {
    fn pick(&self, request: &PickRequest<'_>) -> Pick {
        let pick = self.inner.pick(request);
        if let Pick::Subchannel(_) = pick {
            self.log.open.fetch_add(1, Ordering::Relaxed);
        }
        pick
    }

    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        Some(self)
    }
}

impl AttemptTracker for CountingPicker {
    fn attempt_ended(&self, _: SubchannelId, outcome: &AttemptOutcome<'_>) {
        self.log.open.fetch_sub(1, Ordering::Relaxed);
        self.log.ends.lock().push(RecordedEnd {
            code: outcome.status.code(),
            has_headers: outcome.has_headers,
            has_trailers: outcome.trailers.is_some(),
            was_sent: outcome.was_sent,
            was_dropped: outcome.was_dropped,
            bytes: (outcome.bytes_sent, outcome.bytes_received),
            latency: outcome.latency,
        });
    }
}

/// Returns the policy with the counting picker.
pub(crate) fn counting_policy() -> (TestPolicyFactory, Arc<AttemptLog>) {
    let log = Arc::new(AttemptLog::default());
    let shared = Arc::clone(&log);
    let policy = TestPolicyFactory::with_picker(move |inner| CountingPicker {
        inner,
        log: Arc::clone(&shared),
    });
    (policy, log)
}

/// Returns a channel to host 1 with the counting picker.
fn counting_channel(sim: &Sim) -> (Channel, Arc<AttemptLog>) {
    let (policy, log) = counting_policy();
    let channel = builder(sim, format!("ipv4:{}", address(1)))
        .policy(policy)
        .default_service_config(TEST_POLICY)
        .build()
        .expect("a channel");
    (channel, log)
}

/// Takes the ends of the attempts out of the log, and checks that every attempt has ended.
#[track_caller]
pub(crate) fn take_ends(log: &AttemptLog) -> Vec<RecordedEnd> {
    assert_eq!(log.open.load(Ordering::Relaxed), 0, "each pick ends once");
    std::mem::take(&mut *log.ends.lock())
}

/// Takes the end of the only attempt out of the log.
#[track_caller]
fn take_end(log: &AttemptLog) -> RecordedEnd {
    let ends = take_ends(log);
    let [end] = &ends[..] else {
        panic!("not one end: {ends:?}")
    };
    end.clone()
}

/// The time from the pick to a response that the server sends at once: 1 ms each way.
const ROUND_TRIP: Duration = Duration::from_millis(2);

/// Returns the end of an attempt that sent 5 bytes and received nothing.
fn end(code: Code) -> RecordedEnd {
    RecordedEnd {
        code,
        has_headers: false,
        has_trailers: false,
        was_sent: true,
        was_dropped: false,
        bytes: (5, 0),
        latency: Duration::ZERO,
    }
}

/// Makes a call at a server with this handler, and checks the status of the call and the end of its
/// one attempt.
#[track_caller]
fn check<F: Future<Output = ()> + Send + 'static>(
    handler: impl Fn(ServerCall) -> F + Clone + Send + Sync + 'static,
    expected: RecordedEnd,
) {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), handler);
    let (channel, log) = counting_channel(&sim);
    sim.run(unary(&channel, b"hello"))
        .expect(expected.code, &[]);
    assert_eq!(take_ends(&log), [expected]);
}

/// The outcome of a response that is read to its end has the server's status, the trailers and all
/// bytes.
#[test]
fn a_response_that_is_read_ends_with_its_status() {
    let expected = RecordedEnd {
        has_headers: true,
        has_trailers: true,
        bytes: (5, 5),
        latency: ROUND_TRIP,
        ..end(Code::Ok)
    };
    check(echo, expected);
}

/// The outcome of a trailers-only response has its head as the trailers.
#[test]
fn a_trailers_only_response_ends_with_its_status() {
    let handler = async |mut incoming: ServerCall| {
        let mut head = response_head();
        Status::new(Code::NotFound, "no").add_to_trailers(head.headers_mut());
        let _ = incoming.respond.send_response(head, true);
    };
    let expected = RecordedEnd {
        has_headers: true,
        has_trailers: true,
        latency: ROUND_TRIP,
        ..end(Code::NotFound)
    };
    check(handler, expected);
}

/// When the deadline has passed before the caller polls a response with a failure, be it
/// trailers-only or not gRPC, the attempt and the call both end with DEADLINE_EXCEEDED, not with the
/// server's status.
#[test]
fn a_failure_after_the_deadline_ends_with_deadline_exceeded() {
    let mut trailers_only = response_head();
    Status::new(Code::NotFound, "no").add_to_trailers(trailers_only.headers_mut());
    let not_grpc = Response::builder().status(503).body(()).expect("a head");
    for head in [trailers_only, not_grpc] {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), move |mut incoming: ServerCall| {
            let _ = incoming.respond.send_response(head.clone(), true);
            std::future::ready(())
        });
        let (channel, log) = counting_channel(&sim);
        let outcome = sim.run(async {
            // The first call makes the connection.
            unary(&channel, b"hello").await;
            take_ends(&log);
            let hello = request(Full::new(Bytes::from_static(b"hello")));
            let mut response = channel.clone().call(with_timeout(hello, "1S"));
            assert!((&mut response).now_or_never().is_none());
            sim.sleep(Duration::from_secs(2)).await;
            let Ok(response) = response.await;
            read_to_end(response).await
        });
        outcome.expect(Code::DeadlineExceeded, &["deadline of 1s exceeded"]);
        let expected = RecordedEnd {
            has_headers: true,
            latency: Duration::from_secs(2),
            ..end(Code::DeadlineExceeded)
        };
        assert_eq!(take_ends(&log), [expected]);
    }
}

/// So does a response that is not gRPC, and whose body is read after the deadline, to be quoted.
#[test]
fn a_body_after_the_deadline_ends_with_deadline_exceeded() {
    let sim = Sim::new(1);
    let runtime = sim.runtime();
    serve(&sim, 1, Builder::new(), move |mut incoming: ServerCall| {
        let runtime = Arc::clone(&runtime);
        async move {
            let response = Response::builder().status(503).body(()).expect("a head");
            let mut body = incoming.respond.send_response(response, false);
            let later = runtime.now() + Duration::from_millis(100);
            runtime.sleep_until(later).await;
            if let Ok(body) = &mut body {
                let _ = body.send_data(Bytes::from_static(b"busy"), true);
            }
        }
    });
    let channel = channel(&sim, 1);
    sim.run(async {
        let words = ["HTTP 503", "busy"];
        unary(&channel, b"hello")
            .await
            .expect(Code::Unavailable, &words);
        let hello = request(Full::new(Bytes::from_static(b"hello")));
        let mut response = channel.clone().call(with_timeout(hello, "50m"));
        assert!((&mut response).now_or_never().is_none());
        sim.sleep(Duration::from_millis(10)).await;
        // The head is here, and the body is awaited.
        assert!((&mut response).now_or_never().is_none());
        sim.sleep(Duration::from_secs(2)).await;
        let Ok(response) = response.await;
        let outcome = read_to_end(response).await;
        outcome.expect(Code::DeadlineExceeded, &["deadline of 50ms exceeded"]);
    });
}

/// The outcome of a response that is not gRPC has the status of its HTTP code, and no trailers.
#[test]
fn a_response_that_is_not_grpc_ends_with_the_http_status() {
    let handler = async |mut incoming: ServerCall| {
        let response = Response::builder().status(503).body(()).expect("a head");
        let _ = incoming.respond.send_response(response, true);
    };
    let expected = RecordedEnd {
        has_headers: true,
        latency: ROUND_TRIP,
        ..end(Code::Unavailable)
    };
    check(handler, expected);
}

/// When the server never answers, the attempt ends at the deadline, with the time until then.
#[test]
fn a_deadline_before_the_head_ends_the_attempt() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), async |incoming: ServerCall| {
        let _kept = incoming;
        std::future::pending::<()>().await;
    });
    let (channel, log) = counting_channel(&sim);
    sim.run(unary_within(&channel, "2S"))
        .expect(Code::DeadlineExceeded, &[]);
    let ended = take_end(&log);
    assert_eq!(ended.code, Code::DeadlineExceeded);
    assert!(ended.latency > Duration::from_millis(1900), "{ended:?}");
}

/// When the server stops in the middle of the body, the attempt ends at the deadline, with the
/// bytes until then.
#[test]
fn a_deadline_in_the_body_ends_the_attempt() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), half_an_answer);
    let (channel, log) = counting_channel(&sim);
    sim.run(unary_within(&channel, "2S"))
        .expect(Code::DeadlineExceeded, &[]);
    let ended = take_end(&log);
    assert_eq!(ended.code, Code::DeadlineExceeded);
    assert!(ended.has_headers);
    assert_eq!(ended.bytes, (5, 4));
}

/// Handles a call: sends a head and 4 bytes, and never ends the response.
async fn half_an_answer(mut incoming: ServerCall) {
    let Ok(mut send) = incoming.respond.send_response(response_head(), false) else {
        return;
    };
    let _ = send_all(&mut send, Bytes::from_static(b"half")).await;
    std::future::pending::<()>().await;
}

/// When the server resets the stream, the attempt ends with the status of the error code.
#[test]
fn a_reset_ends_the_attempt() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), async |mut incoming: ServerCall| {
        incoming.respond.send_reset(Reason::ENHANCE_YOUR_CALM);
    });
    let (channel, log) = counting_channel(&sim);
    sim.run(unary(&channel, b"hello"))
        .expect(Code::ResourceExhausted, &[]);
    assert_eq!(take_ends(&log)[0].code, Code::ResourceExhausted);
}

/// When the connection is lost, the attempt ends with UNAVAILABLE.
#[test]
fn a_lost_connection_ends_the_attempt() {
    let sim = Sim::new(1);
    raw::serve(&sim, 1, |_, event| match event {
        ServerEvent::Accepted => Some(raw::settings()),
        ServerEvent::Call(_) => None,
    });
    let (channel, log) = counting_channel(&sim);
    sim.run(unary_within(&channel, "1S"))
        .expect(Code::Unavailable, &["lost"]);
    assert_eq!(take_ends(&log)[0].code, Code::Unavailable);
}

/// When the caller drops the call, before the head or in the middle of the body, the attempt ends
/// with CANCELLED.
#[test]
fn a_dropped_call_ends_the_attempt() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), half_an_answer);
    let (channel, log) = counting_channel(&sim);
    let hello = || request(Full::new(Bytes::from_static(b"hello")));
    sim.run(async {
        // The first call makes the connection.
        unary_within(&channel, "1S").await;
        take_ends(&log);
        let mut calls = channel.clone();
        let mut waiting = calls.call(hello());
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        let expected = RecordedEnd {
            was_dropped: true,
            ..end(Code::Cancelled)
        };
        assert_eq!(take_ends(&log), [expected]);
        let Ok(response) = calls.call(hello()).await;
        let mut body = response.into_body();
        body.frame().await.expect("data").expect("no error");
        drop(body);
        let ended = take_end(&log);
        assert_eq!(ended.code, Code::Cancelled);
        assert!(ended.was_dropped);
        assert_eq!(ended.bytes, (5, 4));
    });
}

/// A call that is sent again has one end for each of its attempts.
#[test]
fn each_attempt_of_a_repeated_call_ends() {
    let sim = Sim::new(1);
    raw::serve(&sim, 1, |accepted, event| {
        Some(match event {
            ServerEvent::Accepted => raw::settings(),
            ServerEvent::Call(_) if accepted == 0 => go_away(0, Reason::NO_ERROR, b""),
            ServerEvent::Call(stream) => answer_ok(stream),
        })
    });
    let (channel, log) = counting_channel(&sim);
    sim.run(unary(&channel, b"hello")).expect_ok();
    // Picks of a connection that is already lost end too, but as not sent.
    let sent = take_ends(&log).into_iter().filter(|end| end.was_sent);
    let codes: Vec<Code> = sent.map(|end| end.code).collect();
    assert_eq!(codes, [Code::Unavailable, Code::Ok]);
}

/// A metrics counter: counts calls and attempts by their codes.
#[derive(Clone, Debug, Default)]
struct Metrics(Arc<Lock<BTreeMap<String, u64>>>);

impl Metrics {
    fn add(&self, name: String) {
        *self.0.lock().entry(name).or_default() += 1;
    }
}

impl Observer for Metrics {
    fn observe(&self, _: &ChannelEvent, _: Instant) {}

    fn call_started(&self, call: &CallStarted<'_>) {
        self.add(format!("started {}", call.path));
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let code = attempt.outcome.status.code();
        self.add(format!("attempt {} {code}", attempt.started.number));
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let bytes = (call.bytes_sent, call.bytes_received);
        let (code, attempts) = (call.status.code(), call.attempts);
        self.add(format!("ended {code} after {attempts}, bytes {bytes:?}"));
    }
}

/// An observer can count the calls and the attempts of a channel.
#[test]
fn a_metrics_counter_sees_calls_and_attempts() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let metrics = Metrics::default();
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .observer(metrics.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        unary(&channel, b"hello").await.expect_ok();
        // The deadline of the third call passes at once.
        let expired = request(Full::new(Bytes::new()));
        call(&channel, with_timeout(expired, "0n")).await;
    });
    let counted: Vec<(String, u64)> = metrics.0.lock().clone().into_iter().collect();
    let expected = [
        ("attempt 1 OK", 2),
        ("ended OK after 1, bytes (5, 5)", 2),
        ("started /test.Echo/Say", 3),
    ];
    for (name, count) in expected {
        assert!(counted.contains(&(name.to_owned(), count)), "{counted:?}");
    }
}

/// An idle timer: counts the calls that run, and records when the last one ended.
#[derive(Clone, Debug)]
struct IdleTimer {
    runtime: Arc<dyn Runtime>,
    active: Arc<AtomicUsize>,
    idle_since: Arc<Lock<Instant>>,
}

impl IdleTimer {
    /// Makes the channel enter idleness after `timeout` without a call.
    async fn run(self, channel: Channel, timeout: Duration) {
        loop {
            let until = *self.idle_since.lock() + timeout;
            if self.active.load(Ordering::Relaxed) == 0 && until <= self.runtime.now() {
                return channel.enter_idle();
            }
            let now = self.runtime.now();
            self.runtime.sleep_until(until.max(now + timeout / 2)).await;
        }
    }
}

impl Observer for IdleTimer {
    fn observe(&self, _: &ChannelEvent, _: Instant) {}

    fn call_started(&self, _: &CallStarted<'_>) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    fn call_ended(&self, _: &CallEnded<'_>) {
        self.active.fetch_sub(1, Ordering::Relaxed);
        *self.idle_since.lock() = self.runtime.now();
    }
}

/// An observer can be an idle timer: it closes the connection, and the next call connects again.
#[test]
fn an_idle_timer_closes_the_connection() {
    let sim = Sim::new(1);
    let server = serve(&sim, 1, Builder::new(), echo);
    let timer = IdleTimer {
        runtime: sim.runtime(),
        active: Arc::default(),
        idle_since: Arc::new(Lock::new(sim.runtime().now())),
    };
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .observer(timer.clone())
        .build()
        .expect("a channel");
    let watched = channel.clone();
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        timer.run(watched, Duration::from_secs(30)).await;
        let idle = channel.state_changed(ConnectivityState::Ready).await;
        assert_eq!(idle, ConnectivityState::Idle);
        unary(&channel, b"again").await.expect_ok();
    });
    assert!(sim.elapsed() >= Duration::from_secs(30));
    assert_eq!(server.accepts(), 2, "the next call connects again");
}

/// The attribute of a call that holds its hash key.
#[derive(Debug)]
enum HashKey {}

impl AttributeKey for HashKey {
    type Value = u64;
    const NAME: &'static str = "hash_key";
    const IDENTIFIES_CONNECTION: bool = false;
}

/// A picker receives the attributes that the application attached to the call.
#[test]
fn call_attributes_reach_the_picker() {
    /// Fails calls without the hash key 7.
    #[derive(Debug)]
    struct NeedsHashKey(Arc<dyn Picker>);

    impl Picker for NeedsHashKey {
        fn pick(&self, request: &PickRequest<'_>) -> Pick {
            match request.attributes.get::<HashKey>() {
                Some(7) => self.0.pick(request),
                other => Pick::Fail(Status::unavailable(format!("no hash key: {other:?}"))),
            }
        }

        fn tracker(&self) -> Option<&dyn AttemptTracker> {
            None
        }
    }

    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .policy(TestPolicyFactory::with_picker(NeedsHashKey))
        .default_service_config(TEST_POLICY)
        .build()
        .expect("a channel");
    let mut with_key = request(Full::new(Bytes::from_static(b"hello")));
    let attributes = CallAttributes(Attributes::new().with::<HashKey>(7));
    with_key.extensions_mut().insert(attributes);
    sim.run(async {
        call(&channel, with_key).await.expect_ok();
        let outcome = unary(&channel, b"hello").await;
        outcome.expect(Code::Unavailable, &["no hash key"]);
    });
}
