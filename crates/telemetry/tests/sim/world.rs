//! Channels whose measurements are kept, and their calls.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use tower_service::Service;
use trunkline_channel::{Channel, ChannelBuilder};
use trunkline_sim::{Backend, CallReply, Sim};
use trunkline_status::{Code, Status};
use trunkline_telemetry::testing::RecordingSink;
use trunkline_telemetry::{Instrument, Metrics, MetricsOptions};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MS: Duration = Duration::from_millis(1);

/// The path of most calls.
pub(crate) const GET: &str = "/orders.Orders/Get";

/// Returns the address of the host with this number.
pub(crate) fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, host], 50051))
}

/// Starts a backend that echoes.
pub(crate) fn backend(sim: &Sim, host: u8) -> Backend {
    sim.backend(address(host))
}

/// Returns the label of a channel to the hosts from 1 to `hosts`.
pub(crate) fn target(hosts: u8) -> String {
    let hosts: Vec<String> = (1..=hosts).map(|host| address(host).to_string()).collect();
    format!("ipv4:///{}", hosts.join(","))
}

/// Returns the builder of a channel to the hosts from 1 to `hosts`.
pub(crate) fn builder(sim: &Sim, hosts: u8) -> ChannelBuilder {
    let channel = Channel::builder(target(hosts)).plaintext();
    channel.runtime(sim.runtime())
}

/// Returns the options that record these instruments and no others.
pub(crate) fn only(instruments: &[&'static Instrument]) -> MetricsOptions {
    let mut options = MetricsOptions::default();
    options.instruments = instruments.to_vec();
    options
}

/// Returns a channel to host 1, and the sink of its default metrics.
pub(crate) fn measured(sim: &Sim) -> (Channel, RecordingSink) {
    measured_with(builder(sim, 1), MetricsOptions::default())
}

/// Returns the channel of a builder, and the sink of its metrics.
pub(crate) fn measured_with(
    channel: ChannelBuilder,
    options: MetricsOptions,
) -> (Channel, RecordingSink) {
    let sink = RecordingSink::new();
    let metrics = Metrics::new(sink.clone()).with_options(options);
    let channel = channel.telemetry(metrics).build();
    (channel.expect("a valid target"), sink)
}

/// Makes a unary call with one message, and reads the response to its end.
pub(crate) async fn call(channel: &Channel, path: &str, message: &[u8]) -> Code {
    call_within(channel, path, message, None).await
}

/// Makes a unary call with a `grpc-timeout`.
pub(crate) async fn call_within(
    channel: &Channel,
    path: &str,
    message: &[u8],
    timeout: Option<&'static str>,
) -> Code {
    let mut request = request(path, message);
    if let Some(timeout) = timeout {
        let timeout = HeaderValue::from_static(timeout);
        request.headers_mut().insert("grpc-timeout", timeout);
    }
    send(channel, request).await
}

/// Returns the request of a unary call with one message.
pub(crate) fn request(path: &str, message: &[u8]) -> Request<Full<Bytes>> {
    let mut data = vec![0];
    data.extend(u32::try_from(message.len()).expect("small").to_be_bytes());
    data.extend(message);
    let request = Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from(data)));
    request.expect("a valid request")
}

/// Makes a call, and reads the response to its end.
pub(crate) async fn send(channel: &Channel, request: Request<Full<Bytes>>) -> Code {
    let Ok(response) = channel.clone().call(request).await;
    let (head, body) = response.into_parts();
    let Ok(body) = body.collect().await;
    let status = body.trailers().and_then(Status::from_trailers);
    let status = status.or_else(|| Status::from_trailers(&head.headers));
    status.expect("every call ends with a status").code()
}

/// Returns the reply with this code and no message.
pub(crate) fn failing(code: Code) -> CallReply {
    CallReply::Status {
        code: code.number().into(),
        message: "as scripted".to_owned(),
    }
}
