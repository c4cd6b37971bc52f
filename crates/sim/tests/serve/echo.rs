//! The echo service, its client, and the channel between them.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Response, Status, Streaming};
use trunkline::{Channel, Runtime};
use trunkline_sim::{Backend, Sim};
use trunkline_testkit::proto::echo::Message;
use trunkline_testkit::proto::echo::echo_client::EchoClient;
use trunkline_testkit::proto::echo::echo_server::{Echo, EchoServer};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// The text of messages that the service answers with [`failure`].
pub(crate) const FAIL: &str = "fail";
/// The text of messages that the service answers after an hour.
pub(crate) const WAIT: &str = "wait";

/// Returns messages as they come.
#[derive(Clone)]
pub(crate) struct EchoService {
    runtime: Arc<dyn Runtime>,
    /// How many calls with [`WAIT`] are in progress.
    pub(crate) waiting: Arc<AtomicUsize>,
    /// How many messages `ServerStreaming` has made.
    pub(crate) made: Arc<AtomicUsize>,
}

impl EchoService {
    pub(crate) fn new(sim: &Sim) -> Self {
        Self {
            runtime: sim.runtime(),
            waiting: Arc::default(),
            made: Arc::default(),
        }
    }

    async fn echo(&self, message: Message) -> Result<Message, Status> {
        if message.text == FAIL {
            return Err(failure());
        }
        if message.text == WAIT {
            let _one = Counted::new(&self.waiting);
            let end = self.runtime.now() + 3600 * SECOND;
            self.runtime.sleep_until(end).await;
        }
        Ok(message)
    }
}

/// Counts itself until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Returns a status with a message that is not ASCII, details and metadata.
pub(crate) fn failure() -> Status {
    let details = b"why"[..].into();
    let mut failure = Status::with_details(Code::DataLoss, "lost at 100% \u{e9}", details);
    let metadata = failure.metadata_mut();
    metadata.insert("shelf", MetadataValue::from_static("7"));
    failure
}

/// Checks that a status is [`failure`].
#[track_caller]
pub(crate) fn assert_failure(status: &Status) {
    let expected = failure();
    assert_eq!(status.code(), expected.code(), "{status}");
    assert_eq!(status.message(), expected.message());
    assert_eq!(status.details(), expected.details());
    assert_eq!(
        status.metadata().get("shelf"),
        expected.metadata().get("shelf")
    );
}

type Messages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

#[tonic::async_trait]
impl Echo for EchoService {
    async fn unary(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        let metadata = request.metadata().clone();
        let mut response = Response::new(self.echo(request.into_inner()).await?);
        if let Some(tenant) = metadata.get("tenant") {
            response.metadata_mut().insert("tenant", tenant.clone());
        }
        Ok(response)
    }

    type ServerStreamingStream = Messages;

    async fn server_streaming(
        &self,
        request: Request<Message>,
    ) -> Result<Response<Messages>, Status> {
        let message = request.into_inner();
        let (service, copies) = (self.clone(), message.copies as usize);
        let messages = stream::iter(0..copies).then(move |_| {
            let (service, message) = (service.clone(), message.clone());
            async move {
                service.made.fetch_add(1, Ordering::Relaxed);
                service.echo(message).await
            }
        });
        Ok(Response::new(Box::pin(messages)))
    }

    async fn client_streaming(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Message>, Status> {
        let mut messages = request.into_inner();
        let mut text = String::new();
        while let Some(message) = messages.message().await? {
            text.push_str(&self.echo(message).await?.text);
        }
        Ok(Response::new(message(text)))
    }

    type BidirectionalStream = Messages;

    async fn bidirectional(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Messages>, Status> {
        let service = self.clone();
        let messages = request.into_inner().then(move |message| {
            let service = service.clone();
            async move { service.echo(message?).await }
        });
        Ok(Response::new(Box::pin(messages)))
    }
}

/// Returns a message with this text.
pub(crate) fn message(text: impl Into<String>) -> Message {
    let text = text.into();
    Message { text, copies: 1 }
}

pub(crate) fn address() -> SocketAddr {
    "198.51.100.7:50051".parse().unwrap()
}

/// The parts of a test: a client, and the service that answers its calls.
pub(crate) struct Setup {
    pub(crate) sim: Sim,
    pub(crate) backend: Backend,
    pub(crate) service: EchoService,
    pub(crate) client: EchoClient<Channel>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let sim = Sim::new(1);
        let service = EchoService::new(&sim);
        let server = EchoServer::new(service.clone()).max_decoding_message_size(usize::MAX);
        let backend = sim.serve(address(), server);
        let target = format!("ipv4:{}", address());
        let channel = Channel::builder(target).plaintext().runtime(sim.runtime());
        let client = EchoClient::new(channel.build().unwrap());
        Self {
            sim,
            backend,
            service,
            client: client.max_decoding_message_size(usize::MAX),
        }
    }

    /// Returns how many calls with [`WAIT`] are in progress.
    pub(crate) fn waiting(&self) -> usize {
        self.service.waiting.load(Ordering::Relaxed)
    }

    /// Returns how many messages `ServerStreaming` has made.
    pub(crate) fn made(&self) -> usize {
        self.service.made.load(Ordering::Relaxed)
    }
}
