//! The future of a connection attempt.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use trunkline_runtime::{PeerAddr, Stream, UnixAddr};

use super::stream::SimStream;
use crate::world::{CLIENT, SharedWorld};

/// Starts the attempt at the first poll. A drop abandons it.
pub(crate) struct Connect {
    shared: Arc<SharedWorld>,
    peer: PeerAddr,
    bind: Option<IpAddr>,
    /// The number of the attempt while it is in progress.
    attempt: Option<u64>,
}

impl Connect {
    pub(crate) fn new(shared: Arc<SharedWorld>, peer: PeerAddr, bind: Option<IpAddr>) -> Self {
        Self {
            shared,
            peer,
            bind,
            attempt: None,
        }
    }

    fn start(&self) -> io::Result<u64> {
        self.shared.with(|world| {
            let local = match &self.peer {
                PeerAddr::Ip(peer) => {
                    let source = world.net.source(peer.ip(), self.bind)?;
                    PeerAddr::Ip(SocketAddr::new(source, world.net.port()))
                }
                // The client's end of a Unix socket has no name.
                _ => PeerAddr::Unix(UnixAddr::from_path("")),
            };
            world.connect(local, self.peer.clone())
        })
    }
}

impl Future for Connect {
    type Output = io::Result<Box<dyn Stream>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = match self.attempt {
            Some(id) => id,
            None => {
                let id = self.start()?;
                self.attempt = Some(id);
                id
            }
        };
        self.shared
            .with(|world| world.poll_attempt(id, cx))
            .map(|result| {
                self.attempt = None;
                let end = (result?, CLIENT);
                let stream = SimStream::new(self.shared.clone(), end, self.peer.clone());
                Ok(Box::new(stream) as Box<dyn Stream>)
            })
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        if let Some(id) = self.attempt.take() {
            self.shared.with(|world| world.drop_attempt(id));
        }
    }
}
