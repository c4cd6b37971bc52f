//! A call that is retried, with its trace and its metrics on standard output.
//!
//! The backend is simulated, so the example needs no server. It answers UNAVAILABLE once. In a program of your own, leave out `.runtime(..)`, and replace the exporters by those of
//! your collector, such as the ones of `opentelemetry-otlp`.
//!
//! ```sh
//! cargo run -p trunkline-opentelemetry --example opentelemetry
//! ```

use std::error::Error;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use opentelemetry_stdout::{MetricExporter, SpanExporter};
use tower_service::Service;
use trunkline_channel::Channel;
use trunkline_opentelemetry::OpenTelemetry;
use trunkline_sim::{CallReply, Sim};
use trunkline_telemetry::{MetricsOptions, instruments};

const CONFIG: &str = r#"{
    "methodConfig": [{
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 3,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"]
        }
    }]
}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let sim = Sim::new(1);
    let address: SocketAddr = "198.51.100.1:50051".parse()?;
    let overloaded = CallReply::Status {
        code: 14,
        message: "overloaded".to_owned(),
    };
    let backend = sim.backend(address);
    backend.push_reply(overloaded);

    // What every program with OpenTelemetry has.
    let resource = Resource::builder()
        .with_attribute(KeyValue::new("service.name", "shop"))
        .build();
    let tracers = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_simple_exporter(SpanExporter::default())
        .build();
    let meters = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_periodic_exporter(MetricExporter::default())
        .build();

    // What Trunkline needs of it.
    let options = MetricsOptions::default().with_instrument(&instruments::CALL_RETRIES);
    let telemetry = OpenTelemetry::new()
        .with_tracer_provider(&tracers)
        .with_propagator(TraceContextPropagator::new())
        .with_meter_provider(&meters)
        .with_metrics_options(options);
    let mut channel = Channel::builder("ipv4:198.51.100.1:50051")
        .plaintext()
        .default_service_config(CONFIG)
        .runtime(sim.runtime())
        .telemetry(telemetry)
        .build()?;

    // A stub of tonic makes such a request.
    let hello = Full::new(Bytes::from_static(b"\0\0\0\0\x05hello"));
    let request = http::Request::post("/orders.Orders/Get")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(hello)?;
    sim.run(async {
        let Ok(response) = channel.call(request).await;
        let Ok(_) = response.into_body().collect().await;
    });
    for attempt in backend.received() {
        let traceparent = attempt.headers.get("traceparent");
        println!("The backend received traceparent: {traceparent:?}");
    }

    // Exports what is left. The spans were exported when they ended.
    meters.shutdown()?;
    tracers.shutdown()?;
    Ok(())
}
