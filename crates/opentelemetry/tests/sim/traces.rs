//! The spans of calls.
//!
//! Source: [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md).

use std::time::Duration;

use http_body_util::BodyExt;
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, Span, TraceContextExt, Tracer, TracerProvider};
use tower_service::Service;
use trunkline_sim::{CallReply, ConnectFate};
use trunkline_status::Code;

use crate::world::{HEDGING, RETRY, Traced, address, call, call_ok, framed, request};

fn unavailable() -> CallReply {
    CallReply::Status {
        code: 14,
        message: "overloaded".to_owned(),
    }
}

/// A call has a span, and its attempt has one under it, with an event for each message. The times are
/// those of the channel. A call that does not have to wait has no event of a delay.
#[test]
fn unary_calls() {
    let traced = Traced::new();
    traced.backend(1);
    let channel = traced.builder(1).build().expect("a channel");
    traced.sim.run(async {
        call_ok(&channel).await;
        call_ok(&channel).await;
    });
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..4ms Ok
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..4ms Ok {previous-rpc-attempts=0, transparent-retry=false}
            @2ms Delayed LB pick complete
            @2ms Outbound message {sequence-number=0, message-size=5}
            @4ms Inbound message {sequence-number=0, message-size=5}
        Sent.test.Echo.Say Client 4ms..6ms Ok
          Attempt.test.Echo.Say Internal 4ms..6ms Ok {previous-rpc-attempts=0, transparent-retry=false}
            @4ms Outbound message {sequence-number=0, message-size=5}
            @6ms Inbound message {sequence-number=0, message-size=5}
        ",
    );
}

/// A call that a backend fails is sent to another one: its second attempt has a span of its own.
#[test]
fn a_retry_over_two_backends() {
    let traced = Traced::new();
    let backends = [1, 2].map(|host| traced.backend(host));
    let telemetry = traced.telemetry().with_peer_attributes(true);
    let channel = traced.builder_with(2, telemetry);
    let channel = channel.default_service_config(RETRY).build();
    let channel = channel.expect("a channel");
    traced.sim.run(async {
        // Both are connected after it.
        call_ok(&channel).await;
        traced.forget();
        backends[1].push_reply(unavailable());
        call_ok(&channel).await;
    });
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..833.970351ms Ok
          Attempt.test.Echo.Say Internal 0ns..2ms Error(UNAVAILABLE: overloaded) {previous-rpc-attempts=0, transparent-retry=false, network.peer.address=198.51.100.2, network.peer.port=50051}
            @0ns Outbound message {sequence-number=0, message-size=5}
          Attempt.test.Echo.Say Internal 831.970351ms..833.970351ms Ok {previous-rpc-attempts=1, transparent-retry=false, network.peer.address=198.51.100.1, network.peer.port=50051}
            @831.970351ms Outbound message {sequence-number=0, message-size=5}
            @833.970351ms Inbound message {sequence-number=0, message-size=5}
        ",
    );
}

/// A retry that is transparent is not a previous attempt of the next one.
#[test]
fn a_transparent_retry() {
    let traced = Traced::new();
    let refused = CallReply::ResetStream(7);
    traced.backend(1).push_reply(refused);
    let channel = traced.builder(1).build().expect("a channel");
    traced.sim.run(call_ok(&channel));
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..6ms Ok
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..4ms Error(UNAVAILABLE: 198.51.100.1:50051 reset the call: REFUSED_STREAM) {previous-rpc-attempts=0, transparent-retry=false}
            @2ms Delayed LB pick complete
            @2ms Outbound message {sequence-number=0, message-size=5}
          Attempt.test.Echo.Say Internal 4ms..6ms Ok {previous-rpc-attempts=0, transparent-retry=true}
            @4ms Outbound message {sequence-number=0, message-size=5}
            @6ms Inbound message {sequence-number=0, message-size=5}
        ",
    );
}

/// Hedged attempts run side by side. Those that another one makes useless are cancelled.
#[test]
fn hedged_attempts() {
    let traced = Traced::new();
    let backends = [1, 2, 3].map(|host| traced.backend(host));
    let channel = traced.builder(3).default_service_config(HEDGING);
    let channel = channel.build().expect("a channel");
    traced.sim.run(async {
        // All are connected after it.
        call_ok(&channel).await;
        traced.forget();
        backends[2].push_reply(CallReply::Never);
        backends[0].push_reply(unavailable());
        backends[1].push_reply(CallReply::Echo.after(Duration::from_millis(100)));
        call_ok(&channel).await;
    });
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..604ms Ok
          Attempt.test.Echo.Say Internal 0ns..604ms Error(CANCELLED: another attempt of the call decided it) {previous-rpc-attempts=0, transparent-retry=false}
            @0ns Outbound message {sequence-number=0, message-size=5}
          Attempt.test.Echo.Say Internal 500ms..502ms Error(UNAVAILABLE: overloaded) {previous-rpc-attempts=1, transparent-retry=false}
            @500ms Outbound message {sequence-number=0, message-size=5}
          Attempt.test.Echo.Say Internal 502ms..604ms Ok {previous-rpc-attempts=2, transparent-retry=false}
            @502ms Outbound message {sequence-number=0, message-size=5}
            @604ms Inbound message {sequence-number=0, message-size=5}
        ",
    );
}

/// A client stream and a server stream have an event for each message, too.
#[test]
fn streams_in_one_direction() {
    let traced = Traced::new();
    traced.serve(1, |requests| if requests > 1 { 1 } else { 3 });
    let channel = traced.builder(1).build().expect("a channel");
    traced.sim.run(async {
        call_ok(&channel).await;
        let status = call(&channel, &[b"one", b"two", b"three"]).await;
        assert_eq!(status.code(), Code::Ok);
    });
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..4ms Ok
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..4ms Ok {previous-rpc-attempts=0, transparent-retry=false}
            @2ms Delayed LB pick complete
            @2ms Outbound message {sequence-number=0, message-size=5}
            @4ms Inbound message {sequence-number=0, message-size=5}
            @4ms Inbound message {sequence-number=1, message-size=5}
            @4ms Inbound message {sequence-number=2, message-size=5}
        Sent.test.Echo.Say Client 4ms..6ms Ok
          Attempt.test.Echo.Say Internal 4ms..6ms Ok {previous-rpc-attempts=0, transparent-retry=false}
            @4ms Outbound message {sequence-number=0, message-size=3}
            @4ms Outbound message {sequence-number=1, message-size=3}
            @4ms Outbound message {sequence-number=2, message-size=5}
            @6ms Inbound message {sequence-number=0, message-size=5}
        ",
    );
}

/// Each message of a stream in both directions is an event. Sizes are without the prefix of gRPC; messages
/// that are compressed have only their compressed size.
#[test]
fn streams_in_both_directions() {
    let traced = Traced::new();
    traced.backend(1);
    let channel = traced.builder(1).build().expect("a channel");
    traced.sim.run(async {
        call_ok(&channel).await;
        let status = call(&channel, &[b"one", b"", b"three"]).await;
        assert_eq!(status.code(), Code::Ok);
        let compressed = request("/test.Echo/Say", vec![framed(b"zip", true)]);
        let Ok(response) = channel.clone().call(compressed).await;
        let Ok(_) = response.into_body().collect().await;
    });
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..4ms Ok
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..4ms Ok {previous-rpc-attempts=0, transparent-retry=false}
            @2ms Delayed LB pick complete
            @2ms Outbound message {sequence-number=0, message-size=5}
            @4ms Inbound message {sequence-number=0, message-size=5}
        Sent.test.Echo.Say Client 4ms..6ms Ok
          Attempt.test.Echo.Say Internal 4ms..6ms Ok {previous-rpc-attempts=0, transparent-retry=false}
            @4ms Outbound message {sequence-number=0, message-size=3}
            @4ms Outbound message {sequence-number=1, message-size=0}
            @4ms Outbound message {sequence-number=2, message-size=5}
            @6ms Inbound message {sequence-number=0, message-size=3}
            @6ms Inbound message {sequence-number=1, message-size=0}
            @6ms Inbound message {sequence-number=2, message-size=5}
        Sent.test.Echo.Say Client 6ms..8ms Ok
          Attempt.test.Echo.Say Internal 6ms..8ms Ok {previous-rpc-attempts=0, transparent-retry=false}
            @6ms Outbound message {sequence-number=0, message-size-compressed=3}
            @8ms Inbound compressed message {sequence-number=0, message-size-compressed=3}
        ",
    );
}

/// A call that the application drops ends as cancelled, and so does its attempt.
#[test]
fn a_dropped_call() {
    let traced = Traced::new();
    traced.backend(1).push_reply(CallReply::Never);
    let channel = traced.builder(1).build().expect("a channel");
    let runtime = traced.sim.runtime();
    traced.sim.run(async {
        let call = call_ok(&channel);
        let limit = runtime.sleep_until(runtime.now() + Duration::from_millis(250));
        futures_util::future::select(std::pin::pin!(call), limit).await;
    });
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..250ms Error(CANCELLED: the call was dropped before its end)
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..250ms Error(CANCELLED: the call was dropped before its end) {previous-rpc-attempts=0, transparent-retry=false}
            @2ms Delayed LB pick complete
            @2ms Outbound message {sequence-number=0, message-size=5}
        ",
    );
}

/// A call whose response is dropped ends as cancelled, too.
#[test]
fn a_dropped_response() {
    let traced = Traced::new();
    traced.backend(1);
    let channel = traced.builder(1).build().expect("a channel");
    traced.sim.run(async {
        let request = request("/test.Echo/Say", vec![framed(b"hello", false)]);
        let Ok(response) = channel.clone().call(request).await;
        drop(response);
    });
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..4ms Error(CANCELLED: the call was dropped before its end)
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..4ms Error(CANCELLED: the call was dropped before its end) {previous-rpc-attempts=0, transparent-retry=false}
            @2ms Delayed LB pick complete
            @2ms Outbound message {sequence-number=0, message-size=5}
        ",
    );
}

/// A call whose deadline passes ends with that, also while its attempt waits for a connection.
#[test]
fn a_deadline() {
    let traced = Traced::new();
    traced.sim.net().set_fate(address(1), ConnectFate::Silent);
    let channel = traced.builder(1).build().expect("a channel");
    traced.sim.run(async {
        let mut request = request("/test.Echo/Say", vec![framed(b"hello", false)]);
        let timeout = http::HeaderValue::from_static("1500m");
        request.headers_mut().insert("grpc-timeout", timeout);
        let Ok(response) = channel.clone().call(request).await;
        let Ok(_) = response.into_body().collect().await;
    });
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..1.5s Error(DEADLINE_EXCEEDED: deadline of 1.5s exceeded while waiting for a connection: 198.51.100.1:50051: connecting)
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..1.5s Error(DEADLINE_EXCEEDED: deadline of 1.5s exceeded while waiting for a connection: 198.51.100.1:50051: connecting) {previous-rpc-attempts=0, transparent-retry=false}
        ",
    );
}

/// Messages are no events where the application turns that off.
#[test]
fn without_message_events() {
    let traced = Traced::new();
    traced.backend(1);
    let telemetry = traced.telemetry().with_message_events(false);
    let channel = traced.builder_with(1, telemetry).build();
    traced.sim.run(call_ok(&channel.expect("a channel")));
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..4ms Ok
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..4ms Ok {previous-rpc-attempts=0, transparent-retry=false}
            @2ms Delayed LB pick complete
        ",
    );
}

/// A call that no backend can be connected to ends with the channel's own status.
#[test]
fn no_backend() {
    let traced = Traced::new();
    let channel = traced.builder(1).build().expect("a channel");
    traced.sim.run(async {
        let status = call(&channel, &[b"hello"]).await;
        assert_eq!(status.code(), Code::Unavailable);
    });
    traced.expect(
        "
        Sent.test.Echo.Say Client 0ns..2ms Error(UNAVAILABLE: failed to connect to all addresses; last error: 198.51.100.1:50051: connection refused)
          @0ns Delayed name resolution complete
          Attempt.test.Echo.Say Internal 0ns..2ms Error(UNAVAILABLE: failed to connect to all addresses; last error: 198.51.100.1:50051: connection refused) {previous-rpc-attempts=0, transparent-retry=false}
        ",
    );
}

/// A call is a child of the span that is current when it starts.
#[test]
fn the_parent_of_a_call() {
    let traced = Traced::new();
    traced.backend(1);
    let channel = traced.builder(1).build().expect("a channel");
    let mut checkout = traced.provider.tracer("shop").build(
        opentelemetry::trace::SpanBuilder::from_name("checkout")
            .with_start_time(traced.sim.runtime().system_time()),
    );
    let parent = checkout.span_context().clone();
    let cx = Context::new().with_remote_span_context(parent);
    traced.sim.run(call_ok(&channel).with_context(cx));
    checkout.end_with_timestamp(traced.sim.runtime().system_time());
    traced.expect(
        "
        checkout Internal 0ns..4ms Unset
          Sent.test.Echo.Say Client 0ns..4ms Ok
            @0ns Delayed name resolution complete
            Attempt.test.Echo.Say Internal 0ns..4ms Ok {previous-rpc-attempts=0, transparent-retry=false}
              @2ms Delayed LB pick complete
              @2ms Outbound message {sequence-number=0, message-size=5}
              @4ms Inbound message {sequence-number=0, message-size=5}
        ",
    );
}
