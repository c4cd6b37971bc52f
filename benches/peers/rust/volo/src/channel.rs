//! The channel of volo-grpc.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use pilota::FastStr;
use tokio::runtime::Runtime;
use trunkline_peer_client::peer::{
    self, CONNECTION_WINDOW, STREAM, STREAM_WINDOW, TIMEOUT, Tls, UNARY,
};
use trunkline_peer_client::protocol::{Ability, Setup};
use trunkline_peer_client::tokio_callers;
use volo::context::Context;
use volo::discovery::StaticDiscover;
use volo::net::tls::{ClientTlsConfig, TlsConnector};
use volo_grpc::client::ClientBuilder;
use volo_grpc::codegen::StreamExt;
use volo_grpc::codegen::futures::channel::mpsc::{UnboundedSender, unbounded};
use volo_grpc::context::ClientContext;
use volo_grpc::{RecvStream, Status};

use crate::balance::RoundRobin;
use crate::message::Hello;
use crate::stub::{GreeterClient, MkGreeterClient};

/// volo-grpc on tokio.
#[derive(Clone)]
pub(crate) struct Volo {
    runtime: Arc<Runtime>,
}

/// A call with a stream of messages each way.
pub(crate) struct Stream {
    requests: UnboundedSender<Result<Hello, Status>>,
    responses: Responses,
}

/// The responses of a stream.
enum Responses {
    /// The head of the response has not been received.
    Head(Pin<Box<dyn Future<Output = Result<RecvStream<Hello>, Status>> + Send>>),
    Messages(RecvStream<Hello>),
}

impl peer::Peer for Volo {
    type Stub = GreeterClient;

    const VERSION: &'static str = "0.12.2";

    fn abilities() -> Vec<Ability> {
        Ability::ALL.to_vec()
    }

    fn new(setup: &Setup) -> Result<Self, String> {
        tokio_callers::runtime(setup.threads).map(|runtime| Self { runtime })
    }

    fn connect(&self, backends: &[String], tls: Option<Tls>) -> Result<GreeterClient, String> {
        // The balancer may start a task.
        let _guard = self.runtime.enter();
        let backends: Result<Vec<SocketAddr>, _> =
            backends.iter().map(|text| text.parse()).collect();
        let backends = backends.map_err(|error| error.to_string())?;
        let mut builder = ClientBuilder::new(MkGreeterClient, "greeter")
            .rpc_timeout(None)
            .http2_init_stream_window_size(STREAM_WINDOW)
            .http2_init_connection_window_size(CONNECTION_WINDOW);
        if let Some(tls) = tls {
            let connector = TlsConnector::builder()
                .enable_default_root_certs(false)
                .add_pem(tls.root_pem.into_bytes())
                .with_alpn_protocols(["h2"])
                .build();
            let connector = connector.map_err(|error| error.to_string())?;
            builder = builder.tls_config(ClientTlsConfig::new(tls.server_name, connector));
        }
        if let [backend] = backends[..] {
            return Ok(builder.address(backend).build());
        }
        let discover = StaticDiscover::from(backends.clone());
        let balanced = builder.load_balance(RoundRobin::new(backends));
        Ok(balanced.discover(discover).build())
    }

    fn run<F>(&self, _stub: &GreeterClient, callers: Vec<F>) -> Result<Vec<Vec<u64>>, String>
    where
        F: Future<Output = Result<Vec<u64>, String>> + Send + 'static,
    {
        tokio_callers::run(&self.runtime, callers)
    }

    fn wait(&self, time: Duration) {
        tokio_callers::wait(&self.runtime, time);
    }
}

impl peer::Stub for GreeterClient {
    type Reply = Hello;
    type Stream = Stream;

    async fn greet(&mut self, name: &str, has_timeout: bool) -> Result<Hello, String> {
        let mut context = self.0.make_cx(UNARY);
        if has_timeout {
            let config = context.rpc_info_mut().config_mut();
            config.set_rpc_timeout(Some(TIMEOUT));
        }
        let reply = self.unary(&mut context, message(name)).await;
        let reply = reply.map_err(|status| status.to_string())?;
        Ok(reply.into_inner())
    }

    async fn stream(&mut self) -> Result<Stream, String> {
        let (requests, receiver) = unbounded();
        let client = self.clone();
        let head = async move {
            let mut context: ClientContext = client.0.make_cx(STREAM);
            client.stream(&mut context, Box::pin(receiver)).await
        };
        Ok(Stream {
            requests,
            responses: Responses::Head(Box::pin(head)),
        })
    }
}

impl peer::Stream for Stream {
    type Reply = Hello;

    /// Queues the message: the call starts when the first reply is waited for, and from then on the
    /// connection sends what is queued.
    async fn send(&mut self, name: &str) -> Result<(), String> {
        let sent = self.requests.unbounded_send(Ok(message(name)));
        sent.map_err(|error| error.to_string())
    }

    async fn close(&mut self) -> Result<(), String> {
        self.requests.close_channel();
        Ok(())
    }

    async fn receive(&mut self) -> Result<Option<Hello>, String> {
        if let Responses::Head(head) = &mut self.responses {
            let messages = head.await.map_err(|status| status.to_string())?;
            self.responses = Responses::Messages(messages);
        }
        let Responses::Messages(messages) = &mut self.responses else {
            return Err("no responses".to_owned());
        };
        let next = messages.next().await.transpose();
        next.map_err(|status| status.to_string())
    }
}

impl peer::Text for Hello {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

fn message(name: &str) -> Hello {
    Hello {
        text: FastStr::new(name),
    }
}
