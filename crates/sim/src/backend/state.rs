//! What a backend's handles and its tasks share.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{HeaderMap, Request};
use trunkline_runtime::{Lock, PeerAddr};

use super::options::BackendOptions;
use super::reply::{CallReply, Opening};
use super::service::CallService;
use crate::net::{Listener, SimStream};

/// How many received calls a backend keeps; the oldest are dropped first.
const RECEIVED_LIMIT: usize = 1024;

/// A call that a backend received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReceivedCall {
    /// When its headers arrived: the virtual time since the simulation was made.
    pub at: Duration,
    /// The `:authority` of the request; empty if the client sent none.
    pub authority: String,
    /// The `:path` of the request: `/package.Service/Method`.
    pub path: String,
    /// The headers of the request: its metadata, and those of gRPC such as `grpc-timeout`.
    pub headers: HeaderMap,
}

#[derive(Default)]
pub(super) struct SharedBackend(Lock<BackendContent>);

#[derive(Default)]
pub(super) struct BackendContent {
    listener: Option<Listener>,
    /// How many listeners there were, so that the task of an old one does not use a new one.
    generation: u64,
    /// The waker of the task that accepts.
    acceptor: Option<Waker>,
    pub(super) opening: Opening,
    pub(super) options: BackendOptions,
    pub(super) service: Option<Box<dyn CallService>>,
    pub(super) reply: CallReply,
    pub(super) replies: VecDeque<CallReply>,
    pub(super) calls: usize,
    /// The newest calls, oldest first.
    pub(super) received: VecDeque<ReceivedCall>,
    pub(super) accepts: usize,
    /// The open connections, by number.
    pub(super) open: BTreeMap<u64, OpenConn>,
}

/// An open connection, as its task sees it.
#[derive(Default)]
pub(super) struct OpenConn {
    /// Whether the connection is to send GOAWAY, and to close when its calls are done.
    stop: bool,
    waker: Option<Waker>,
}

impl SharedBackend {
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut BackendContent) -> R) -> R {
        change(&mut self.0.lock())
    }

    pub(super) fn listens(&self) -> bool {
        self.with(|content| content.listener.as_ref().is_some_and(Listener::is_open))
    }

    /// Returns a clone of the service, if the backend has one.
    pub(super) fn service(&self) -> Option<Box<dyn CallService>> {
        self.with(|content| content.service.as_ref().map(|service| service.cloned()))
    }

    /// Replaces the listener; returns its generation.
    pub(super) fn listen(&self, listener: Listener) -> u64 {
        let (generation, old) = self.with(|content| {
            content.generation += 1;
            (content.generation, content.listener.replace(listener))
        });
        drop(old);
        generation
    }

    /// Closes the port and asks the connections to stop; returns their numbers.
    pub(super) fn stop(&self) -> Vec<u64> {
        let (listener, mut wakers, connections) = self.with(|content| {
            let open = content.open.values_mut();
            let wakers: Vec<_> = open
                .filter_map(|open| {
                    open.stop = true;
                    open.waker.take()
                })
                .collect();
            let connections = content.open.keys().copied().collect();
            (content.listener.take(), wakers, connections)
        });
        drop(listener);
        wakers.extend(self.with(|content| content.acceptor.take()));
        for waker in wakers {
            waker.wake();
        }
        connections
    }

    /// Returns the next connection, or `None` once the port is closed.
    pub(super) fn poll_accept(
        &self,
        generation: u64,
        cx: &Context<'_>,
    ) -> Poll<Option<io::Result<(SimStream, PeerAddr)>>> {
        self.with(|content| {
            let current = content.generation == generation;
            let Some(listener) = content.listener.as_mut().filter(|_| current) else {
                return Poll::Ready(None);
            };
            let accepted = listener.poll_accept(cx);
            match &accepted {
                Poll::Ready(Ok((stream, _))) => {
                    content.accepts += 1;
                    content.open.insert(stream.conn(), OpenConn::default());
                }
                Poll::Ready(Err(_)) => {}
                Poll::Pending => content.acceptor = Some(cx.waker().clone()),
            }
            accepted.map(Some)
        })
    }

    /// Returns whether a connection is to stop. If not, its task is woken when that changes.
    pub(super) fn shall_stop(&self, conn: u64, cx: &Context<'_>) -> bool {
        self.with(|content| {
            let Some(open) = content.open.get_mut(&conn) else {
                return true;
            };
            open.waker = Some(cx.waker().clone());
            open.stop
        })
    }

    /// Asks one connection to stop.
    pub(super) fn stop_one(&self, conn: u64) {
        let waker = self.with(|content| {
            let open = content.open.get_mut(&conn)?;
            open.stop = true;
            open.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Records a call that arrives at `now`; returns how to answer it.
    pub(super) fn receive<B>(&self, request: &Request<B>, now: Duration) -> CallReply {
        let authority = request.uri().authority();
        let call = ReceivedCall {
            at: now,
            authority: authority.map_or_else(String::new, ToString::to_string),
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
        };
        self.with(|content| {
            content.calls += 1;
            if content.received.len() == RECEIVED_LIMIT {
                content.received.pop_front();
            }
            content.received.push_back(call);
            let single = content.replies.pop_front();
            single.unwrap_or_else(|| content.reply.clone())
        })
    }

    /// Records that a connection has ended.
    pub(super) fn closed(&self, conn: u64) {
        let open = self.with(|content| content.open.remove(&conn));
        drop(open);
    }
}
