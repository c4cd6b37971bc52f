//! The context of a trace at a grpc-go and a tonic server: both return the parent that they have read, and it is
//! the span of the attempt that reached them. It is no part of gRPC's suite, but uses its servers.
//!
//! The grpc-go server reads it by grpc-go's OpenTelemetry plugin, the tonic server by the propagators of the SDK and
//! ours.

use http::HeaderValue;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::{
    FutureExt, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tonic::Request;
use trunkline_opentelemetry::OpenTelemetry;
use trunkline_opentelemetry::propagation::GrpcTraceBinPropagator;

use super::certificates::Certificates;
use super::foreign::{GRPC_GO, command, start_grpc_go};
use super::proto::SimpleRequest;
use super::stub::{Place, Stub};
use super::tonic_server::TonicServer;
use super::trace_parent::{PARENT, Propagators, both, shown};
use super::watched::Seen;
use crate::clients::NamedRuntime;
use crate::wrong::Wrong;

/// The trace of the caller.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A way to send a context, with its name.
type Way = (&'static str, fn() -> Propagators);

const WAYS: [Way; 3] = [
    ("traceparent", || {
        vec![Box::new(TraceContextPropagator::new())]
    }),
    ("grpc-trace-bin", || {
        vec![Box::new(GrpcTraceBinPropagator::new())]
    }),
    ("both", both),
];

/// Makes calls on all runtimes, in all ways, and prints what arrived.
///
/// # Errors
///
/// When a server has another parent than the span of the attempt.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let certificates = Certificates::make()?;
    let tonic = TonicServer::start(&certificates)?;
    let go = match command(GRPC_GO)? {
        Ok(command) => Some(start_grpc_go(
            &command,
            &certificates,
            &["-traces".to_owned()],
        )?),
        Err(why) => {
            println!("skipped: the traces of a grpc-go server: {why}");
            None
        }
    };
    let mut servers = vec![("tonic", tonic.addresses)];
    servers.extend(go.iter().map(|server| (GRPC_GO, server.addresses)));
    for (server, addresses) in servers {
        let place = Place::plaintext(addresses.plaintext);
        for (way, propagators) in WAYS {
            for on in runtimes {
                let (place, runtime) = (place.clone(), on.clone());
                let checked = on.wait(async move {
                    sampled(&place, &runtime, propagators()).await?;
                    not_sampled(&place, &runtime, propagators()).await
                })?;
                checked.map_err(|wrong| format!("{way} at {server} on {}: {wrong}", on.name))?;
            }
            let on: Vec<_> = runtimes.iter().map(|on| on.name).collect();
            println!("{way} arrived at {server} on {}", on.join(", "));
        }
    }
    Ok(())
}

/// Makes a call that is sampled. Its attempt is the parent at the server.
async fn sampled(place: &Place, on: &NamedRuntime, propagators: Propagators) -> Result<(), Wrong> {
    let (parent, spans) = call(place, on, propagators, TraceFlags::SAMPLED).await?;
    let is_attempt = |name: &str| name.starts_with("Attempt.");
    let attempt = spans.iter().find(|span| is_attempt(&span.name));
    let attempt = attempt.ok_or("no span of an attempt")?;
    let expected = shown(&attempt.span_context);
    if attempt.span_context.trace_id().to_string() != TRACE {
        return Err(format!("the attempt is in another trace: {expected}").into());
    }
    if parent.as_deref() != Some(&expected) {
        return Err(format!("the server has the parent {parent:?}, not {expected}").into());
    }
    Ok(())
}

/// Makes a call that is not sampled. The server has the same trace, and does not sample it either.
async fn not_sampled(
    place: &Place,
    on: &NamedRuntime,
    propagators: Propagators,
) -> Result<(), Wrong> {
    let (parent, spans) = call(place, on, propagators, TraceFlags::NOT_SAMPLED).await?;
    // grpc-go has no span then, and so returns no parent of one.
    let is_right = |parent: String| parent.starts_with(TRACE) && parent.ends_with("-00");
    if !spans.is_empty() || !parent.clone().is_none_or(is_right) {
        return Err(format!("{} spans, and the parent {parent:?}", spans.len()).into());
    }
    Ok(())
}

/// Makes a call in the trace of a caller. Returns the parent that the server has read, and the spans.
async fn call(
    place: &Place,
    on: &NamedRuntime,
    propagators: Propagators,
    flags: TraceFlags,
) -> Result<(Option<String>, Vec<SpanData>), Wrong> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let telemetry = OpenTelemetry::new()
        .with_tracer_provider(&provider)
        .with_propagator(TextMapCompositePropagator::new(propagators));
    let stub = Stub::new_with(place, on, |builder| builder.telemetry(telemetry))?;
    let seen = Seen::default();
    let mut request = Request::new(SimpleRequest::default());
    request.extensions_mut().insert(seen.clone());
    let caller = SpanContext::new(
        TraceId::from_hex(TRACE)?,
        SpanId::from_bytes([7; 8]),
        flags,
        true,
        TraceState::NONE,
    );
    let cx = Context::new().with_remote_span_context(caller);
    let mut tests = stub.tests();
    let reply = tests.unary_call(request).with_context(cx).await;
    reply.map_err(|status| format!("{:?}: {}", status.code(), status.message()))?;
    let headers = seen.headers();
    let parent = headers.get(PARENT).map(HeaderValue::to_str).transpose()?;
    // The exporter forgets them when the last handle of its provider is dropped.
    let spans = exporter.get_finished_spans()?;
    Ok((parent.map(str::to_owned), spans))
}
