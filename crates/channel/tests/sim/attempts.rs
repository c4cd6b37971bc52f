//! The attempts of retried and hedged calls, as the application, its observer and the pickers see them.
//!
//! Source: [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::Reason;
use http_body_util::Full;
use tower_service::Service;
use trunkline_channel::{AttemptEnded, CallEnded, ChannelEvent, Observer, WaitForReady};
use trunkline_runtime::Lock;
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::ends::{counting_policy, take_ends};
use crate::hedging::HEDGING;
use crate::policy::TEST_POLICY;
use crate::retries::{Answer, RETRY, retrying, scripted};
use crate::world::{CallResult, call, read_to_end, request, unary, with_timeout};

/// What an observer is notified of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// The number of an attempt, and its code.
    Attempt(u32, Code),
    /// The number of attempts of a call, its code, and whether a server sent that.
    Call(u32, Code, bool),
}

#[derive(Clone, Debug, Default)]
struct Ends(Arc<Lock<Vec<End>>>);

impl Observer for Ends {
    fn observe(&self, _: &ChannelEvent, _: Instant) {}

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let code = attempt.outcome.status.code();
        self.0
            .lock()
            .push(End::Attempt(attempt.started.number, code));
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let end = End::Call(call.attempts, call.status.code(), call.has_status);
        self.0.lock().push(end);
    }
}

/// Makes a call to a server with this script, and returns its result and the ends that an observer is
/// notified of.
fn observe(config: &str, answers: &[Answer]) -> (CallResult, Vec<End>) {
    let sim = Sim::new(1);
    scripted(&sim, 1, answers);
    let ends = Ends::default();
    let builder = retrying(&sim).default_service_config(config);
    let channel = builder.observer(ends.clone()).build().expect("a channel");
    let result = sim.run(async move {
        let request = request(Full::new(Bytes::from_static(b"hello")));
        call(&channel, with_timeout(request, "20S")).await
    });
    let ends = std::mem::take(&mut *ends.0.lock());
    (result, ends)
}

/// Each attempt ends once, with its own code, before the call.
#[test]
fn an_observer_sees_each_attempt() {
    let failure = Answer::Status(Code::Unavailable);
    let refused = Answer::Reset(Reason::REFUSED_STREAM);
    let attempt = |number, code| End::Attempt(number, code);
    let (ok, unavailable) = (Code::Ok, Code::Unavailable);
    for (config, answers, expected) in [
        (
            RETRY,
            vec![failure.clone()],
            vec![
                attempt(1, unavailable),
                attempt(2, ok),
                End::Call(2, ok, true),
            ],
        ),
        (
            RETRY,
            vec![refused.clone(), Answer::Reset(Reason::INTERNAL_ERROR)],
            vec![
                attempt(1, unavailable),
                attempt(2, Code::Internal),
                End::Call(2, Code::Internal, false),
            ],
        ),
        (
            HEDGING,
            vec![Answer::Never, Answer::OkAfter(100)],
            vec![
                attempt(1, Code::Cancelled),
                attempt(2, ok),
                End::Call(2, ok, true),
            ],
        ),
        (
            HEDGING,
            vec![failure.clone(), failure, Answer::Status(Code::Internal)],
            vec![
                attempt(1, unavailable),
                attempt(2, unavailable),
                attempt(3, Code::Internal),
                End::Call(3, Code::Internal, true),
            ],
        ),
        (
            HEDGING,
            vec![Answer::Never, Answer::Status(Code::Internal)],
            vec![
                attempt(2, Code::Internal),
                attempt(1, Code::Cancelled),
                End::Call(2, Code::Internal, true),
            ],
        ),
        (
            HEDGING,
            vec![Answer::Never, Answer::Never, Answer::Never],
            vec![
                attempt(1, Code::DeadlineExceeded),
                attempt(2, Code::DeadlineExceeded),
                attempt(3, Code::DeadlineExceeded),
                End::Call(3, Code::DeadlineExceeded, false),
            ],
        ),
    ] {
        let (_, ends) = observe(config, &answers);
        assert_eq!(ends, expected, "{answers:?}");
    }
}

/// The picker of each attempt is notified of the end of that attempt.
#[test]
fn a_tracker_sees_each_attempt() {
    for (config, answers, expected) in [
        (
            RETRY,
            [Answer::Status(Code::Unavailable), Answer::Ok],
            [Code::Unavailable, Code::Ok],
        ),
        (
            HEDGING,
            [Answer::Never, Answer::Ok],
            [Code::Cancelled, Code::Ok],
        ),
    ] {
        let (_, methods) = config.split_once(r#""methodConfig""#).expect("a method");
        let policy = TEST_POLICY.strip_suffix('}').expect("an object");
        let config = format!(r#"{policy}, "methodConfig"{methods}"#);
        let sim = Sim::new(1);
        scripted(&sim, 1, &answers);
        let (policy, log) = counting_policy();
        let builder = retrying(&sim).policy(policy).default_service_config(config);
        let channel = builder.build().expect("a channel");
        sim.run(async move { unary(&channel, b"hello").await.expect_ok() });
        let ends = take_ends(&log);
        let codes: Vec<Code> = ends.iter().map(|end| end.code).collect();
        assert_eq!(codes, expected);
        assert!(ends.iter().all(|end| end.was_sent));
        // An attempt that another one has overtaken shows nothing of its server.
        for end in ends {
            assert_eq!(end.was_dropped, end.code == Code::Cancelled);
        }
    }
}

/// The metadata of the failure that ends the call reach the application.
#[test]
fn the_metadata_of_the_last_failure_arrive() {
    for config in [RETRY, HEDGING] {
        let sim = Sim::new(1);
        let answers = [
            Answer::Pushback(Code::Unavailable, "5"),
            Answer::Pushback(Code::Unavailable, "-7"),
        ];
        scripted(&sim, 1, &answers);
        let builder = retrying(&sim).default_service_config(config);
        let mut channel = builder.build().expect("a channel");
        let body = Full::new(Bytes::from_static(b"hello"));
        let Ok(response) = sim.run(async move { channel.call(request(body)).await });
        assert_eq!(response.headers()["grpc-retry-pushback-ms"], "-7");
        let result = sim.run(read_to_end(response));
        result.expect(Code::Unavailable, &["scripted"]);
    }
}

/// The last response of a peer that is no gRPC server ends the call with the code of its HTTP status.
#[test]
fn the_last_refusal_by_http_status_ends_the_call() {
    for (config, attempts) in [(RETRY, 4), (HEDGING, 3)] {
        let (result, ends) = observe(config, &vec![Answer::Http503; 9]);
        result.expect(Code::Unavailable, &["HTTP 503"]);
        assert_eq!(
            ends.last(),
            Some(&End::Call(attempts, Code::Unavailable, false))
        );
    }
}

/// A call that waits for readiness uses up no attempt while there is no connection.
#[test]
fn waiting_for_readiness_costs_no_attempt() {
    for config in [RETRY, HEDGING] {
        let config = config.replacen(r#""maxAttempts": "#, r#""maxAttempts": 2, "x": "#, 1);
        let sim = Sim::new(1);
        let channel = retrying(&sim).default_service_config(config).build();
        let channel = channel.expect("a channel");
        let log = sim.run(async {
            let start = async {
                sim.sleep(Duration::from_secs(5)).await;
                scripted(&sim, 1, &[Answer::Status(Code::Unavailable)])
            };
            let mut request = request(Full::new(Bytes::from_static(b"hello")));
            request.extensions_mut().insert(WaitForReady(true));
            let (result, log) = futures_util::future::join(call(&channel, request), start).await;
            result.expect_ok();
            log
        });
        assert_eq!(log.lock().len(), 2);
    }
}

/// A call that is dropped while it waits for a retry, or while attempts run, ends as CANCELLED. Its
/// attempts end before it.
#[test]
fn a_dropped_call_ends_its_attempts() {
    let attempt = |number, code| End::Attempt(number, code);
    let failure = Answer::Status(Code::Unavailable);
    for (config, answers, expected) in [
        (
            RETRY,
            vec![failure],
            vec![
                attempt(1, Code::Unavailable),
                End::Call(1, Code::Cancelled, true),
            ],
        ),
        (
            HEDGING,
            vec![Answer::Never, Answer::Never],
            vec![
                attempt(1, Code::Cancelled),
                attempt(2, Code::Cancelled),
                End::Call(2, Code::Cancelled, false),
            ],
        ),
    ] {
        let sim = Sim::new(1);
        scripted(&sim, 1, &answers);
        let ends = Ends::default();
        let builder = retrying(&sim).default_service_config(config);
        let channel = builder.observer(ends.clone()).build().expect("a channel");
        sim.run(async {
            let dropped = std::pin::pin!(unary(&channel, b"hello"));
            let pause = std::pin::pin!(sim.sleep(Duration::from_millis(600)));
            futures_util::future::select(dropped, pause).await;
        });
        assert_eq!(*ends.0.lock(), expected);
    }
}

/// A caller that polls a hedged call late gets the status of its deadline, not that of the reset with
/// which the server ends the call then. (gRPC over HTTP/2, errors)
#[test]
fn a_hedged_call_that_is_polled_late_ends_with_its_deadline() {
    let sim = Sim::new(1);
    let answers = vec![Answer::ResetAfter(900, Reason::CANCEL); 3];
    scripted(&sim, 1, &answers);
    let builder = retrying(&sim).default_service_config(HEDGING);
    let channel = builder.build().expect("a channel");
    let result = sim.run(async {
        let body = Full::new(Bytes::from_static(b"hello"));
        let request = with_timeout(request(body), "800m");
        let calling = Box::pin(call(&channel, request));
        let pause = Box::pin(sim.sleep(Duration::from_millis(100)));
        let waiting = futures_util::future::select(calling, pause).await;
        let futures_util::future::Either::Right(((), calling)) = waiting else {
            panic!("the call has ended")
        };
        sim.sleep(Duration::from_secs(2)).await;
        calling.await
    });
    result.expect(Code::DeadlineExceeded, &["deadline of 800ms"]);
}
