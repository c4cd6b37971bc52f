//! Traced channels on a simulation, and their calls.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::SystemTime;
use std::vec::IntoIter;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tower_service::Service;
use trunkline_channel::{Channel, ChannelBuilder};
use trunkline_opentelemetry::OpenTelemetry;
use trunkline_runtime::{BoxFuture, Lock};
use trunkline_sim::{Backend, IncomingBody, Sim};
use trunkline_status::{Code, Status};

use crate::printed::{expect_lines, print};

/// round_robin, and up to 4 attempts, the second after at most 1 s.
pub(crate) const RETRY: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [{"name": [{}],
    "retryPolicy": {"maxAttempts": 4, "initialBackoff": "1s", "maxBackoff": "10s",
    "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}"#;

/// round_robin, and up to 3 attempts, one every 500 ms.
pub(crate) const HEDGING: &str = r#"{"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [{"name": [{}],
    "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.5s",
    "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}"#;

/// A simulation with the spans that were exported.
pub(crate) struct Traced {
    pub(crate) sim: Sim,
    pub(crate) provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
    start: Lock<SystemTime>,
}

impl Traced {
    /// Returns a simulation in which every call is sampled whose parent does not forbid it.
    pub(crate) fn new() -> Self {
        let sim = Sim::new(1);
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .build();
        let start = sim.runtime().system_time();
        Self {
            sim,
            provider,
            exporter,
            start: Lock::new(start),
        }
    }

    /// Returns the telemetry that traces with the provider.
    pub(crate) fn telemetry(&self) -> OpenTelemetry {
        OpenTelemetry::new().with_tracer_provider(&self.provider)
    }

    /// Starts a backend that echoes.
    pub(crate) fn backend(&self, host: u8) -> Backend {
        self.sim.backend(address(host))
    }

    /// Starts a backend that answers a number of requests with `replies` messages.
    pub(crate) fn serve(&self, host: u8, replies: fn(usize) -> usize) -> Backend {
        self.sim.serve(address(host), Replies(replies))
    }

    /// Returns the builder of a traced channel to the hosts from 1 to `hosts`.
    pub(crate) fn builder(&self, hosts: u8) -> ChannelBuilder {
        self.builder_with(hosts, self.telemetry())
    }

    /// Returns the builder of a channel with this telemetry.
    pub(crate) fn builder_with(&self, hosts: u8, telemetry: OpenTelemetry) -> ChannelBuilder {
        let hosts: Vec<String> = (1..=hosts).map(|host| address(host).to_string()).collect();
        Channel::builder(format!("ipv4:{}", hosts.join(",")))
            .plaintext()
            .runtime(self.sim.runtime())
            .telemetry(telemetry)
    }

    /// Returns the spans that ended and have this name, in the order of their ends.
    pub(crate) fn spans(&self, name: &str) -> Vec<SpanData> {
        let spans = self.exporter.get_finished_spans().expect("spans");
        let named = spans.into_iter().filter(|span| span.name == name);
        named.collect()
    }

    /// Forgets the spans that ended. Times count from now.
    pub(crate) fn forget(&self) {
        self.exporter.reset();
        *self.start.lock() = self.sim.runtime().system_time();
    }

    /// Checks the spans that ended, whole, as a tree of lines.
    #[track_caller]
    pub(crate) fn expect(&self, expected: &str) {
        let spans = self.exporter.get_finished_spans().expect("spans");
        let printed = print(&spans, *self.start.lock());
        expect_lines(&printed, expected);
    }
}

impl fmt::Debug for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced").finish_non_exhaustive()
    }
}

type Frames = Result<Frame<Bytes>, Infallible>;

/// A service that answers a number of requests with a number of replies.
#[derive(Clone, Copy, Debug)]
struct Replies(fn(usize) -> usize);

impl Service<Request<IncomingBody>> for Replies {
    type Response = Response<StreamBody<stream::Iter<IntoIter<Frames>>>>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = BoxFuture<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<IncomingBody>) -> Self::Future {
        let replies = self.0;
        Box::pin(async move {
            let received = request.into_body().collect().await?.to_bytes();
            let mut frames = Vec::new();
            frames.resize_with(replies(messages(&received)), || {
                Ok(Frame::data(framed(b"reply", false)))
            });
            let trailers = Status::new(Code::Ok, "").to_trailers();
            frames.push(Ok(Frame::trailers(trailers)));
            let response = Response::builder().header("content-type", "application/grpc");
            Ok(response.body(StreamBody::new(stream::iter(frames)))?)
        })
    }
}

/// Returns the number of messages in a body.
fn messages(mut body: &[u8]) -> usize {
    let mut messages = 0;
    while let Some((&[_, a, b, c, d], rest)) = body.split_first_chunk() {
        body = &rest[u32::from_be_bytes([a, b, c, d]) as usize..];
        messages += 1;
    }
    messages
}

/// Returns the address of the host with this number.
pub(crate) fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, host], 50051))
}

/// Returns a message with its gRPC prefix.
pub(crate) fn framed(message: &[u8], is_compressed: bool) -> Bytes {
    let mut framed = vec![u8::from(is_compressed)];
    let length = u32::try_from(message.len()).expect("a short message");
    framed.extend(length.to_be_bytes());
    framed.extend(message);
    framed.into()
}

/// Returns a request with these frames.
pub(crate) fn request(
    path: &'static str,
    frames: Vec<Bytes>,
) -> Request<impl http_body::Body<Data = Bytes, Error = Infallible> + Send + Unpin> {
    let frames = frames.into_iter().map(|data| Ok(Frame::data(data)));
    Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())))
        .expect("a valid request")
}

/// Makes a call with these messages, and returns its status.
pub(crate) async fn call(channel: &Channel, messages: &[&[u8]]) -> Status {
    let frames = messages.iter().map(|message| framed(message, false));
    let request = request("/test.Echo/Say", frames.collect());
    let Ok(response) = channel.clone().call(request).await;
    let (head, body) = response.into_parts();
    let Ok(body) = body.collect().await;
    let status = |headers: &HeaderMap| Status::from_trailers(headers);
    let trailers = body.trailers().and_then(status);
    trailers
        .or_else(|| status(&head.headers))
        .expect("a status")
}

/// Makes a unary call that succeeds.
pub(crate) async fn call_ok(channel: &Channel) {
    let status = call(channel, &[b"hello"]).await;
    assert_eq!(status.code(), Code::Ok, "{status}");
}
