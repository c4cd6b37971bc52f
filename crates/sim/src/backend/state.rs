//! What a backend's tasks and handles share.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use trunkline_runtime::PeerAddr;

use super::{Opening, Reply};
use crate::Listener;
use crate::net::SimStream;

#[derive(Default)]
pub(super) struct State(Mutex<Inner>);

#[derive(Default)]
pub(super) struct Inner {
    listener: Option<Listener>,
    /// Counts the listeners, so that the task of an old one leaves the new one alone.
    generation: u64,
    /// Of the task that accepts.
    acceptor: Option<Waker>,
    pub(super) opening: Opening,
    pub(super) reply: Reply,
    pub(super) replies: VecDeque<Reply>,
    pub(super) calls: usize,
    pub(super) accepts: usize,
    /// The open connections, by number.
    pub(super) open: BTreeMap<u64, Open>,
}

/// What a connection's task is told.
#[derive(Default)]
pub(super) struct Open {
    /// Send GOAWAY, and close when the calls are done.
    stop: bool,
    waker: Option<Waker>,
}

impl State {
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut Inner) -> R) -> R {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn listens(&self) -> bool {
        self.with(|inner| inner.listener.as_ref().is_some_and(Listener::is_open))
    }

    /// Takes a listener, and says which one it is.
    pub(super) fn listen(&self, listener: Listener) -> u64 {
        let (generation, old) = self.with(|inner| {
            inner.generation += 1;
            (inner.generation, inner.listener.replace(listener))
        });
        drop(old);
        generation
    }

    /// Closes the port and tells the connections to stop; returns their numbers.
    pub(super) fn stop(&self) -> Vec<u64> {
        let (listener, mut wakers, connections) = self.with(|inner| {
            let open = inner.open.values_mut();
            let wakers: Vec<_> = open
                .filter_map(|open| {
                    open.stop = true;
                    open.waker.take()
                })
                .collect();
            let connections = inner.open.keys().copied().collect();
            (inner.listener.take(), wakers, connections)
        });
        drop(listener);
        wakers.extend(self.with(|inner| inner.acceptor.take()));
        for waker in wakers {
            waker.wake();
        }
        connections
    }

    /// The next connection; `None` once the port is closed.
    pub(super) fn poll_accept(
        &self,
        generation: u64,
        cx: &Context<'_>,
    ) -> Poll<Option<io::Result<(SimStream, PeerAddr)>>> {
        self.with(|inner| {
            let current = inner.generation == generation;
            let Some(listener) = inner.listener.as_mut().filter(|_| current) else {
                return Poll::Ready(None);
            };
            let accepted = listener.poll_accept(cx);
            match &accepted {
                Poll::Ready(Ok((stream, _))) => {
                    inner.accepts += 1;
                    inner.open.insert(stream.conn(), Open::default());
                }
                Poll::Ready(Err(_)) => {}
                Poll::Pending => inner.acceptor = Some(cx.waker().clone()),
            }
            accepted.map(Some)
        })
    }

    /// Whether the connection shall stop; else its task is woken when it shall.
    pub(super) fn shall_stop(&self, conn: u64, cx: &Context<'_>) -> bool {
        self.with(|inner| {
            let Some(open) = inner.open.get_mut(&conn) else {
                return true;
            };
            open.waker = Some(cx.waker().clone());
            open.stop
        })
    }

    /// Tells one connection to stop.
    pub(super) fn stop_one(&self, conn: u64) {
        let waker = self.with(|inner| {
            let open = inner.open.get_mut(&conn)?;
            open.stop = true;
            open.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Counts a call and says how to answer it.
    pub(super) fn next_reply(&self) -> Reply {
        self.with(|inner| {
            inner.calls += 1;
            let single = inner.replies.pop_front();
            single.unwrap_or_else(|| inner.reply.clone())
        })
    }

    pub(super) fn closed(&self, conn: u64) {
        let open = self.with(|inner| inner.open.remove(&conn));
        drop(open);
    }
}
