//! The trace of a call receives what happens to that call, in order, and adds headers to its attempts.
//!
//! Source: [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, select};
use h2::server::Builder;
use http_body_util::Full;
use trunkline_channel::{
    BearerToken, CallEnded, CallStarted, CallTrace, Channel, ChannelBuilder, Observer,
};
use trunkline_endpoint::Endpoint;
use trunkline_resolver::{ManualResolver, Resolution};
use trunkline_runtime::Lock;
use trunkline_sim::{BackendOptions, CallReply, Sim};
use trunkline_status::Code;

use crate::bodies::open_body;
use crate::facts::{FactLog, SPAN};
use crate::hand_server::HandServer;
use crate::hedging::HEDGING;
use crate::retries::{Answer, retrying, scripted};
use crate::world::{
    CallResult, ServerCall, address, builder, call, echo, request, serve, unary, with_timeout,
};

/// A message of five bytes, with its prefix.
const HELLO: &[u8] = b"\0\0\0\0\x05hello";

/// Returns the builder of a channel to host 1 with this log.
fn traced(sim: &Sim, log: &FactLog) -> ChannelBuilder {
    builder(sim, format!("ipv4:{}", address(1))).observer(log.clone())
}

/// Makes a unary call with a deadline.
async fn within(channel: &Channel, timeout: &'static str) -> CallResult {
    let request = request(Full::new(Bytes::from_static(HELLO)));
    call(channel, with_timeout(request, timeout)).await
}

/// A call that waits for the first resolution and then for a connection: both delays are events. The
/// next call waits for neither. ("Delayed name resolution complete", "Delayed LB pick complete")
#[test]
fn delays_are_reported_where_there_are_some() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let names = ManualResolver::new("fleet");
    let log = FactLog::new(&sim);
    let channel = builder(&sim, "fleet:///any")
        .resolver(names.clone())
        .observer(log.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        let resolve = async {
            sim.sleep(Duration::from_millis(30)).await;
            names.update(Resolution::new(vec![Endpoint::new([address(1)])]));
        };
        join(unary(&channel, HELLO), resolve).await.0.expect_ok();
    });
    let expected = [
        "0: call",
        "30: resolved after 30",
        "30: 1 starts, 0 before",
        "32: 1 picked after 2",
        "32: 1 gets headers",
        "32: 1 sent to 1/1 after 2",
        "32: 1 sends message 0, 5 bytes",
        "34: 1 receives message 0, 5 bytes",
        "34: 1 ends with OK after 4 at 1/1, (1, 1) messages, (10, 10) bytes",
        "34: call ends with OK after 34, 1 sent",
    ];
    assert_eq!(log.take_traced(), expected);
    let observed = [
        "0: call",
        "30: 1 starts, 0 before",
        "32: 1 sent to 1/1 after 2",
        "34: 1 ends with OK after 4 at 1/1, (1, 1) messages, (10, 10) bytes",
        "34: call ends with OK after 34, 1 sent",
    ];
    assert_eq!(log.take_observed(), observed);
    sim.run(async { unary(&channel, HELLO).await.expect_ok() });
    let expected = [
        "34: call",
        "34: 1 starts, 0 before",
        "34: 1 gets headers",
        "34: 1 sent to 1/1 after 0",
        "34: 1 sends message 0, 5 bytes",
        "36: 1 receives message 0, 5 bytes",
        "36: 1 ends with OK after 2 at 1/1, (1, 1) messages, (10, 10) bytes",
        "36: call ends with OK after 2, 1 sent",
    ];
    assert_eq!(log.take_traced(), expected);
}

/// A call that ends while it waits for the resolution was not resolved, and had no attempt.
#[test]
fn a_call_without_resolution_has_no_attempt() {
    let sim = Sim::new(1);
    let log = FactLog::new(&sim);
    let channel = builder(&sim, "fleet:///any")
        .resolver(ManualResolver::new("fleet"))
        .observer(log.clone())
        .build()
        .expect("a channel");
    sim.run(within(&channel, "1S"))
        .expect(Code::DeadlineExceeded, &["to be resolved"]);
    let expected = [
        "0: call",
        "1000: call ends with DEADLINE_EXCEEDED after 1000, 0 sent",
    ];
    assert_eq!(log.take_traced(), expected);
}

/// Each message has an event, in both directions, however the data is cut. (events "Outbound message"
/// and "Inbound message")
#[test]
fn each_message_of_a_stream_is_reported() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let log = FactLog::new(&sim);
    let channel = traced(&sim, &log).build().expect("a channel");
    sim.run(async {
        let (send, body) = open_body();
        let sending = async {
            for piece in [&HELLO[..3], &HELLO[3..], b"\x01\0\0\0\x02zz\0\0\0\0\0"] {
                sim.sleep(Duration::from_millis(10)).await;
                send.try_send(Bytes::from_static(piece)).expect("a reader");
            }
            drop(send);
        };
        let (result, ()) = join(call(&channel, request(body)), sending).await;
        result.expect_ok();
    });
    let messages = |facts: Vec<String>| {
        let messages = facts.into_iter().filter(|text| text.contains("message"));
        messages.collect::<Vec<_>>()
    };
    let expected = [
        "20: 1 sends message 0, 5 bytes",
        "22: 1 receives message 0, 5 bytes",
        "30: 1 sends message 1, 2 bytes, compressed",
        "30: 1 sends message 2, 0 bytes",
        "32: 1 receives message 1, 2 bytes, compressed",
        "32: 1 receives message 2, 0 bytes",
        "32: 1 ends with OK after 32 at 1/1, (3, 3) messages, (22, 22) bytes",
    ];
    assert_eq!(messages(log.take_traced()), expected);
    // Without a trace they are counted only.
    assert_eq!(messages(log.take_observed()), expected[6..]);
}

/// The headers of a trace are added to each attempt, after those of the credentials, and are not those
/// of the attempt before.
#[test]
fn a_trace_adds_headers_to_each_attempt() {
    let sim = Sim::new(1);
    let seen = Arc::new(Lock::new(Vec::new()));
    let spans = Arc::clone(&seen);
    serve(&sim, 1, Builder::new(), move |mut incoming: ServerCall| {
        let values = incoming.head.headers.get_all(SPAN).iter();
        let values: Vec<_> = values.map(|value| value.as_bytes().to_vec()).collect();
        spans.lock().push(values.concat());
        incoming.respond.send_reset(h2::Reason::REFUSED_STREAM);
        std::future::ready(())
    });
    let log = FactLog::new(&sim);
    let channel = traced(&sim, &log).build().expect("a channel");
    sim.run(unary(&channel, HELLO))
        .expect(Code::Unavailable, &[]);
    assert_eq!(*seen.lock(), [b"1", b"2"]);
    let expected = [
        "0: call",
        "0: resolved after 0",
        "0: 1 starts, 0 before",
        "2: 1 picked after 2",
        "2: 1 gets headers",
        "2: 1 sent to 1/1 after 2",
        "2: 1 sends message 0, 5 bytes",
        "4: 1 ends with UNAVAILABLE after 4 at 1/1, (1, 0) messages, (10, 0) bytes",
        "4: 2 starts, 0 before, transparent",
        "4: 2 gets headers",
        "4: 2 sent to 1/1 after 0",
        "4: 2 sends message 0, 5 bytes",
        "6: 2 ends with UNAVAILABLE after 2 at 1/1, (1, 0) messages, (10, 0) bytes",
        "6: call ends with UNAVAILABLE after 6, 2 sent, 1 transparent",
    ];
    assert_eq!(log.take_traced(), expected);
}

/// Attempts of a hedged call run side by side; each has its own messages.
#[test]
fn hedged_attempts_are_told_apart() {
    let sim = Sim::new(1);
    scripted(&sim, 1, &[Answer::Never, Answer::Ok]);
    let log = FactLog::new(&sim);
    let builder = retrying(&sim).default_service_config(HEDGING);
    let channel = builder.observer(log.clone()).build().expect("a channel");
    sim.run(unary(&channel, HELLO)).expect_ok();
    let expected = [
        "0: call",
        "0: resolved after 0",
        "0: 1 starts, 0 before, hedged",
        "2: 1 picked after 2",
        "2: 1 gets headers",
        "2: 1 sent to 1/1 after 2",
        "2: 1 sends message 0, 5 bytes",
        "502: 2 starts, 1 before, hedged",
        "502: 2 gets headers",
        "502: 2 sent to 1/1 after 0",
        "502: 2 sends message 0, 5 bytes",
        "504: 1 ends with CANCELLED after 504 at 1/1, dropped, (1, 0) messages, (10, 0) bytes",
        "504: 2 receives message 0, 2 bytes",
        "504: 2 ends with OK after 2 at 1/1, (1, 1) messages, (10, 7) bytes",
        "504: call ends with OK after 504, 2 sent, 1 hedges",
    ];
    assert_eq!(log.take_traced(), expected);
}

/// A call that waits in line for a free stream is sent when it leaves the line, on the connection on
/// which it has found one, which may not be the one that was picked.
#[test]
fn a_call_in_line_is_sent_on_the_connection_that_it_left_on() {
    let sim = Sim::new(1);
    // It answers no call.
    HandServer::start(&sim, 1, 1);
    let log = FactLog::new(&sim);
    let config = r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 2}}"#;
    let builder = traced(&sim, &log).default_service_config(config);
    let channel = builder.build().expect("a channel");
    sim.run(async {
        let first = Box::pin(unary(&channel, HELLO));
        let first = match select(first, Box::pin(sim.sleep(Duration::from_millis(20)))).await {
            futures_util::future::Either::Right(((), first)) => first,
            futures_util::future::Either::Left(_) => panic!("nothing has answered"),
        };
        log.take_traced();
        let second = Box::pin(within(&channel, "100m"));
        join(second, async {
            sim.sleep(Duration::from_millis(50)).await;
            drop(first);
        })
        .await
        .0
        .expect(Code::DeadlineExceeded, &[]);
    });
    let expected = [
        "20: call",
        "20: 1 starts, 0 before",
        "20: 1 gets headers",
        "22: 1 sent to 1/2 after 2",
        "22: 1 sends message 0, 5 bytes",
        "70: 1 ends with CANCELLED after 70 at 1/1, dropped, (1, 0) messages, (10, 0) bytes",
        "70: call ends with CANCELLED after 70, 1 sent",
        "120: 1 ends with DEADLINE_EXCEEDED after 100 at 1/2, (1, 0) messages, (10, 0) bytes",
        "120: call ends with DEADLINE_EXCEEDED after 100, 1 sent",
    ];
    assert_eq!(log.take_traced(), expected);
}

/// A call whose deadline passes in line was not sent.
#[test]
fn a_call_that_stays_in_line_is_not_sent() {
    let sim = Sim::new(1);
    let backend = sim.backend(address(1));
    backend.set_options(BackendOptions::default().with_max_concurrent_streams(1));
    backend.set_reply(CallReply::Never);
    let log = FactLog::new(&sim);
    let channel = traced(&sim, &log).build().expect("a channel");
    sim.run(async {
        let first = Box::pin(unary(&channel, HELLO));
        let pause = Box::pin(sim.sleep(Duration::from_millis(20)));
        let _first = select(first, pause).await;
        log.take_traced();
        within(&channel, "100m")
            .await
            .expect(Code::DeadlineExceeded, &["free stream"]);
        let expected = [
            "20: call",
            "20: 1 starts, 0 before",
            "20: 1 gets headers",
            "120: 1 ends with DEADLINE_EXCEEDED after 100, unsent",
            "120: call ends with DEADLINE_EXCEEDED after 100, 0 sent",
        ];
        assert_eq!(log.take_traced(), expected);
    });
}

/// The wait for the credentials of an attempt counts as a wait, not as one for a pick.
#[test]
fn the_wait_for_credentials() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let log = FactLog::new(&sim);
    let builder = crate::credentials::encrypted(&sim).observer(log.clone());
    let builder = builder.call_credentials(BearerToken::new("abc"));
    let channel = builder.build().expect("a channel");
    sim.run(async {
        unary(&channel, HELLO).await.expect_ok();
        log.take_traced();
        unary(&channel, HELLO).await.expect_ok();
    });
    let expected = [
        "4: call",
        "4: 1 starts, 0 before",
        "4: 1 gets headers",
        "4: 1 sent to 1/1 after 0",
        "4: 1 sends message 0, 5 bytes",
        "6: 1 receives message 0, 5 bytes",
        "6: 1 ends with OK after 2 at 1/1, (1, 1) messages, (10, 10) bytes",
        "6: call ends with OK after 2, 1 sent",
    ];
    assert_eq!(log.take_traced(), expected);
}

/// An observer that does not want the facts of a call receives none of it; the others do.
#[test]
fn observers_are_asked_once_for_each_call() {
    /// Wants every second call.
    #[derive(Clone, Debug)]
    struct EverySecond {
        asked: Arc<Lock<usize>>,
        log: FactLog,
    }

    impl Observer for EverySecond {
        fn observes_calls(&self) -> bool {
            let mut asked = self.asked.lock();
            *asked += 1;
            asked.is_multiple_of(2)
        }

        fn call_started(&self, call: &CallStarted<'_>) {
            self.log.call_started(call);
        }

        fn trace_call(&self, call: &CallStarted<'_>) -> Option<Box<dyn CallTrace>> {
            self.log.trace_call(call)
        }

        fn call_ended(&self, call: &CallEnded<'_>) {
            self.log.call_ended(call);
        }
    }

    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let (all, some) = (FactLog::untraced(&sim), FactLog::new(&sim));
    let every_second = EverySecond {
        asked: Arc::default(),
        log: some.clone(),
    };
    let builder = traced(&sim, &all).observer(every_second.clone());
    let channel = builder.build().expect("a channel");
    sim.run(async {
        for _ in 0..4 {
            within(&channel, "1S").await.expect_ok();
        }
    });
    assert_eq!(*every_second.asked.lock(), 4);
    let count = |facts: Vec<String>, text| {
        let found = facts.into_iter().filter(|fact| fact.contains(text));
        found.count()
    };
    assert_eq!(count(all.take_observed(), "call ends with OK"), 4);
    assert_eq!(count(some.take_traced(), "call ends with OK"), 2);
    assert_eq!(count(some.take_observed(), "call ends with OK"), 2);
}
