//! The channel of the crate `grpc`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use grpc::client::{Channel, ChannelOptions, Invoke};
use grpc::credentials::LocalChannelCredentials;
use grpc::credentials::rustls::client::{ClientTlsConfig, RustlsChannelCredendials};
use grpc::credentials::rustls::{RootCertificates, StaticProvider};
use grpc_protobuf::{
    BidiCallBuilder, GrpcStreamingRequest, GrpcStreamingResponse, UnaryCallBuilder,
};
use protobuf_well_known_types::StringValue;
use tokio::runtime::Runtime;
use trunkline_peer_client::peer::{self, STREAM, Tls, UNARY};
use trunkline_peer_client::protocol::{Ability, Setup};
use trunkline_peer_client::tokio_callers;

use crate::nodelay;

/// The crate `grpc` on tokio.
#[derive(Clone)]
pub(crate) struct Grpc {
    runtime: Arc<Runtime>,
}

/// A channel.
#[derive(Clone)]
pub(crate) struct Stub {
    channel: Channel,
}

/// A call with a stream of messages each way.
pub(crate) struct Stream {
    /// `None` after the end of the messages to the backend.
    request: Option<GrpcStreamingRequest<StringValue, <Channel as Invoke>::SendStream>>,
    /// `None` after the end of the call.
    response: Option<GrpcStreamingResponse<StringValue, <Channel as Invoke>::RecvStream>>,
}

/// A message that has been received.
pub(crate) struct Reply(StringValue);

impl peer::Peer for Grpc {
    type Stub = Stub;

    const VERSION: &'static str = "0.9.0";

    fn abilities() -> Vec<Ability> {
        let mut all = vec![Ability::Unary, Ability::Stream, Ability::Tls];
        // The option is set from outside, which takes longer than a cold start.
        if !nodelay::is_asked_for() {
            all.push(Ability::Cold);
        }
        all
    }

    fn new(setup: &Setup) -> Result<Self, String> {
        // Fails only if there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        tokio_callers::runtime(setup.threads).map(|runtime| Self { runtime })
    }

    fn connect(&self, backends: &[String], tls: Option<Tls>) -> Result<Stub, String> {
        let [backend] = backends else {
            return Err("it has no round_robin".to_owned());
        };
        // The channel starts tasks.
        let _guard = self.runtime.enter();
        let target = format!("dns:///{backend}");
        let channel = match tls {
            None => {
                let credentials = LocalChannelCredentials::new_arc();
                Channel::new(target, credentials, ChannelOptions::default())
            }
            Some(tls) => {
                let roots = StaticProvider::new(RootCertificates::from_pem(tls.root_pem));
                let config = ClientTlsConfig::new().with_root_certificates_provider(roots);
                let credentials = RustlsChannelCredendials::new(config)?;
                let options = ChannelOptions::default().override_authority(tls.server_name);
                Channel::new(target, Arc::new(credentials), options)
            }
        };
        let stub = Stub { channel };
        if nodelay::is_asked_for() {
            let mut first = stub.clone();
            self.runtime
                .block_on(peer::Stub::greet(&mut first, "", false))?;
            nodelay::set_on_all_sockets()?;
        }
        Ok(stub)
    }

    fn run<F>(&self, _stub: &Stub, callers: Vec<F>) -> Result<Vec<Vec<u64>>, String>
    where
        F: Future<Output = Result<Vec<u64>, String>> + Send + 'static,
    {
        tokio_callers::run(&self.runtime, callers)
    }

    fn wait(&self, time: Duration) {
        tokio_callers::wait(&self.runtime, time);
    }
}

impl peer::Stub for Stub {
    type Reply = Reply;
    type Stream = Stream;

    async fn greet(&mut self, name: &str, _has_timeout: bool) -> Result<Reply, String> {
        let mut request = StringValue::new();
        request.set_value(name);
        let call =
            UnaryCallBuilder::<_, _, StringValue>::new(&self.channel, UNARY, request.as_view());
        let reply = call.await.map_err(|status| format!("{status:?}"))?;
        Ok(Reply(reply))
    }

    async fn stream(&mut self) -> Result<Stream, String> {
        let (request, response) = BidiCallBuilder::new(&self.channel, STREAM).await;
        Ok(Stream {
            request: Some(request),
            response: Some(response),
        })
    }
}

impl peer::Stream for Stream {
    type Reply = Reply;

    async fn send(&mut self, name: &str) -> Result<(), String> {
        let mut message = StringValue::new();
        message.set_value(name);
        let request = self.request.as_mut().ok_or("the stream is closed")?;
        request
            .send(message)
            .await
            .map_err(|()| "the call has ended".to_owned())
    }

    async fn close(&mut self) -> Result<(), String> {
        self.request = None;
        Ok(())
    }

    async fn receive(&mut self) -> Result<Option<Reply>, String> {
        let response = self.response.as_mut().ok_or("the call has ended")?;
        if let Some(message) = response.recv().await {
            return Ok(Some(Reply(message)));
        }
        if let Some(response) = self.response.take() {
            response
                .status()
                .await
                .map_err(|status| format!("{status:?}"))?;
        }
        Ok(None)
    }
}

impl peer::Text for Reply {
    fn bytes(&self) -> &[u8] {
        self.0.value().as_bytes()
    }
}
