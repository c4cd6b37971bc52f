//! The neutral echo server, on plain h2.
//!
//! `HelloRequest` and `HelloReply` have one field, a string with the same tag. So the request
//! message is a valid reply message.

use std::io::Read;
use std::sync::Arc;
use std::thread;

use bytes::BytesMut;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use trunkline_testkit::certificates::{Authority, server_config};

use crate::pin;

pub(crate) const ROLE: &str = "server";

/// The name in the server's certificate.
pub(crate) const NAME: &str = "greeter.test";

const WINDOW: u32 = 1024 * 1024;

/// Runs the server. It prints one line: its address, its address for TLS, and its root certificate.
pub(crate) fn run() {
    pin::apply();
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
        let (plaintext, encrypted) = (listen().await, listen().await);
        let address = |listener: &TcpListener| listener.local_addr().expect("its address");
        let root = one_word(&authority.pem());
        println!("{} {} {root}", address(&plaintext), address(&encrypted));
        tokio::spawn(accept_encrypted(encrypted, config));
        while let Ok((socket, _)) = plaintext.accept().await {
            socket.set_nodelay(true).expect("a TCP socket");
            tokio::spawn(connection(socket));
        }
    });
}

/// Encodes a certificate in PEM as one word, for a line of text.
pub(crate) fn one_word(pem: &str) -> String {
    pem.replace('\n', "|").replace(' ', "_")
}

/// Decodes the result of [`one_word`].
pub(crate) fn lines(word: &str) -> String {
    word.replace('|', "\n").replace('_', " ")
}

async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    listener.expect("a loopback port")
}

async fn accept_encrypted(listener: TcpListener, config: Arc<ServerConfig>) {
    let acceptor = TlsAcceptor::from(config);
    while let Ok((socket, _)) = listener.accept().await {
        socket.set_nodelay(true).expect("a TCP socket");
        tokio::spawn(encrypted(socket, acceptor.clone()));
    }
}

async fn encrypted(socket: TcpStream, acceptor: TlsAcceptor) {
    let stream = acceptor.accept(socket).await;
    let stream = stream.expect("a client that trusts the root");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    connection(stream).await;
}

async fn connection(socket: impl AsyncRead + AsyncWrite + Unpin) {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_concurrent_streams(1_000);
    let connection = builder.handshake(socket).await;
    let mut connection: h2::server::Connection<_, bytes::Bytes> =
        connection.expect("a client that speaks HTTP/2");
    while let Some(Ok((request, respond))) = connection.accept().await {
        // An error is caused by a call that the client has cancelled.
        tokio::spawn(async { echo(request, respond).await.ok() });
    }
}

async fn echo(
    request: Request<RecvStream>,
    mut respond: SendResponse<bytes::Bytes>,
) -> Result<(), h2::Error> {
    let mut body = request.into_body();
    let mut message = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        message.extend_from_slice(&data);
    }
    let mut response = Response::new(());
    let content_type = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", content_type);
    let mut send = respond.send_response(response, false)?;
    send.send_data(message.freeze(), false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    send.send_trailers(trailers)
}
