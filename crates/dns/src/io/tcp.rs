//! A TCP connection that lookups share: its core, with its stream and its timer.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::{Alarm, BoxFuture, Lock, Runtime, Stream, TcpOptions};

use crate::core::{Asker, ConnectionEnd, TcpConnection};

/// The size of the buffer for one read, in bytes.
const BUFFER: usize = 4096;
/// The maximum number of reads in one poll of the task, before other tasks run.
const MAX_READS: usize = 64;

/// A connection, shared by the pool and the lookups that ask over it.
///
/// Its stream belongs to a [`TcpTask`], which closes it when it has been idle for long enough.
pub(super) struct SharedTcp {
    runtime: Arc<dyn Runtime>,
    state: Lock<TcpState>,
}

struct TcpState {
    core: TcpConnection,
    /// The askers that wait for a reply.
    waiting: Vec<(Asker, Waker)>,
    task: Option<Waker>,
}

impl fmt::Debug for SharedTcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTcp").finish_non_exhaustive()
    }
}

impl SharedTcp {
    /// Spawns a task that connects to `server`; returns the first share in the connection.
    pub(super) fn connect(
        runtime: &Arc<dyn Runtime>,
        server: SocketAddr,
        idle: Duration,
    ) -> TcpShare {
        let (core, asker) = TcpConnection::new(idle);
        let shared = Arc::new(Self {
            runtime: Arc::clone(runtime),
            state: Lock::new(TcpState {
                core,
                waiting: Vec::new(),
                task: None,
            }),
        });
        let task = TcpTask {
            shared: Arc::clone(&shared),
            socket: TcpSocket::Connecting(runtime.connect_tcp(server, &TcpOptions::default())),
            alarm: Alarm::new(),
        };
        runtime.spawn(Box::pin(task));
        TcpShare { shared, asker }
    }

    /// Returns a share in the connection; `None` where it takes no more.
    pub(super) fn join(self: &Arc<Self>) -> Option<TcpShare> {
        let asker = self.state.lock().core.join()?;
        Some(TcpShare {
            shared: Arc::clone(self),
            asker,
        })
    }

    /// Returns whether the connection takes no new shares.
    pub(super) fn is_over(&self) -> bool {
        self.state.lock().core.is_over()
    }

    /// Refuses new shares from now on, and closes the connection with the last one.
    pub(super) fn retire(&self) {
        self.change(TcpConnection::retire);
    }

    /// Changes the core, and wakes the task, which may have something to write or to close.
    fn change(&self, change: impl FnOnce(&mut TcpConnection)) {
        let mut state = self.state.lock();
        change(&mut state.core);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// The share of one question in a connection.
#[derive(Debug)]
pub(super) struct TcpShare {
    shared: Arc<SharedTcp>,
    asker: Asker,
}

impl TcpShare {
    pub(super) fn connection(&self) -> &Arc<SharedTcp> {
        &self.shared
    }

    pub(super) fn push(&self, message: &[u8]) {
        self.shared.change(|core| core.ask(self.asker, message));
    }

    /// Waits for the next message; `None` when the connection was closed before one arrived.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let mut state = self.shared.state.lock();
        if let Some(message) = state.core.poll_reply(self.asker) {
            return Poll::Ready(Ok(Some(message)));
        }
        match state.core.end() {
            Some(ConnectionEnd::Failed(kind)) => return Poll::Ready(Err(kind.into())),
            Some(ConnectionEnd::Flooded) => {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            Some(_) => return Poll::Ready(Ok(None)),
            None => {}
        }
        let mut wakers = state.waiting.iter_mut();
        match wakers.find(|(asker, _)| *asker == self.asker) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => state.waiting.push((self.asker, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for TcpShare {
    fn drop(&mut self) {
        let now = self.shared.runtime.now();
        let mut state = self.shared.state.lock();
        state.waiting.retain(|(asker, _)| *asker != self.asker);
        drop(state);
        self.shared.change(|core| core.leave(self.asker, now));
    }
}

/// The task of a connection: it connects, writes, reads, and closes the idle connection.
struct TcpTask {
    shared: Arc<SharedTcp>,
    socket: TcpSocket,
    alarm: Alarm,
}

enum TcpSocket {
    Connecting(BoxFuture<io::Result<Box<dyn Stream>>>),
    Open(Box<dyn Stream>),
}

impl Future for TcpTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self {
            shared,
            socket,
            alarm,
        } = &mut *self;
        let mut state = shared.state.lock();
        let core = &mut state.core;
        let again = match socket.poll(core, cx) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) => {
                core.handle_closed(error);
                false
            }
            Poll::Pending => false,
        };
        if let Poll::Ready(now) = alarm.poll(cx, core.poll_timeout(), &*shared.runtime) {
            core.handle_timeout(now);
        }
        let over = state.core.end().is_some();
        state.task = (!over).then(|| cx.waker().clone());
        let ready = state.take_ready();
        drop(state);
        ready.into_iter().for_each(Waker::wake);
        if over {
            return Poll::Ready(());
        }
        if again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for TcpTask {
    /// Ends the connection where the executor drops its task first, so that no asker waits for
    /// ever.
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.core.handle_closed(None);
        let ready = state.take_ready();
        drop(state);
        ready.into_iter().for_each(Waker::wake);
    }
}

impl TcpState {
    /// Removes and returns the wakers of the askers that have a reply: all of them, once the
    /// connection has ended.
    fn take_ready(&mut self) -> Vec<Waker> {
        let Self { core, waiting, .. } = self;
        let over = core.end().is_some();
        let mut ready = Vec::new();
        waiting.retain(|(asker, waker)| {
            let is_ready = over || core.has_reply(*asker);
            if is_ready {
                ready.push(waker.clone());
            }
            !is_ready
        });
        ready
    }
}

impl TcpSocket {
    /// Connects, writes what the core has to send, and reads what has arrived. Ready with `Ok`
    /// after [`MAX_READS`] reads, and with `Err` when the connection has ended: the error, or
    /// `None` where the server closed it.
    fn poll(
        &mut self,
        core: &mut TcpConnection,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Option<io::ErrorKind>>> {
        let stream = loop {
            match self {
                Self::Connecting(connect) => {
                    let stream = ready!(connect.as_mut().poll(cx)).map_err(|error| error.kind())?;
                    core.handle_established();
                    *self = Self::Open(stream);
                }
                Self::Open(stream) => break stream,
            }
        };
        let mut stream = Pin::new(stream);
        let kind = |error: io::Error| Some(error.kind());
        while !core.unsent().is_empty() {
            match stream.as_mut().poll_write(cx, core.unsent()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(None)),
                Poll::Ready(sent) => core.handle_sent(sent.map_err(kind)?),
                // A write that has to wait must not keep replies from being read.
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(flushed) = stream.as_mut().poll_flush(cx) {
            flushed.map_err(kind)?;
        }
        let mut buffer = [0; BUFFER];
        for _ in 0..MAX_READS {
            match ready!(stream.as_mut().poll_read(cx, &mut buffer)).map_err(kind)? {
                0 => return Poll::Ready(Err(None)),
                count => core.handle_received(buffer.get(..count).unwrap_or(&buffer)),
            }
            if core.end().is_some() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
