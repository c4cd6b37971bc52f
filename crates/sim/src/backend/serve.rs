//! The tasks that accept and serve a backend's connections.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use async_compat::Compat;
use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::PeerAddr;

use super::call;
use super::connection::AcceptedConn;
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
    match connection.state.with(|content| content.opening) {
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
    let mut http2 = h2::server::handshake(Compat::new(stream)).await?;
    let mut stopping = false;
    loop {
        let accepted = poll_fn(|cx| {
            if !stopping && connection.state.shall_stop(connection.conn, cx) {
                stopping = true;
                http2.graceful_shutdown();
            }
            http2.poll_accept(cx)
        });
        let Some(accepted) = accepted.await else {
            return Ok(());
        };
        let (request, respond) = accepted?;
        let (head, body) = request.into_parts();
        let now = connection.shared.with(|world| world.now);
        let reply = connection.state.receive(&head, now);
        let answering = call::answer(connection.clone(), body, respond, reply);
        executor::spawn(&connection.shared, String::new(), Box::pin(answering));
    }
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
