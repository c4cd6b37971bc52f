//! What is sent of calls that are traced, and of those that are not.
//!
//! Source: [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md),
//! and [W3C Trace Context](https://www.w3.org/TR/trace-context/).

use opentelemetry::Context;
use opentelemetry::KeyValue;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::{
    FutureExt, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use trunkline_opentelemetry::OpenTelemetry;
use trunkline_opentelemetry::propagation::GrpcTraceBinPropagator;
use trunkline_sim::{Backend, CallReply};

use crate::world::{RETRY, Traced, call_ok};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// Returns the context of a caller, sampled or not.
fn caller(is_sampled: bool) -> Context {
    Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from_hex(TRACE).expect("a trace id"),
        SpanId::from_hex(SPAN).expect("a span id"),
        TraceFlags::NOT_SAMPLED.with_sampled(is_sampled),
        true,
        TraceState::NONE,
    ))
}

fn both() -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(GrpcTraceBinPropagator::new()),
    ])
}

/// Returns the values of a header in the calls that a backend received.
fn received(backend: &Backend, name: &str) -> Vec<Option<String>> {
    let calls = backend.received();
    let value = |headers: &http::HeaderMap| {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        assert!(values.len() < 2, "{name} twice");
        Some(values.first()?.to_str().expect("text").to_owned())
    };
    calls.iter().map(|call| value(&call.headers)).collect()
}

/// Each attempt sends the context of its own span, in all forms of the propagator.
#[test]
fn each_attempt_sends_its_span() {
    let traced = Traced::new();
    let backend = traced.backend(1);
    backend.push_reply(CallReply::Status {
        code: 14,
        message: String::new(),
    });
    let telemetry = traced.telemetry().with_propagator(both());
    let channel = traced.builder_with(1, telemetry);
    let channel = channel.default_service_config(RETRY).build();
    let channel = channel.expect("a channel");
    traced.sim.run(call_ok(&channel).with_context(caller(true)));
    let attempts = traced.spans("Attempt.test.Echo.Say");
    let expected: Vec<_> = attempts
        .iter()
        .map(|span| Some(format!("00-{TRACE}-{}-01", span.span_context.span_id())))
        .collect();
    assert_eq!(expected.len(), 2);
    assert_eq!(received(&backend, "traceparent"), expected);
    let binary = received(&backend, "grpc-trace-bin");
    let lengths: Vec<_> = binary.iter().flatten().map(String::len).collect();
    assert_eq!(lengths, [39, 39]);
    assert_ne!(binary[0], binary[1]);
}

/// A call that its parent does not sample has no spans. Its context is sent all the same, so that the
/// backend does not sample it either.
#[test]
fn calls_that_are_not_sampled() {
    let traced = Traced::new();
    let backend = traced.backend(1);
    let telemetry = traced.telemetry().with_propagator(both());
    let channel = traced.builder_with(1, telemetry).build();
    let channel = channel.expect("a channel");
    traced
        .sim
        .run(call_ok(&channel).with_context(caller(false)));
    traced.expect("");
    let values = received(&backend, "traceparent");
    let [Some(value)] = &values[..] else {
        panic!("{values:?}")
    };
    let prefix = format!("00-{TRACE}-");
    assert!(
        value.starts_with(&prefix) && value.ends_with("-00"),
        "{value}"
    );
}

/// A call that is not sampled costs little: its trace keeps the context, and nothing for attempts and
/// messages.
#[test]
fn the_cost_of_a_call_that_is_not_sampled() {
    let allocations = |telemetry: Option<OpenTelemetry>| {
        let traced = Traced::new();
        traced.backend(1);
        let telemetry = telemetry.unwrap_or_default();
        let channel = traced.builder_with(1, telemetry).build();
        let channel = channel.expect("a channel");
        traced.sim.run(call_ok(&channel));
        let call = call_ok(&channel).with_context(caller(false));
        allocation_counter::measure(|| traced.sim.run(call)).count_total
    };
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::default();
    let traces = OpenTelemetry::new().with_tracer_provider(&provider);
    let without = allocations(None);
    let unsent = allocations(Some(traces.clone())) - without;
    let sent = allocations(Some(traces.with_propagator(TraceContextPropagator::new()))) - without;
    assert!(unsent <= 2 && sent <= 20, "{unsent} and {sent} allocations");
}

/// Without a tracer, the context of the caller is sent as it is, and its baggage where a propagator
/// sends that.
#[test]
fn propagation_without_spans() {
    let traced = Traced::new();
    let backend = traced.backend(1);
    let propagator = TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]);
    let telemetry = OpenTelemetry::new().with_propagator(propagator);
    let channel = traced.builder_with(1, telemetry).build();
    let channel = channel.expect("a channel");
    let cx = caller(true).with_baggage([KeyValue::new("tenant", "a")]);
    traced.sim.run(async {
        call_ok(&channel).with_context(cx).await;
        call_ok(&channel).await;
    });
    traced.expect("");
    let parent = Some(format!("00-{TRACE}-{SPAN}-01"));
    assert_eq!(received(&backend, "traceparent"), [parent, None]);
    assert_eq!(
        received(&backend, "baggage"),
        [Some("tenant=a".to_owned()), None]
    );
}

/// The calls of an exporter are neither traced nor do they send a context: a trace of them would make
/// more of them.
#[test]
fn calls_of_an_exporter() {
    let traced = Traced::new();
    let backend = traced.backend(1);
    let telemetry = traced.telemetry().with_propagator(both());
    let channel = traced.builder_with(1, telemetry).build();
    let channel = channel.expect("a channel");
    let cx = caller(true).with_telemetry_suppressed();
    traced.sim.run(call_ok(&channel).with_context(cx));
    traced.expect("");
    assert_eq!(received(&backend, "traceparent"), [None]);
}
