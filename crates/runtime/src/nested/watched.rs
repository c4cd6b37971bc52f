//! Sockets that the reactor watches.

use std::fmt::Debug;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::driving::Nested;
use super::global::nested;
use super::source::Source;
use crate::reactor::watch::Watch;

/// A socket that the reactor watches.
#[derive(Debug)]
pub(crate) struct Watched<S: AsFd> {
    socket: S,
    source: Arc<Source>,
    key: u64,
    nested: &'static Nested,
}

impl<S: AsFd> Watched<S> {
    /// Returns what a task finds that waits for the socket: while no thread is in `block_on`, async-io
    /// must watch the reactor.
    fn wait(&self, poll: Poll<()>) -> Poll<io::Result<()>> {
        if poll.is_pending() {
            self.nested.is_driven_for_caller();
        }
        poll.map(Ok)
    }
}

impl<S> Watch<S> for Watched<S>
where
    S: AsFd + Debug + Send + Sync + Unpin + 'static,
{
    fn watch(socket: S) -> io::Result<Self> {
        let nested = nested()?;
        let source = Arc::<Source>::default();
        let key = nested.reactor.add(&socket, Arc::clone(&source))?;
        Ok(Self {
            socket,
            source,
            key,
            nested,
        })
    }

    fn socket(&self) -> &S {
        &self.socket
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wait(self.source.poll_readable(cx))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wait(self.source.poll_writable(cx))
    }

    fn has_ended(&self) -> bool {
        self.source.has_ended()
    }
}

impl<S: AsFd> Drop for Watched<S> {
    fn drop(&mut self) {
        self.nested.reactor.remove(&self.socket, self.key);
    }
}
