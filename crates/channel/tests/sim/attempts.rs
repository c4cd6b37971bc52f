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
use trunkline_lb::{AttemptOutcome, AttemptTracker, Pick, PickRequest, Picker, SubchannelId};
use trunkline_runtime::Lock;
use trunkline_sim::{ConnectFate, Sim};
use trunkline_status::Code;

use crate::ends::{counting_policy, take_ends};
use crate::facts::FactLog;
use crate::hedging::HEDGING;
use crate::policy::{TEST_POLICY, TestPolicyFactory};
use crate::raw::{self, data, grpc_head, headers, trailers};
use crate::retries::{Answer, RETRY, retrying, scripted};
use crate::world::{
    CallResult, address, builder, call, read_to_end, request, unary, unary_within, with_timeout,
};

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

/// Makes a call that a server answers with the bytes of `answer`, and returns the end of the call that an
/// observer is notified of.
fn observe_end(answer: fn(u32) -> Vec<u8>) -> End {
    let sim = Sim::new(1);
    raw::serve_calls(&sim, 1, answer);
    let ends = Ends::default();
    let builder = builder(&sim, format!("ipv4:{}", address(1)));
    let channel = builder.observer(ends.clone()).build().expect("a channel");
    sim.run(unary_within(&channel, "5S"));
    let end = ends.0.lock().pop();
    end.expect("the end of the call")
}

/// Returns a head that has a status and does not end the response.
fn head_with_status(stream: u32) -> Vec<u8> {
    let fields = [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("grpc-status", "5"),
    ];
    headers(stream, &fields, false)
}

/// A call has the status of a server where its trailers or its head have one. Without one, this side
/// makes the status of the call. (gRPC over HTTP/2, Responses)
#[test]
fn a_call_knows_who_made_its_status() {
    let (by_server, by_client) = (true, false);
    for (case, answer, code, has_status) in [
        (
            "trailers",
            (|id| [grpc_head(id), trailers(id, "5")].concat()) as fn(u32) -> Vec<u8>,
            Code::NotFound,
            by_server,
        ),
        (
            "trailers with an invalid status",
            |id| [grpc_head(id), trailers(id, "x")].concat(),
            Code::Unknown,
            by_server,
        ),
        (
            "trailers without a status",
            |id| [grpc_head(id), headers(id, &[("x-trace", "7")], true)].concat(),
            Code::Unknown,
            by_client,
        ),
        (
            "no trailers",
            |id| [grpc_head(id), data(id, b"", true)].concat(),
            Code::Unknown,
            by_client,
        ),
        (
            "a head with a status, and trailers without one",
            |id| [head_with_status(id), headers(id, &[("x-trace", "7")], true)].concat(),
            Code::NotFound,
            by_server,
        ),
        (
            "a head with a status, and no trailers",
            |id| [head_with_status(id), data(id, b"", true)].concat(),
            Code::NotFound,
            by_server,
        ),
    ] {
        let end = observe_end(answer);
        assert_eq!(end, End::Call(1, code, has_status), "{case}");
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

/// The facts that an observer receives of one call on a channel with this config, to a server with
/// this script.
fn facts(config: &str, answers: &[Answer]) -> Vec<String> {
    let sim = Sim::new(1);
    scripted(&sim, 1, answers);
    let log = FactLog::untraced(&sim);
    let builder = retrying(&sim).default_service_config(config);
    let channel = builder.observer(log.clone()).build().expect("a channel");
    sim.run(async move {
        let request = request(Full::new(Bytes::from_static(b"\0\0\0\0\x02hi")));
        call(&channel, with_timeout(request, "20S")).await
    });
    log.take_observed()
}

/// Each attempt is a retry, a transparent retry or a hedge, except the first. Transparent retries are
/// not among the previous attempts. The delay of retries is the time without an attempt. (gRFC A96,
/// gRFC A72)
#[test]
fn attempts_know_what_they_are() {
    let pushback = Answer::Pushback(Code::Unavailable, "100");
    let refused = Answer::Reset(Reason::REFUSED_STREAM);
    let unavailable = Answer::Status(Code::Unavailable);
    let never = Answer::Never;
    for (config, answers, expected) in [
        (
            RETRY,
            vec![pushback.clone(), refused.clone(), pushback],
            vec![
                "0: call",
                "0: 1 starts, 0 before",
                "2: 1 sent to 1/1 after 2",
                "4: 1 ends with UNAVAILABLE after 4 at 1/1, (1, 0) messages, (7, 0) bytes",
                "104: 2 starts, 1 before",
                "104: 2 sent to 1/1 after 0",
                "106: 2 ends with UNAVAILABLE after 2 at 1/1, (1, 0) messages, (7, 0) bytes",
                "106: 3 starts, 1 before, transparent",
                "106: 3 sent to 1/1 after 0",
                "108: 3 ends with UNAVAILABLE after 2 at 1/1, (1, 0) messages, (7, 0) bytes",
                "208: 4 starts, 2 before",
                "208: 4 sent to 1/1 after 0",
                "210: 4 ends with OK after 2 at 1/1, (1, 1) messages, (7, 7) bytes",
                "210: call ends with OK after 210, 4 sent, 2 retries, 1 transparent, 200 idle",
            ],
        ),
        (
            HEDGING,
            vec![never.clone(), refused, unavailable, never],
            vec![
                "0: call",
                "0: 1 starts, 0 before, hedged",
                "2: 1 sent to 1/1 after 2",
                "502: 2 starts, 1 before, hedged",
                "502: 2 sent to 1/1 after 0",
                "504: 2 ends with UNAVAILABLE after 2 at 1/1, (1, 0) messages, (7, 0) bytes",
                "504: 3 starts, 1 before, transparent, hedged",
                "504: 3 sent to 1/1 after 0",
                "506: 3 ends with UNAVAILABLE after 2 at 1/1, (1, 0) messages, (7, 0) bytes",
                "506: 4 starts, 2 before, hedged",
                "506: 4 sent to 1/1 after 0",
                "20000: 1 ends with DEADLINE_EXCEEDED after 20000 at 1/1, (1, 0) messages, (7, 0) bytes",
                "20000: 4 ends with DEADLINE_EXCEEDED after 19494 at 1/1, (1, 0) messages, (7, 0) bytes",
                "20000: call ends with DEADLINE_EXCEEDED after 20000, 4 sent, 1 transparent, 2 hedges",
            ],
        ),
    ] {
        assert_eq!(facts(config, &answers), expected);
    }
}

/// An attempt starts before its pick. So one that fails in the pick, or whose deadline passes in the wait
/// for it, has started and ends, and was not sent. (gRFC A66: "created after name resolution")
#[test]
fn an_attempt_starts_before_its_pick() {
    let wait_for_ready = r#"{"methodConfig": [{"name": [{}], "waitForReady": true}]}"#;
    for (config, fate, expected) in [
        (
            "{}",
            ConnectFate::Refuse,
            vec![
                "0: call",
                "0: 1 starts, 0 before",
                "2: 1 ends with UNAVAILABLE after 2, unsent",
                "2: call ends with UNAVAILABLE after 2, 0 sent",
            ],
        ),
        (
            wait_for_ready,
            ConnectFate::Refuse,
            vec![
                "0: call",
                "0: 1 starts, 0 before",
                "5000: 1 ends with DEADLINE_EXCEEDED after 5000, unsent",
                "5000: call ends with DEADLINE_EXCEEDED after 5000, 0 sent",
            ],
        ),
        (
            HEDGING,
            ConnectFate::Silent,
            vec![
                "0: call",
                "0: 1 starts, 0 before, hedged",
                "5000: 1 ends with DEADLINE_EXCEEDED after 5000, unsent",
                "5000: call ends with DEADLINE_EXCEEDED after 5000, 0 sent",
            ],
        ),
    ] {
        let sim = Sim::new(1);
        sim.net().set_fate(address(1), fate);
        let log = FactLog::untraced(&sim);
        let builder = retrying(&sim).default_service_config(config);
        let channel = builder.observer(log.clone()).build().expect("a channel");
        sim.run(unary_within(&channel, "5S"));
        assert_eq!(log.take_observed(), expected);
    }
}

/// A retry policy applies to a failed pick, and each of its attempts has one end.
#[test]
fn failed_picks_are_attempts() {
    let sim = Sim::new(1);
    sim.net().set_fate(address(1), ConnectFate::Refuse);
    let log = FactLog::untraced(&sim);
    let channel = retrying(&sim).observer(log.clone()).build();
    let channel = channel.expect("a channel");
    sim.run(unary(&channel, b"hello"))
        .expect(Code::Unavailable, &[]);
    let facts = log.take_observed();
    let count = |text| facts.iter().filter(|fact| fact.contains(text)).count();
    assert_eq!(count("starts"), 4, "{facts:?}");
    assert_eq!(count("unsent"), 4, "{facts:?}");
    let end = facts.last().expect("the end of the call");
    assert!(end.contains("0 sent, 3 retries"), "{end}");
}

/// A call that is dropped while it waits for a pick ends its attempt first.
#[test]
fn a_call_that_is_dropped_in_the_pick() {
    for config in ["{}", HEDGING] {
        let sim = Sim::new(1);
        sim.net().set_fate(address(1), ConnectFate::Silent);
        let log = FactLog::untraced(&sim);
        let builder = retrying(&sim).default_service_config(config);
        let channel = builder.observer(log.clone()).build().expect("a channel");
        sim.run(async {
            let dropped = std::pin::pin!(unary(&channel, b"hello"));
            let pause = std::pin::pin!(sim.sleep(Duration::from_millis(600)));
            futures_util::future::select(dropped, pause).await;
        });
        let facts = log.take_observed();
        let expected = [
            "600: 1 ends with CANCELLED after 600, unsent, dropped",
            "600: call ends with CANCELLED after 600, 0 sent",
        ];
        assert_eq!(facts[2..], expected);
    }
}

/// A pick whose connection is already lost ends for its tracker. The attempt goes on with its next pick:
/// observers see one attempt, and the wait of all its picks.
#[test]
fn a_lost_pick_is_no_attempt() {
    /// Returns the last subchannel where the inner picker returns none, as a picker that is out of date
    /// does.
    #[derive(Debug)]
    struct OutOfDate {
        inner: Arc<dyn Picker>,
        last: Arc<Lock<Option<SubchannelId>>>,
        ends: Arc<Lock<Vec<bool>>>,
    }

    impl Picker for OutOfDate {
        fn pick(&self, request: &PickRequest<'_>) -> Pick {
            let pick = self.inner.pick(request);
            let mut last = self.last.lock();
            match pick {
                Pick::Subchannel(id) => *last = Some(id),
                _ => return last.map_or(pick, Pick::Subchannel),
            }
            pick
        }

        fn tracker(&self) -> Option<&dyn AttemptTracker> {
            Some(self)
        }
    }

    impl AttemptTracker for OutOfDate {
        fn attempt_ended(&self, _: SubchannelId, outcome: &AttemptOutcome<'_>) {
            self.ends.lock().push(outcome.was_sent);
        }
    }

    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    let (picked, ends) = (Arc::default(), Arc::<Lock<Vec<bool>>>::default());
    let (log, seen) = (FactLog::untraced(&sim), Arc::clone(&ends));
    let channel = retrying(&sim)
        .policy(TestPolicyFactory::with_picker(move |inner| OutOfDate {
            inner,
            last: Arc::clone(&picked),
            ends: Arc::clone(&seen),
        }))
        .default_service_config(TEST_POLICY)
        .observer(log.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"\0\0\0\0\0").await.expect_ok();
        backend.kill();
        sim.sleep(Duration::from_millis(10)).await;
        backend.restart();
        log.take_observed();
        ends.lock().clear();
        let mut request = request(Full::new(Bytes::from_static(b"\0\0\0\0\0")));
        request.extensions_mut().insert(WaitForReady(true));
        call(&channel, request).await.expect_ok();
    });
    let ends = std::mem::take(&mut *ends.lock());
    let (last, lost) = ends.split_last().expect("an end");
    assert!(*last && !lost.is_empty(), "{ends:?}");
    assert!(lost.iter().all(|was_sent| !was_sent), "{ends:?}");
    let facts = log.take_observed();
    let count = |text| facts.iter().filter(|fact| fact.contains(text)).count();
    assert_eq!(
        (facts.len(), count("1 sent"), count("starts")),
        (5, 2, 1),
        "{facts:?}"
    );
}

/// A hedge that waits for a pick when another attempt decides the call was overtaken, and never sent.
#[test]
fn a_hedge_in_the_pick_is_overtaken() {
    /// Lets the first pick through.
    #[derive(Debug)]
    struct OnlyOnce {
        inner: Arc<dyn Picker>,
        picks: Arc<Lock<usize>>,
    }

    impl Picker for OnlyOnce {
        fn pick(&self, request: &PickRequest<'_>) -> Pick {
            let pick = self.inner.pick(request);
            if !matches!(pick, Pick::Subchannel(_)) {
                return pick;
            }
            let mut picks = self.picks.lock();
            *picks += 1;
            if *picks == 1 { pick } else { Pick::Queue }
        }

        fn tracker(&self) -> Option<&dyn AttemptTracker> {
            None
        }
    }

    let sim = Sim::new(1);
    scripted(&sim, 1, &[Answer::OkAfter(700)]);
    let picks = Arc::default();
    let log = FactLog::untraced(&sim);
    let (_, methods) = HEDGING.split_once(r#""methodConfig""#).expect("a method");
    let policy = TEST_POLICY.strip_suffix('}').expect("an object");
    let config = format!(r#"{policy}, "methodConfig"{methods}"#);
    let channel = retrying(&sim)
        .policy(TestPolicyFactory::with_picker(move |inner| OnlyOnce {
            inner,
            picks: Arc::clone(&picks),
        }))
        .default_service_config(config)
        .observer(log.clone())
        .build()
        .expect("a channel");
    sim.run(unary(&channel, b"\0\0\0\0\0")).expect_ok();
    let expected = [
        "0: call",
        "0: 1 starts, 0 before, hedged",
        "2: 1 sent to 1/1 after 2",
        "502: 2 starts, 1 before, hedged",
        "704: 2 ends with CANCELLED after 202, unsent, dropped",
        "704: 1 ends with OK after 704 at 1/1, (1, 1) messages, (5, 7) bytes",
        "704: call ends with OK after 704, 1 sent, 1 hedges",
    ];
    assert_eq!(log.take_observed(), expected);
}
