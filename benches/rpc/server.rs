//! The neutral echo server, on plain h2.
//!
//! `HelloRequest` and `HelloReply` have one field, a string with the same tag. So the request
//! message is a valid reply message.

use std::io::Read;
use std::thread;

use bytes::BytesMut;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};

use crate::pin;

pub(crate) const ROLE: &str = "server";

const WINDOW: u32 = 1024 * 1024;

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
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a loopback port");
        println!("{}", listener.local_addr().expect("its address"));
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(connection(socket));
        }
    });
}

async fn connection(socket: TcpStream) {
    socket.set_nodelay(true).expect("a TCP socket");
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
