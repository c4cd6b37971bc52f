//! The channel of grpcio.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use grpcio::{
    CallOption, Channel, ChannelBuilder, Client, ClientDuplexReceiver, ClientDuplexSender,
    EnvBuilder, Environment, LbPolicy, Marshaller, Method, MethodType, WriteFlags, pr_de, pr_ser,
};
use trunkline_peer_client::peer::{self, STREAM, STREAM_WINDOW, TIMEOUT, Tls, UNARY};
use trunkline_peer_client::protocol::{Ability, Setup};

/// prost encodes a `String` as a message with a text in field 1, as it does HelloRequest and
/// HelloReply.
const MESSAGE: Marshaller<String> = Marshaller {
    ser: pr_ser,
    de: pr_de,
};

const SAY_HELLO: Method<String, String> = Method {
    ty: MethodType::Unary,
    name: UNARY,
    req_mar: MESSAGE,
    resp_mar: MESSAGE,
};

const SAY_HELLO_BIDI_STREAM: Method<String, String> = Method {
    ty: MethodType::Duplex,
    name: STREAM,
    req_mar: MESSAGE,
    resp_mar: MESSAGE,
};

/// The threads that poll C-core.
#[derive(Clone)]
pub(crate) struct Grpcio {
    environment: Arc<Environment>,
    authority: String,
}

/// A client of a channel.
#[derive(Clone)]
pub(crate) struct Stub(Client);

/// A call with a stream of messages each way.
pub(crate) struct Stream {
    requests: ClientDuplexSender<String>,
    responses: ClientDuplexReceiver<String>,
}

/// A message that has been received.
pub(crate) struct Reply(String);

impl peer::Peer for Grpcio {
    type Stub = Stub;

    const VERSION: &'static str = "0.13.0";

    fn abilities() -> Vec<Ability> {
        let all = Ability::ALL.into_iter();
        all.filter(|ability| *ability != Ability::Tls).collect()
    }

    fn new(setup: &Setup) -> Result<Self, String> {
        let environment = EnvBuilder::new().cq_count(setup.threads).build();
        Ok(Self {
            environment: Arc::new(environment),
            authority: setup.server_name.clone(),
        })
    }

    fn connect(&self, backends: &[String], tls: Option<Tls>) -> Result<Stub, String> {
        if tls.is_some() {
            return Err("it is built without TLS".to_owned());
        }
        let policy = match backends {
            [_] => LbPolicy::PickFirst,
            _ => LbPolicy::RoundRobin,
        };
        let window = i32::try_from(STREAM_WINDOW).map_err(|error| error.to_string())?;
        let channel: Channel = ChannelBuilder::new(self.environment.clone())
            .load_balancing_policy(policy)
            .stream_initial_window_size(window)
            .http2_bdp_probe(false)
            .enable_http_proxy(false)
            .enable_retry(false)
            // Otherwise it is the list of addresses, which HTTP/2 servers reject.
            .default_authority(self.authority.clone())
            // Channels with the same backends would share connections.
            .use_local_subchannel_pool(true)
            .connect(&format!("ipv4:{}", backends.join(",")));
        Ok(Stub(Client::new(channel)))
    }

    fn run<F>(&self, stub: &Stub, callers: Vec<F>) -> Result<Vec<Vec<u64>>, String>
    where
        F: Future<Output = Result<Vec<u64>, String>> + Send + 'static,
    {
        let (results, received) = channel();
        for caller in callers {
            let results = results.clone();
            stub.0.spawn(async move {
                // Fails only if another caller has failed, so that the round is over.
                let _ = results.send(caller.await);
            });
        }
        drop(results);
        received.into_iter().collect()
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

impl peer::Stub for Stub {
    type Reply = Reply;
    type Stream = Stream;

    async fn greet(&mut self, name: &str, has_timeout: bool) -> Result<Reply, String> {
        let mut options = CallOption::default();
        if has_timeout {
            options = options.timeout(TIMEOUT);
        }
        let failed = |error: grpcio::Error| error.to_string();
        let name = name.to_owned();
        let call = self.0.unary_call_async(&SAY_HELLO, &name, options);
        call.map_err(failed)?.await.map(Reply).map_err(failed)
    }

    async fn stream(&mut self) -> Result<Stream, String> {
        let call = self
            .0
            .duplex_streaming(&SAY_HELLO_BIDI_STREAM, CallOption::default());
        let (requests, responses) = call.map_err(|error| error.to_string())?;
        Ok(Stream {
            requests,
            responses,
        })
    }
}

impl peer::Stream for Stream {
    type Reply = Reply;

    async fn send(&mut self, name: &str) -> Result<(), String> {
        let message = (name.to_owned(), WriteFlags::default());
        let sent = self.requests.send(message).await;
        sent.map_err(|error| error.to_string())
    }

    async fn close(&mut self) -> Result<(), String> {
        let closed = self.requests.close().await;
        closed.map_err(|error| error.to_string())
    }

    async fn receive(&mut self) -> Result<Option<Reply>, String> {
        let next = self.responses.next().await.transpose();
        next.map(|message| message.map(Reply))
            .map_err(|error| error.to_string())
    }
}

impl peer::Text for Reply {
    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
