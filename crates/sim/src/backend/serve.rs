//! The tasks that accept and serve a backend's connections.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use async_compat::Compat;
use futures_io::{AsyncRead, AsyncWrite};
use h2::server::Builder;
use trunkline_runtime::PeerAddr;

use super::age::{AgeLimit, ConnectionAge};
use super::call;
use super::connection::AcceptedConn;
use super::options::BackendOptions;
use super::reply::Opening;
use super::state::SharedBackend;
use crate::executor;
use crate::net::SimStream;
use crate::world::SharedWorld;

/// Accepts connections until the port is closed.
pub(super) async fn accept(
    shared: Arc<SharedWorld>,
    address: PeerAddr,
    state: Arc<SharedBackend>,
    generation: u64,
) {
    loop {
        let accepted = poll_fn(|cx| state.poll_accept(generation, cx)).await;
        // `None`: the port was closed. An error: the host was killed.
        let Some(Ok((stream, client))) = accepted else {
            return;
        };
        let connection = AcceptedConn {
            shared: shared.clone(),
            state: state.clone(),
            address: address.clone(),
            client: client.clone(),
            conn: stream.conn(),
        };
        let name = format!("backend {address} for {client}");
        let serving = async move {
            // The client may end the connection in any way; the backend only counts the end.
            let _ = serve(&connection, stream).await;
            connection.state.closed(connection.conn);
        };
        executor::spawn(&shared, name, Box::pin(serving));
    }
}

async fn serve(connection: &AcceptedConn, stream: SimStream) -> io::Result<()> {
    let opening = connection.state.with(|content| content.opening);
    match opening {
        Opening::AtOnce => http2(connection, stream).await.map_err(io::Error::other),
        Opening::After(delay) => {
            connection.sleep(delay).await;
            http2(connection, stream).await.map_err(io::Error::other)
        }
        Opening::Silent => drain(stream).await,
        Opening::Garbage => garbage(stream).await,
        Opening::Close => Ok(()),
    }
}

async fn http2(connection: &AcceptedConn, stream: SimStream) -> Result<(), h2::Error> {
    let options = connection.state.with(|content| content.options.clone());
    let mut age = ConnectionAge::new(&connection.shared, &options);
    let mut http2 = settings(&options).handshake(Compat::new(stream)).await?;
    let mut stopping = false;
    loop {
        let accepted = poll_fn(|cx| {
            let mut stop = connection.state.shall_stop(connection.conn, cx);
            while let Poll::Ready(limit) = age.poll_limit(cx) {
                match limit {
                    AgeLimit::Drain => stop = true,
                    AgeLimit::Close => return Poll::Ready(None),
                }
            }
            if stop && !stopping {
                stopping = true;
                http2.graceful_shutdown();
            }
            http2.poll_accept(cx)
        });
        let Some(accepted) = accepted.await else {
            return Ok(());
        };
        let (request, respond) = accepted?;
        let now = connection.shared.with(|world| world.now);
        let reply = connection.state.receive(&request, now);
        let name = format!("call {} to {}", request.uri().path(), connection.address);
        let answering = call::answer(connection.clone(), request, respond, reply);
        executor::spawn(&connection.shared, name, Box::pin(answering));
    }
}

fn settings(options: &BackendOptions) -> Builder {
    let mut settings = Builder::new();
    if let Some(calls) = options.max_concurrent_streams {
        settings.max_concurrent_streams(calls);
    }
    settings
}

/// Reads until the client closes its direction.
async fn drain(mut stream: SimStream) -> io::Result<()> {
    let mut buffer = [0; 4096];
    poll_fn(|cx| {
        loop {
            match Pin::new(&mut stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

/// Answers in HTTP/1.1 and closes.
async fn garbage(mut stream: SimStream) -> io::Result<()> {
    let text = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
    // The text is shorter than any buffer, so one write takes all of it.
    poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, text)).await?;
    poll_fn(|cx| Pin::new(&mut stream).poll_close(cx)).await?;
    drain(stream).await
}
