//! What tonic's stubs can do, over TLS, on each runtime: each kind of call, compression,
//! interceptors, timeouts and large messages.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Response, Status, Streaming};
use trunkline::{Channel, Proxy, Runtime, Tls};
use trunkline_testkit::certificates::{Authority, server_config};
use trunkline_testkit::proto::echo::Message;
use trunkline_testkit::proto::echo::echo_client::EchoClient;
use trunkline_testkit::proto::echo::echo_server::{Echo, EchoServer};
use trunkline_testkit::tls_server::TlsServer;

use crate::world::PATIENCE;

/// The text of messages that the service never answers.
const WAIT: &str = "wait";

/// The metadata key whose value the service returns.
const TENANT: &str = "tenant";

/// The metadata key under which the service returns how a request's messages were compressed.
const REQUEST_ENCODING: &str = "request-encoding";

/// 64 MiB, and room for the rest of a message.
const LARGE: usize = 64 << 20;
const LIMIT: usize = LARGE + 1024;

type Messages = Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>;

/// Returns what it receives.
#[derive(Clone, Debug, Default)]
struct EchoService {
    /// How many calls it received.
    calls: Arc<AtomicUsize>,
}

impl EchoService {
    /// Counts a call, and returns `message` with the metadata that tests check.
    fn answer<T, U>(&self, request: &Request<U>, message: T) -> Response<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(message);
        if let Some(tenant) = request.metadata().get(TENANT) {
            response.metadata_mut().insert(TENANT, tenant.clone());
        }
        if let Some(encoding) = request.metadata().get("grpc-encoding") {
            let metadata = response.metadata_mut();
            metadata.insert(REQUEST_ENCODING, encoding.clone());
        }
        response
    }
}

#[tonic::async_trait]
impl Echo for EchoService {
    async fn unary(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        if request.get_ref().text == WAIT {
            std::future::pending::<()>().await;
        }
        let empty = self.answer(&request, ());
        let message = request.into_inner();
        Ok(empty.map(|()| message))
    }

    type ServerStreamingStream = Messages;

    async fn server_streaming(
        &self,
        request: Request<Message>,
    ) -> Result<Response<Messages>, Status> {
        let empty = self.answer(&request, ());
        let message = request.into_inner();
        let copies = vec![Ok(message.clone()); message.copies as usize];
        Ok(empty.map(|()| Box::pin(stream::iter(copies)) as Messages))
    }

    async fn client_streaming(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Message>, Status> {
        let empty = self.answer(&request, ());
        let messages: Vec<Message> = request.into_inner().try_collect().await?;
        let text = messages.into_iter().map(|message| message.text).collect();
        Ok(empty.map(|()| message(text)))
    }

    type BidirectionalStream = Messages;

    async fn bidirectional(
        &self,
        request: Request<Streaming<Message>>,
    ) -> Result<Response<Messages>, Status> {
        let empty = self.answer(&request, ());
        Ok(empty.map(|()| Box::pin(request.into_inner()) as Messages))
    }
}

fn message(text: String) -> Message {
    Message { text, copies: 0 }
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text {number}")).collect()
}

fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

/// A server, what it has received, and a channel to it.
struct World {
    server: TlsServer,
    service: EchoService,
    channel: Channel,
}

impl World {
    fn new(runtime: &Arc<dyn Runtime>) -> Self {
        let authority = Authority::new("Test Root");
        let service = EchoService::default();
        let server = EchoServer::new(service.clone())
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd)
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Zstd)
            .max_decoding_message_size(LIMIT)
            .max_encoding_message_size(LIMIT);
        let config = server_config(&authority.issue(&["localhost"]));
        let server = TlsServer::start_service(server, config).expect("a server");
        let channel = Channel::builder(format!("dns:///localhost:{}", server.address().port()))
            .tls(Tls::new().with_ca_pem(authority.pem()))
            .proxy(Proxy::none())
            .runtime(Arc::clone(runtime))
            .build()
            .expect("valid options");
        Self {
            server,
            service,
            channel,
        }
    }

    fn stub(&self) -> EchoClient<Channel> {
        EchoClient::new(self.channel.clone())
            .max_decoding_message_size(LIMIT)
            .max_encoding_message_size(LIMIT)
    }

    /// Makes a call of each kind, and returns how the service found the requests compressed.
    async fn call_all_kinds(&self, mut stub: EchoClient<Channel>) -> Vec<Option<String>> {
        let mut encodings = Vec::new();
        let mut note = |metadata: &tonic::metadata::MetadataMap| {
            let encoding = metadata.get(REQUEST_ENCODING);
            encodings.push(encoding.map(|name| name.to_str().expect("ASCII").to_owned()));
        };
        let text = "so much to say ".repeat(1000);

        let response = stub.unary(request(message(text.clone()))).await;
        let response = response.expect("an answer");
        note(response.metadata());
        assert_eq!(response.into_inner().text, text);

        let ask = Message {
            text: text.clone(),
            copies: 7,
        };
        let response = stub.server_streaming(request(ask.clone())).await;
        let response = response.expect("an answer");
        note(response.metadata());
        let copies: Vec<Message> = response.into_inner().try_collect().await.expect("copies");
        assert_eq!(copies, vec![ask; 7]);

        let sent = stream::iter(texts(20)).map(message);
        let response = stub.client_streaming(request(sent)).await;
        let response = response.expect("an answer");
        note(response.metadata());
        assert_eq!(response.into_inner().text, texts(20).concat());

        // Each message is sent once the one before it has come back.
        let (sender, receiver) = mpsc::unbounded_channel();
        let sent = stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|message| (message, receiver))
        });
        let response = stub.bidirectional(request(sent)).await;
        let response = response.expect("an answer");
        note(response.metadata());
        let mut answers = response.into_inner();
        for text in texts(20) {
            sender
                .send(message(text.clone()))
                .expect("the call is open");
            let answer = answers.message().await.expect("an answer");
            assert_eq!(answer.expect("a message").text, text);
        }
        drop(sender);
        assert_eq!(answers.message().await.expect("the end"), None);
        encodings
    }
}

on_each_runtime! {
    /// All kinds of calls, one after the other, over one connection.
    async fn each_kind_of_call(runtime) {
        let world = World::new(&runtime);
        assert_eq!(world.call_all_kinds(world.stub()).await, vec![None; 4]);
        assert_eq!(world.service.calls.load(Ordering::Relaxed), 4);
        assert_eq!(world.server.accepts(), 1);
    }

    /// Messages are compressed both ways.
    async fn compression(runtime) {
        let world = World::new(&runtime);
        for (encoding, name) in [
            (CompressionEncoding::Gzip, "gzip"),
            (CompressionEncoding::Zstd, "zstd"),
        ] {
            let stub = world.stub().send_compressed(encoding).accept_compressed(encoding);
            let encodings = world.call_all_kinds(stub.clone()).await;
            assert_eq!(encodings, vec![Some(name.to_owned()); 4]);
            let mut stub = stub;
            let answer = stub.unary(request(message("a".into()))).await.expect("an answer");
            let used = answer.metadata().get("grpc-encoding").expect("a compressed answer");
            assert_eq!(used, name);
        }
    }

    /// An interceptor adds metadata to each call, or refuses it.
    async fn interceptors(runtime) {
        let world = World::new(&runtime);
        let add = |mut request: Request<()>| {
            request.metadata_mut().insert(TENANT, MetadataValue::from_static("t1"));
            Ok(request)
        };
        let mut stub = EchoClient::with_interceptor(world.channel.clone(), add);
        let answer = stub.unary(request(message("a".into()))).await.expect("an answer");
        assert_eq!(answer.metadata().get(TENANT).expect("the tenant"), "t1");
        let refuse = |_: Request<()>| Err(Status::permission_denied("not today"));
        let mut stub = EchoClient::with_interceptor(world.channel.clone(), refuse);
        let status = stub.unary(request(message("a".into()))).await.expect_err("a refusal");
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, "not today"));
        assert_eq!(world.service.calls.load(Ordering::Relaxed), 1);
    }

    /// `Request::set_timeout` ends a call that is not answered, and no other.
    async fn timeouts(runtime) {
        let world = World::new(&runtime);
        let mut late = Request::new(message(WAIT.into()));
        late.set_timeout(Duration::from_millis(100));
        let status = world.stub().unary(late).await.expect_err("no answer");
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
        world.stub().unary(request(message("a".into()))).await.expect("an answer");
        assert_eq!(world.server.accepts(), 1);
    }

    /// A message of 64 MiB, there and back.
    async fn a_large_message(runtime) {
        let world = World::new(&runtime);
        let text = "0123456789abcdef".repeat(LARGE / 16);
        let answer = world.stub().unary(request(message(text.clone()))).await;
        let answer = answer.expect("an answer").into_inner();
        assert!(answer.text == text, "{} bytes", answer.text.len());
    }
}
