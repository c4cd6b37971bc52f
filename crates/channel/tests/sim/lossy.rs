//! A backend that fails three calls of ten, under a retry policy.
//!
//! Source: [gRFC A6](https://github.com/grpc/proposal/blob/master/A6-client-retries.md).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use h2::server::Builder;
use http::HeaderValue;
use http_body_util::Full;
use trunkline_backoff::Rng;
use trunkline_channel::Channel;
use trunkline_runtime::Lock;
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

use crate::retries::RETRY;
use crate::world::{
    ServerCall, address, builder, call, ok_trailers, request, response_head, serve,
};

/// The share of attempts that fail.
const LOSS: f64 = 0.3;

/// The attempts that a policy allows.
const ATTEMPTS: usize = 4;

/// The attempts of each call in their order: true for one that succeeded.
type Attempts = Arc<Lock<BTreeMap<u64, Vec<bool>>>>;

/// Starts a server that fails calls at random with UNAVAILABLE.
fn lossy(sim: &Sim, seed: u64) -> Attempts {
    let attempts = Attempts::default();
    let rng = Arc::new(Lock::new(Rng::from_seed(seed)));
    let log = Arc::clone(&attempts);
    serve(sim, 1, Builder::new(), move |incoming: ServerCall| {
        let number = incoming.head.headers["x-call"].to_str().expect("ASCII");
        let is_ok = rng.lock().fraction() >= LOSS;
        let number = number.parse().expect("a number");
        log.lock().entry(number).or_default().push(is_ok);
        answer(incoming, is_ok)
    });
    attempts
}

async fn answer(mut incoming: ServerCall, is_ok: bool) {
    let mut head = response_head();
    if is_ok {
        if let Ok(mut send) = incoming.respond.send_response(head, false) {
            let _ = send.send_data(Bytes::from_static(b"\0\0\0\0\0"), false);
            let _ = send.send_trailers(ok_trailers());
        }
    } else {
        Status::unavailable("at random").add_to_trailers(head.headers_mut());
        let _ = incoming.respond.send_response(head, true);
    }
}

fn channel(sim: &Sim, config: &str) -> Channel {
    let channel = builder(sim, format!("ipv4:{}", address(1))).default_service_config(config);
    channel.build().expect("a channel")
}

async fn numbered(channel: &Channel, number: u64) -> Code {
    let mut request = request(Full::new(Bytes::from_static(b"\0\0\0\0\0")));
    let headers = request.headers_mut();
    headers.insert("x-call", HeaderValue::from(number));
    call(channel, request).await.status.code()
}

/// A call is lost only when all the attempts that the policy allows have failed, and no attempt
/// follows a success. With 4 attempts that is 0.81 % of the calls.
#[test]
fn only_calls_without_a_successful_attempt_are_lost() {
    let (mut calls, mut lost) = (0, 0);
    for seed in 0..40 {
        let sim = Sim::new(seed);
        let attempts = lossy(&sim, seed);
        let channel = channel(&sim, RETRY);
        let codes = sim.run(join_all((0..100).map(|number| numbered(&channel, number))));
        let attempts = attempts.lock();
        assert_eq!(attempts.len(), codes.len());
        for (code, made) in codes.iter().zip(attempts.values()) {
            let (last, before) = made.split_last().expect("an attempt");
            assert!(before.iter().all(|is_ok| !is_ok), "{made:?}");
            if *last {
                assert_eq!(*code, Code::Ok);
            } else {
                assert_eq!((*code, made.len()), (Code::Unavailable, ATTEMPTS));
                lost += 1;
            }
            calls += 1;
        }
    }
    let expected = f64::from(calls) * LOSS.powi(4);
    let ratio = f64::from(lost) / expected;
    assert!((0.5..=1.5).contains(&ratio), "{lost} of {calls} lost");
}

/// With a throttle whose bucket such a backend empties, most failures are not retried: the backend
/// gets hardly more than one attempt a call. Each call makes exactly the attempts that the bucket
/// allows.
#[test]
fn a_throttle_bounds_the_load() {
    let throttling = r#"{"retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}, "#;
    let config = RETRY.replacen('{', throttling, 1);
    let (mut calls, mut sent, mut throttled) = (0_u32, 0_u32, 0_u32);
    for seed in 0..20 {
        let sim = Sim::new(seed);
        let attempts = lossy(&sim, seed);
        let channel = channel(&sim, &config);
        let codes = sim.run(async {
            let mut codes = Vec::new();
            for number in 0..100 {
                codes.push(numbered(&channel, number).await);
            }
            codes
        });
        // In tenths of a token.
        let mut tokens = 100_i32;
        for (code, made) in codes.iter().zip(attempts.lock().values()) {
            for (index, is_ok) in made.iter().enumerate() {
                tokens = if *is_ok { tokens + 1 } else { tokens - 10 }.clamp(0, 100);
                let is_retried = !is_ok && tokens > 50 && index + 1 < ATTEMPTS;
                assert_eq!(made.len() > index + 1, is_retried, "{made:?}, {tokens}");
                throttled += u32::from(!is_ok && tokens <= 50);
                sent += 1;
            }
            let expected = if made.ends_with(&[true]) {
                Code::Ok
            } else {
                Code::Unavailable
            };
            assert_eq!(*code, expected);
            calls += 1;
        }
    }
    let load = f64::from(sent) / f64::from(calls);
    assert!(load < 1.12, "{load} attempts a call");
    assert!(
        throttled > 400,
        "{throttled} of {calls} failures not retried"
    );
}
