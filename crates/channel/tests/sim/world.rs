//! Channels on a simulation, their calls, and HTTP/2 servers whose handlers the tests choose.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_compat::Compat;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use tower_service::Service;
use trunkline_channel::{Body, Channel, ChannelBuilder};
use trunkline_runtime::PeerAddr;
use trunkline_sim::Sim;
use trunkline_status::{Code, Status};

pub(crate) const ROUND_ROBIN: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;

/// Returns the address of the host with this number.
pub(crate) fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, host], 50051))
}

/// Returns the builder of a plaintext channel on the simulation.
pub(crate) fn builder(sim: &Sim, target: impl Into<String>) -> ChannelBuilder {
    Channel::builder(target).plaintext().runtime(sim.runtime())
}

/// Returns a channel to the host with this number.
pub(crate) fn channel(sim: &Sim, host: u8) -> Channel {
    let target = format!("ipv4:{}", address(host));
    builder(sim, target).build().expect("a valid target")
}

/// Returns a request like that of a stub.
pub(crate) fn request<B>(body: B) -> Request<B> {
    Request::post("/test.Echo/Say")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .expect("a valid request")
}

/// Adds a `grpc-timeout` header.
pub(crate) fn with_timeout<B>(mut request: Request<B>, timeout: &'static str) -> Request<B> {
    let timeout = HeaderValue::from_static(timeout);
    request.headers_mut().insert("grpc-timeout", timeout);
    request
}

/// The result of a call that was read to its end.
#[derive(Debug)]
pub(crate) struct CallResult {
    pub(crate) status: Status,
    /// All data of the response.
    pub(crate) data: Bytes,
    /// The address that answered; `None` when no server did.
    pub(crate) peer: Option<PeerAddr>,
}

impl CallResult {
    /// Checks that the status is OK.
    #[track_caller]
    pub(crate) fn expect_ok(self) -> Self {
        assert_eq!(self.status.code(), Code::Ok, "{}", self.status);
        self
    }

    /// Checks the code of the status, and that its message contains each of `words`.
    #[track_caller]
    pub(crate) fn expect(self, code: Code, words: &[&str]) -> Self {
        assert_eq!(self.status.code(), code, "{}", self.status);
        for word in words {
            let text = self.status.message();
            assert!(text.contains(word), "{word:?} is missing in: {text}");
        }
        self
    }

    /// Returns the number of the host that answered.
    pub(crate) fn host(&self) -> u8 {
        match &self.peer {
            Some(PeerAddr::Ip(SocketAddr::V4(peer))) => peer.ip().octets()[3],
            other => panic!("no peer: {other:?}"),
        }
    }
}

/// Makes a call and reads the response to its end.
pub(crate) async fn call<B>(channel: &Channel, request: Request<B>) -> CallResult
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Ok(response) = channel.clone().call(request).await;
    read_to_end(response).await
}

/// Reads a response to its end.
pub(crate) async fn read_to_end(response: Response<Body>) -> CallResult {
    let (head, body) = response.into_parts();
    let Ok(body) = body.collect().await;
    let status = body.trailers().and_then(Status::from_trailers);
    CallResult {
        status: status
            .or_else(|| Status::from_trailers(&head.headers))
            .expect("every call ends with a status"),
        data: body.to_bytes(),
        peer: head.extensions.get().cloned(),
    }
}

/// Makes a unary call whose request is `data`.
pub(crate) async fn unary(channel: &Channel, data: &'static [u8]) -> CallResult {
    call(channel, request(Full::new(Bytes::from_static(data)))).await
}

/// Makes a unary call with a deadline.
pub(crate) async fn unary_within(channel: &Channel, timeout: &'static str) -> CallResult {
    let request = request(Full::new(Bytes::from_static(b"hello")));
    call(channel, with_timeout(request, timeout)).await
}

/// One call, as a server receives it.
pub(crate) struct ServerCall {
    pub(crate) body: RecvStream,
    pub(crate) head: http::request::Parts,
    pub(crate) respond: SendResponse<Bytes>,
}

/// The connections and calls that a server received.
#[derive(Debug, Default)]
pub(crate) struct ServerCounts {
    accepts: AtomicUsize,
    calls: AtomicUsize,
}

impl ServerCounts {
    /// Counts a connection, and returns its number; the first is 0.
    pub(crate) fn add_accept(&self) -> usize {
        self.accepts.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts a call.
    pub(crate) fn add_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of connections that the server accepted.
    pub(crate) fn accepts(&self) -> usize {
        self.accepts.load(Ordering::Relaxed)
    }

    /// Returns the number of calls whose head arrived.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Starts an HTTP/2 server that hands each call to `handler`.
pub(crate) fn serve<F>(
    sim: &Sim,
    host: u8,
    http2: Builder,
    handler: impl Fn(ServerCall) -> F + Clone + Send + Sync + 'static,
) -> Arc<ServerCounts>
where
    F: Future<Output = ()> + Send + 'static,
{
    let counts = Arc::new(ServerCounts::default());
    let mut listener = sim.net().listen(address(host)).expect("a free address");
    let runtime = sim.runtime();
    let server_counts = Arc::clone(&counts);
    sim.spawn("server", async move {
        while let Ok((stream, _)) = listener.accept().await {
            server_counts.add_accept();
            let (http2, handler) = (http2.clone(), handler.clone());
            let counts = Arc::clone(&server_counts);
            let tasks = Arc::clone(&runtime);
            runtime.spawn(Box::pin(async move {
                let Ok(mut connection) = http2.handshake(Compat::new(stream)).await else {
                    return;
                };
                while let Some(Ok((request, respond))) = connection.accept().await {
                    counts.add_call();
                    let (head, body) = request.into_parts();
                    tasks.spawn(Box::pin(handler(ServerCall {
                        body,
                        head,
                        respond,
                    })));
                }
            }));
        }
    });
    counts
}

/// Returns the head of a gRPC response.
pub(crate) fn response_head() -> Response<()> {
    let mut head = Response::new(());
    let grpc = HeaderValue::from_static("application/grpc");
    head.headers_mut().insert("content-type", grpc);
    head
}

/// Returns trailers with the status OK.
pub(crate) fn ok_trailers() -> HeaderMap {
    Status::new(Code::Ok, "").to_trailers()
}

/// Handles a call: sends its data back piece by piece, then the status OK.
pub(crate) async fn echo(mut incoming: ServerCall) {
    let Ok(mut send) = incoming.respond.send_response(response_head(), false) else {
        return;
    };
    while let Some(Ok(data)) = incoming.body.data().await {
        let _ = incoming.body.flow_control().release_capacity(data.len());
        if send_all(&mut send, data).await.is_err() {
            return;
        }
    }
    let _ = send.send_trailers(ok_trailers());
}

/// Sends `data` in pieces that fit into the client's flow-control windows.
pub(crate) async fn send_all(
    send: &mut h2::SendStream<Bytes>,
    mut data: Bytes,
) -> Result<(), h2::Error> {
    while !data.is_empty() {
        send.reserve_capacity(data.len());
        let room = match send.capacity() {
            0 => match std::future::poll_fn(|cx| send.poll_capacity(cx)).await {
                Some(room) => room?,
                None => return Err(h2::Reason::CANCEL.into()),
            },
            room => room,
        };
        let part = data.split_to(room.min(data.len()));
        send.send_data(part, false)?;
    }
    Ok(())
}
