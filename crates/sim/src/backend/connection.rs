//! A backend's connections.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_compat::Compat;
use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::{PeerAddr, Runtime};

use super::Opening;
use super::call;
use super::state::State;
use crate::executor;
use crate::net::SimStream;
use crate::runtime::SimRuntime;
use crate::world::Shared;

/// What a call needs to know of its connection.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) state: Arc<State>,
    pub(super) address: PeerAddr,
    pub(super) conn: u64,
}

/// Accepts until the port is closed.
pub(super) async fn accept(
    shared: Arc<Shared>,
    address: PeerAddr,
    state: Arc<State>,
    generation: u64,
) {
    loop {
        let accepted = poll_fn(|cx| state.poll_accept(generation, cx)).await;
        // Closed, or the host was killed.
        let Some(Ok((stream, client))) = accepted else {
            return;
        };
        let connection = Connection {
            shared: shared.clone(),
            state: state.clone(),
            address: address.clone(),
            conn: stream.conn(),
        };
        let name = format!("backend {address} for {client}");
        let serving = async move {
            // How a connection ends is the client's affair; here it only counts that it did.
            let _ = connection.serve(stream).await;
            connection.state.closed(connection.conn);
        };
        executor::spawn(&shared, name, Box::pin(serving));
    }
}

impl Connection {
    async fn serve(&self, stream: SimStream) -> io::Result<()> {
        match self.state.with(|inner| inner.opening) {
            Opening::AtOnce => self.http2(stream).await.map_err(io::Error::other),
            Opening::After(delay) => {
                self.sleep(delay).await;
                self.http2(stream).await.map_err(io::Error::other)
            }
            Opening::Silent => drain(stream).await,
            Opening::Garbage => garbage(stream).await,
            Opening::Close => Ok(()),
        }
    }

    async fn http2(&self, stream: SimStream) -> Result<(), h2::Error> {
        let mut http2 = h2::server::handshake(Compat::new(stream)).await?;
        let mut stopping = false;
        loop {
            let accepted = poll_fn(|cx| {
                if !stopping && self.state.shall_stop(self.conn, cx) {
                    stopping = true;
                    http2.graceful_shutdown();
                }
                http2.poll_accept(cx)
            });
            let Some(accepted) = accepted.await else {
                return Ok(());
            };
            let (request, respond) = accepted?;
            let reply = self.state.next_reply();
            let answering = call::answer(self.clone(), request, respond, reply);
            executor::spawn(&self.shared, String::new(), Box::pin(answering));
        }
    }

    pub(super) async fn sleep(&self, delay: Duration) {
        let runtime: Arc<dyn Runtime> = Arc::new(SimRuntime::new(self.shared.clone()));
        runtime.sleep_until(runtime.now() + delay).await;
    }
}

/// Reads to the end.
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

async fn garbage(mut stream: SimStream) -> io::Result<()> {
    let text = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
    // Less than any buffer: written at once.
    poll_fn(|cx| Pin::new(&mut stream).poll_write(cx, text)).await?;
    poll_fn(|cx| Pin::new(&mut stream).poll_close(cx)).await?;
    drain(stream).await
}
