//! The neutral echo server, on plain h2.
//!
//! `HelloRequest` and `HelloReply` have one field, a string with the same tag. So the request
//! message is a valid reply message.

use std::io::Read;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use trunkline_testkit::certificates::{Authority, server_config};

pub(crate) const ROLE: &str = "server";

/// The name in the server's certificate.
pub(crate) const NAME: &str = "greeter.test";

/// How many backends there are, each for plaintext and for TLS.
const BACKENDS: usize = 3;

const WINDOW: u32 = 1024 * 1024;

/// Where the backends are, for clients: the line that the server prints.
#[derive(Deserialize, Serialize)]
pub(crate) struct Backends {
    pub(crate) plaintext: Vec<String>,
    pub(crate) tls: Vec<String>,
    pub(crate) root_pem: String,
}

/// Runs the server, until its input ends.
pub(crate) fn run() {
    thread::spawn(|| {
        // The parent never writes, so the read returns when the parent has ended.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a tokio runtime");
    let authority = Authority::new("Benchmark Root");
    let config = server_config(&authority.issue(&[NAME]));
    runtime.block_on(async {
        let mut backends = Backends {
            plaintext: Vec::new(),
            tls: Vec::new(),
            root_pem: authority.pem(),
        };
        let mut tasks = Vec::new();
        for _ in 0..BACKENDS {
            let (plaintext, encrypted) = (listen().await, listen().await);
            let address = |listener: &TcpListener| {
                let port = listener.local_addr().expect("its address").port();
                format!("127.0.0.1:{port}")
            };
            backends.plaintext.push(address(&plaintext));
            backends.tls.push(address(&encrypted));
            tasks.push(tokio::spawn(accept(plaintext)));
            tasks.push(tokio::spawn(accept_encrypted(
                encrypted,
                Arc::clone(&config),
            )));
        }
        println!("{}", serde_json::to_string(&backends).expect("plain data"));
        for task in tasks {
            task.await.expect("a listener that accepts");
        }
    });
}

async fn accept(listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        socket.set_nodelay(true).expect("a TCP socket");
        tokio::spawn(connection(socket));
    }
}

/// Listens on all addresses, so that one server can be many backends.
async fn listen() -> TcpListener {
    let listener = TcpListener::bind("0.0.0.0:0").await;
    listener.expect("a free port")
}

async fn accept_encrypted(listener: TcpListener, config: Arc<ServerConfig>) {
    let acceptor = TlsAcceptor::from(config);
    while let Ok((socket, _)) = listener.accept().await {
        socket.set_nodelay(true).expect("a TCP socket");
        tokio::spawn(encrypted(socket, acceptor.clone()));
    }
}

async fn encrypted(socket: TcpStream, acceptor: TlsAcceptor) {
    // A client can end before it is connected.
    let Ok(stream) = acceptor.accept(socket).await else {
        return;
    };
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    connection(stream).await;
}

async fn connection(socket: impl AsyncRead + AsyncWrite + Unpin) {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(1_000);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(socket).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        // An error is caused by a call that the client has cancelled.
        tokio::spawn(async { echo(request, respond).await.ok() });
    }
}

/// Sends each part of the request back, as it comes.
async fn echo(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let mut body = request.into_body();
    let mut response = Response::new(());
    let content_type = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", content_type);
    // A unary request has come whole when the first part has, nearly always: its answer is one write.
    let mut part = body.data().await.transpose()?;
    let mut send = respond.send_response(response, false)?;
    while let Some(data) = part {
        body.flow_control().release_capacity(data.len())?;
        // The end of a request can come as an empty part. What waits for the client's window is
        // bounded by what the client sends ahead.
        if !data.is_empty() {
            send.send_data(data, false)?;
        }
        part = body.data().await.transpose()?;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    send.send_trailers(trailers)
}
