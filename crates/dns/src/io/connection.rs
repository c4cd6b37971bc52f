//! A TCP connection that lookups share: the core [`TcpConnection`] with its stream and its timer.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::{BoxFuture, Runtime, Stream, TcpOptions, Timer};

use crate::core::{Asker, ConnectionEnd, TcpConnection};

/// Octets that are read in one turn.
const BUFFER: usize = 4096;
/// Turns before other tasks have theirs.
const TURNS: usize = 64;

/// A connection, as the pool and those who ask over it hold it. Its stream belongs to a task of its
/// own, which ends with it: nobody has to ask for an idle connection to be closed.
pub(super) struct Shared {
    runtime: Arc<dyn Runtime>,
    state: Mutex<State>,
}

struct State {
    core: TcpConnection,
    askers: Vec<(Asker, Waker)>,
    task: Option<Waker>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    /// Starts to connect, in a task of its own.
    pub(super) fn connect(runtime: &Arc<dyn Runtime>, server: SocketAddr, idle: Duration) -> Share {
        let (core, asker) = TcpConnection::new(idle);
        let shared = Arc::new(Self {
            runtime: Arc::clone(runtime),
            state: Mutex::new(State {
                core,
                askers: Vec::new(),
                task: None,
            }),
        });
        let task = Task {
            shared: Arc::clone(&shared),
            socket: Socket::Connecting(runtime.connect_tcp(server, &TcpOptions::default())),
            timer: runtime.timer(),
            deadline: None,
        };
        runtime.spawn(Box::pin(task));
        Share { shared, asker }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A share in the connection; `None` where it takes no more.
    pub(super) fn join(self: &Arc<Self>) -> Option<Share> {
        let asker = self.lock().core.join()?;
        Some(Share {
            shared: Arc::clone(self),
            asker,
        })
    }

    /// Whether it takes no new asker any more.
    pub(super) fn is_over(&self) -> bool {
        self.lock().core.is_over()
    }

    /// Takes no new asker from now on, and closes with the last.
    pub(super) fn retire(&self) {
        self.change(TcpConnection::retire);
    }

    /// Tells the connection something, and its task that there may be something to do.
    fn change(&self, tell: impl FnOnce(&mut TcpConnection)) {
        let mut state = self.lock();
        tell(&mut state.core);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// One question's share in a connection.
#[derive(Debug)]
pub(super) struct Share {
    shared: Arc<Shared>,
    asker: Asker,
}

impl Share {
    pub(super) fn connection(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(super) fn push(&self, message: &[u8]) {
        self.shared.change(|core| core.ask(self.asker, message));
    }

    /// The next message; `None` when the connection was closed without it.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Vec<u8>>>> {
        let mut state = self.shared.lock();
        if let Some(message) = state.core.poll_reply(self.asker) {
            return Poll::Ready(Ok(Some(message)));
        }
        match state.core.end() {
            Some(ConnectionEnd::Failed(kind)) => return Poll::Ready(Err(kind.into())),
            Some(_) => return Poll::Ready(Ok(None)),
            None => {}
        }
        let mut wakers = state.askers.iter_mut();
        match wakers.find(|(asker, _)| *asker == self.asker) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => state.askers.push((self.asker, cx.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let now = self.shared.runtime.now();
        let mut state = self.shared.lock();
        state.askers.retain(|(asker, _)| *asker != self.asker);
        drop(state);
        self.shared.change(|core| core.leave(self.asker, now));
    }
}

/// What carries a connection: it writes, reads, and watches the time.
struct Task {
    shared: Arc<Shared>,
    socket: Socket,
    timer: Box<dyn Timer>,
    deadline: Option<Instant>,
}

enum Socket {
    Connecting(BoxFuture<io::Result<Box<dyn Stream>>>),
    Open(Box<dyn Stream>),
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self {
            shared,
            socket,
            timer,
            deadline,
        } = &mut *self;
        let mut state = shared.lock();
        let core = &mut state.core;
        let again = match socket.poll(core, cx) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(error)) => {
                core.handle_closed(error);
                false
            }
            Poll::Pending => false,
        };
        let due = core.poll_timeout();
        if *deadline != due {
            *deadline = due;
            timer.set(due);
        }
        if due.is_some() && timer.poll_fired(cx).is_ready() {
            // A timer that is early would else never be polled again.
            let now = shared.runtime.now();
            core.handle_timeout(due.map_or(now, |due| now.max(due)));
        }
        let over = state.core.end().is_some();
        state.task = (!over).then(|| cx.waker().clone());
        let woken = state.woken();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        if over {
            return Poll::Ready(());
        }
        if again {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Task {
    /// Where the executor is gone before the connection is over, those who wait are told.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.core.handle_closed(None);
        let woken = state.woken();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// The wakers of those for whom there is something.
    fn woken(&mut self) -> Vec<Waker> {
        let Self { core, askers, .. } = self;
        let over = core.end().is_some();
        let mut woken = Vec::new();
        askers.retain(|(asker, waker)| {
            let there = over || core.has_reply(*asker);
            if there {
                woken.push(waker.clone());
            }
            !there
        });
        woken
    }
}

impl Socket {
    /// Connects, writes what is to be written, reads what is there; ready when others are to have
    /// their turn, or with how the connection ended.
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
                // What cannot be written now must not hold up what comes in.
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(flushed) = stream.as_mut().poll_flush(cx) {
            flushed.map_err(kind)?;
        }
        let mut buffer = [0; BUFFER];
        for _ in 0..TURNS {
            match ready!(stream.as_mut().poll_read(cx, &mut buffer)).map_err(kind)? {
                0 => return Poll::Ready(Err(None)),
                count => core.handle_received(buffer.get(..count).unwrap_or(&buffer)),
            }
        }
        Poll::Ready(Ok(()))
    }
}
