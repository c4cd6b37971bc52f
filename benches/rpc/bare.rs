//! The floor: the stub on bare h2, with nothing between them that a call does not need.

use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use async_compat::Compat;
use async_io::Async;
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use http_body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tower_service::Service;
use trunkline_benches::protocol::{Case, Setup};

use crate::one_write::OneWrite;
use crate::stack::{Connected, Stack, backends, origin};
use crate::variant::{self, Shape, Variant};

/// The windows of a stream and of a connection, in bytes.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 5 * 1024 * 1024;
/// That of ours, so that both send the same bytes.
const USER_AGENT_VALUE: &str = concat!("grpc-rust-trunkline/", env!("CARGO_PKG_VERSION"));
/// Messages up to this length are handed to h2 without asking for room: the window is larger.
const SMALL: usize = 16 * 1024;

/// Makes connections of bare h2.
#[derive(Clone)]
pub(crate) struct Bare {
    setup: Arc<Setup>,
    shape: Shape,
    user_agent: Option<HeaderValue>,
    tls: Arc<ClientConfig>,
}

impl Bare {
    pub(crate) fn new(setup: Arc<Setup>, variant: Variant) -> Self {
        let root = CertificateDer::from_pem_slice(setup.root_pem.as_bytes());
        let mut roots = RootCertStore::empty();
        let root = root.expect("a certificate in PEM");
        roots.add(root).expect("a good certificate");
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.expect("versions that ring has");
        let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        Self {
            setup,
            shape: variant.shape,
            user_agent: (variant.stack == variant::Stack::BareWithUserAgent)
                .then(|| HeaderValue::from_static(USER_AGENT_VALUE)),
            tls: Arc::new(tls),
        }
    }

    async fn connection(&self, case: &Case, address: SocketAddr) -> SendRequest<Bytes> {
        if self.shape == Shape::Tokio {
            let socket = tokio::net::TcpStream::connect(address).await;
            let socket = socket.expect("a connection");
            socket.set_nodelay(true).expect("a TCP socket");
            self.over(case, socket).await
        } else {
            let socket = Async::<TcpStream>::connect(address).await;
            let socket = socket.expect("a connection");
            socket.get_ref().set_nodelay(true).expect("a TCP socket");
            self.over(case, Compat::new(socket)).await
        }
    }

    async fn over<S>(&self, case: &Case, socket: S) -> SendRequest<Bytes>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        if !case.tls {
            return self.handshake(socket).await;
        }
        let name = ServerName::try_from(self.setup.server_name.clone());
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name.expect("a name"), socket).await;
        self.handshake(stream.expect("a server that is trusted"))
            .await
    }

    async fn handshake<S>(&self, socket: S) -> SendRequest<Bytes>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let socket = OneWrite::new(socket);
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false);
        let handshake = builder.handshake(socket.clone()).await;
        let (sender, mut connection) = handshake.expect("a server that speaks HTTP/2");
        let mut has_ended = false;
        let driver = std::future::poll_fn(move |cx| {
            has_ended = has_ended || Pin::new(&mut connection).poll(cx).is_ready();
            match socket.poll_send(cx) {
                Poll::Ready(Ok(())) if !has_ended => Poll::Pending,
                // Sent, or broken: then h2 finds it too.
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => Poll::Pending,
            }
        });
        if self.shape == Shape::Tokio {
            tokio::spawn(driver);
        } else {
            async_std::task::spawn(driver);
        }
        sender
    }
}

impl Stack for Bare {
    type Channel = BareChannel;

    async fn connect(&self, case: Case) -> Connected<BareChannel> {
        let mut connections = Vec::new();
        for address in backends(&self.setup, &case) {
            let address = address.parse().expect("an address");
            connections.push(self.connection(&case, address).await);
        }
        let service = BareChannel {
            connections,
            user_agent: self.user_agent.clone(),
            at: 0,
            next: Arc::new(AtomicUsize::new(0)),
        };
        Connected {
            service,
            origin: origin(&self.setup, &case),
        }
    }
}

/// Connections that get the calls in turn.
#[derive(Clone)]
pub(crate) struct BareChannel {
    connections: Vec<SendRequest<Bytes>>,
    user_agent: Option<HeaderValue>,
    /// The connection of the next call.
    at: usize,
    next: Arc<AtomicUsize>,
}

impl Service<Request<tonic::body::Body>> for BareChannel {
    type Response = Response<BareBody>;
    type Error = h2::Error;
    type Future = BareCall;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        if self.connections.len() > 1 {
            self.at = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        }
        self.connections[self.at].poll_ready(cx)
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> BareCall {
        let (mut head, body) = request.into_parts();
        if let Some(user_agent) = &self.user_agent {
            head.headers.insert(USER_AGENT, user_agent.clone());
        }
        let head = Request::from_parts(head, ());
        match self.connections[self.at].send_request(head, false) {
            Ok((response, stream)) => {
                let upload = Some(Upload {
                    stream,
                    body,
                    unsent: None,
                });
                BareCall::Sent { response, upload }
            }
            Err(error) => BareCall::Failed(Some(error)),
        }
    }
}

/// A call until its head arrives.
pub(crate) enum BareCall {
    Sent {
        response: ResponseFuture,
        upload: Option<Upload>,
    },
    /// The error, until it was returned.
    Failed(Option<h2::Error>),
}

impl Future for BareCall {
    type Output = Result<Response<BareBody>, h2::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Failed(error) => Poll::Ready(Err(error.take().expect("polled after its end"))),
            Self::Sent { response, upload } => {
                Upload::poll(upload, cx);
                let response = ready!(Pin::new(response).poll(cx))?;
                let upload = upload.take();
                Poll::Ready(Ok(response.map(|receive| BareBody { receive, upload })))
            }
        }
    }
}

/// The rest of a request.
pub(crate) struct Upload {
    stream: SendStream<Bytes>,
    body: tonic::body::Body,
    unsent: Option<Bytes>,
}

impl Upload {
    /// Sends what there is, and removes the upload after its end. An error of the stream shows in
    /// the response too.
    fn poll(this: &mut Option<Self>, cx: &mut Context<'_>) {
        if let Some(upload) = this
            && upload.poll_end(cx).is_ready()
        {
            *this = None;
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            if self.unsent.as_ref().is_some_and(|data| data.len() > SMALL) {
                ready!(self.poll_large(cx))?;
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => {
                    if let Some(data) = self.unsent.take() {
                        self.stream.send_data(data, false)?;
                    }
                    return Poll::Pending;
                }
                Poll::Ready(Some(frame)) => {
                    let frame = frame.ok().and_then(|frame| frame.into_data().ok());
                    let before = std::mem::replace(&mut self.unsent, frame);
                    if let Some(data) = before {
                        self.stream.send_data(data, false)?;
                    }
                }
                Poll::Ready(None) => {
                    let last = self.unsent.take().unwrap_or_default();
                    return Poll::Ready(self.stream.send_data(last, true));
                }
            }
        }
    }

    /// Sends as much of a large message as its window allows, until all is sent.
    fn poll_large(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        while let Some(data) = &mut self.unsent {
            self.stream.reserve_capacity(data.len());
            let room = match ready!(self.stream.poll_capacity(cx)) {
                Some(room) => room?,
                None => return Poll::Ready(Err(h2::Reason::CANCEL.into())),
            };
            let part = data.split_to(room.min(data.len()));
            if data.is_empty() {
                self.unsent = None;
            }
            self.stream.send_data(part, false)?;
        }
        Poll::Ready(Ok(()))
    }
}

/// The body of a response, which carries the rest of the request along.
pub(crate) struct BareBody {
    receive: RecvStream,
    upload: Option<Upload>,
}

impl Body for BareBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        Upload::poll(&mut self.upload, cx);
        if let Some(data) = ready!(self.receive.poll_data(cx)) {
            let data = data?;
            self.receive.flow_control().release_capacity(data.len())?;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let trailers = ready!(self.receive.poll_trailers(cx))?;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.receive.is_end_stream()
    }
}
