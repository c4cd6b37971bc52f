//! What a channel sets for calls that set nothing themselves: a timeout, whether they wait, and how
//! many may wait.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use h2::server::Builder;
use http_body_util::Full;
use trunkline_channel::{Channel, QueueLimits, WaitForReady};
use trunkline_resolver::ManualResolver;
use trunkline_sim::Sim;
use trunkline_status::Code;

use crate::bodies::messages;
use crate::world::{CallResult, address, builder, call, echo, request, serve, unary, unary_within};

/// Makes a call to a server that does not answer, and returns how long it lasts.
fn lasts(sim: &Sim, channel: &Channel, timeout: Option<&'static str>) -> (Duration, CallResult) {
    let start = sim.elapsed();
    let result = sim.run(async {
        match timeout {
            Some(timeout) => unary_within(channel, timeout).await,
            None => unary(channel, b"hello").await,
        }
    });
    (sim.elapsed() - start, result)
}

/// The timeout of a call is its own, else that of its method, else the channel's. The method's only
/// shortens that of the call. The server receives one, too.
#[test]
fn the_timeout_of_a_call() {
    const METHOD: &str = r#"{"methodConfig":[{"name":[{"service":"test.Echo"}],"timeout":"20s"}]}"#;
    for (channel_timeout, config, own, expected) in [
        (Some(10), "{}", None, 10),
        (Some(10), "{}", Some("3S"), 3),
        (Some(10), "{}", Some("30S"), 30),
        (Some(10), METHOD, None, 20),
        (Some(30), METHOD, None, 20),
        (Some(10), METHOD, Some("3S"), 3),
        (Some(10), METHOD, Some("30S"), 20),
        (None, METHOD, None, 20),
    ] {
        let sim = Sim::new(1);
        serve(&sim, 1, Builder::new(), |incoming| async move {
            assert!(incoming.head.headers.contains_key("grpc-timeout"));
            pending::<()>().await;
            drop(incoming);
        });
        let mut builder =
            builder(&sim, format!("ipv4:{}", address(1))).default_service_config(config);
        if let Some(seconds) = channel_timeout {
            builder = builder.call_timeout(Duration::from_secs(seconds));
        }
        let channel = builder.build().expect("a channel");
        let (time, result) = lasts(&sim, &channel, own);
        result.expect(Code::DeadlineExceeded, &[&format!("{expected}s")]);
        assert_eq!(
            time.as_secs(),
            expected,
            "{channel_timeout:?} {config} {own:?}"
        );
    }
}

/// The channel's timeout also bounds the wait for the resolver.
#[test]
fn the_default_timeout_bounds_resolution() {
    let sim = Sim::new(1);
    let channel = builder(&sim, "fleet:///x")
        .resolver(ManualResolver::new("fleet"))
        .call_timeout(Duration::from_secs(5))
        .build()
        .expect("a channel");
    let (time, result) = lasts(&sim, &channel, None);
    result.expect(Code::DeadlineExceeded, &["fleet:///x to be resolved"]);
    assert_eq!(time.as_secs(), 5);
}

/// Whether a call waits for a connection is its own choice, else that of its method, else the
/// channel's.
#[test]
fn whether_a_call_waits_for_readiness() {
    const METHOD: &str =
        r#"{"methodConfig":[{"name":[{"service":"test.Echo"}],"waitForReady":WAITS}]}"#;
    for (channel_waits, method_waits, own, waits) in [
        (false, None, None, false),
        (true, None, None, true),
        (true, Some(false), None, false),
        (false, Some(true), None, true),
        (true, Some(true), Some(false), false),
        (false, Some(false), Some(true), true),
    ] {
        let sim = Sim::new(1);
        let config = match method_waits {
            Some(waits) => METHOD.replace("WAITS", &format!("{waits}")),
            None => "{}".to_owned(),
        };
        let channel = builder(&sim, format!("ipv4:{}", address(1)))
            .wait_for_ready(channel_waits)
            .call_timeout(Duration::from_secs(5))
            .default_service_config(config)
            .build()
            .expect("a channel");
        let mut request = request(Full::new(Bytes::new()));
        if let Some(own) = own {
            request.extensions_mut().insert(WaitForReady(own));
        }
        let result = sim.run(call(&channel, request));
        let expected = if waits {
            Code::DeadlineExceeded
        } else {
            Code::Unavailable
        };
        let given = (channel_waits, method_waits, own);
        assert_eq!(
            result.status.code(),
            expected,
            "{given:?}: {}",
            result.status
        );
    }
}

/// Calls over the limit of queued calls fail at once, with the limit; those in the queue succeed once
/// there is a connection, and the queue is empty afterwards.
#[test]
fn more_calls_than_may_be_queued() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .queue_limits(QueueLimits::default().with_calls(3))
        .build()
        .expect("a channel");
    sim.run(async {
        for _ in 0..3 {
            let results = join_all((0..5).map(|_| unary(&channel, b"hello"))).await;
            let mut ok = 0;
            for result in results {
                if result.status.code() == Code::Ok {
                    ok += 1;
                } else {
                    let words = ["may wait", "3,", "queue_limits", "to be resolved"];
                    result.expect(Code::ResourceExhausted, &words);
                }
            }
            assert_eq!(ok, 3);
            channel.enter_idle();
            sim.sleep(Duration::from_secs(1)).await;
        }
        // With a connection, no call is queued.
        unary(&channel, b"hello").await.expect_ok();
        for result in join_all((0..50).map(|_| unary(&channel, b"hello"))).await {
            result.expect_ok();
        }
    });
}

/// The bytes of queued calls are limited together; a call that fits is queued all the same.
#[test]
fn more_bytes_than_may_be_queued() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .queue_limits(QueueLimits::default().with_bytes(10_000))
        .build()
        .expect("a channel");
    let large = || request(Full::new(Bytes::from(vec![1; 6_000])));
    sim.run(async {
        let results = [
            call(&channel, large()).boxed(),
            call(&channel, large()).boxed(),
            call(&channel, request(messages(3, 6_000).0)).boxed(),
            unary(&channel, b"hello").boxed(),
        ];
        let [first, second, third, fourth] =
            <[CallResult; 4]>::try_from(join_all(results).await).expect("four results");
        first.expect_ok();
        second.expect(Code::ResourceExhausted, &["10000 together", "queue_limits"]);
        third.expect(Code::ResourceExhausted, &["10000 together", "queue_limits"]);
        fourth.expect_ok();
    });
}

/// A call that waits for a free stream is queued too, until it is sent. A call that is dropped in the
/// queue leaves its place.
#[test]
fn calls_that_wait_for_a_free_stream_are_queued() {
    let sim = Sim::new(1);
    let mut http2 = Builder::new();
    http2.max_concurrent_streams(2);
    serve(&sim, 1, http2, echo);
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .queue_limits(QueueLimits::default().with_calls(1))
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"connect").await.expect_ok();
        let mut dropped: Vec<_> = (0..3).map(|_| unary(&channel, b"hello").boxed()).collect();
        for call in &mut dropped {
            assert!(call.now_or_never().is_none());
        }
        drop(dropped);
        sim.sleep(Duration::from_secs(1)).await;
        for _ in 0..3 {
            let results = join_all((0..4).map(|_| unary(&channel, b"hello"))).await;
            let codes: Vec<Code> = results.iter().map(|result| result.status.code()).collect();
            let full = Code::ResourceExhausted;
            assert_eq!(codes, [Code::Ok, Code::Ok, Code::Ok, full]);
            let text = results[3].status.message();
            assert!(text.contains("MAX_CONCURRENT_STREAMS"), "{text}");
        }
    });
}
