//! A runtime in virtual time whose network is a table, and which logs the calls to it.

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};
use trunkline_runtime::{
    BoxFuture, PeerAddr, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket,
};

/// How an address answers an attempt; times are in milliseconds from its start. An address without
/// an entry never answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// The connection is established.
    Works(u64),
    /// The attempt fails.
    Fails(u64, io::ErrorKind),
}

/// The runtime. Clones share one state.
#[derive(Clone, Debug)]
pub(crate) struct Fake(Arc<Mutex<FakeState>>);

#[derive(Debug)]
struct FakeState {
    began: Instant,
    now: Instant,
    wakes: BTreeSet<Instant>,
    log: Vec<String>,
    behaviours: Vec<(SocketAddr, Behaviour)>,
    names: Vec<(&'static str, Vec<SocketAddr>)>,
    sources: Vec<(SocketAddr, IpAddr)>,
}

impl Fake {
    pub(crate) fn new(behaviours: &[(&str, Behaviour)]) -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(FakeState {
            began: now,
            now,
            wakes: BTreeSet::new(),
            log: Vec::new(),
            behaviours: behaviours
                .iter()
                .map(|(to, behaviour)| (address(to), *behaviour))
                .collect(),
            names: Vec::new(),
            sources: Vec::new(),
        })))
    }

    pub(crate) fn with_name(self, name: &'static str, list: &[&str]) -> Self {
        self.state().names.push((name, addresses(list)));
        self
    }

    pub(crate) fn with_source(self, to: &str, from: &str) -> Self {
        self.state()
            .sources
            .push((address(to), from.parse().unwrap()));
        self
    }

    /// Returns the calls so far, each with its time in milliseconds.
    pub(crate) fn log(&self) -> String {
        self.state().log.join(", ")
    }

    /// Returns a future that is ready with `value` after a time.
    pub(crate) fn after<T: Send + 'static>(&self, millis: u64, value: T) -> BoxFuture<T> {
        let at = self.now() + Duration::from_millis(millis);
        let (fake, mut value) = (self.clone(), Some(value));
        Box::pin(std::future::poll_fn(move |_| {
            if fake.reached(at) {
                value.take().map_or(Poll::Pending, Poll::Ready)
            } else {
                Poll::Pending
            }
        }))
    }

    /// Runs `future` to its end. When it is pending, the time jumps to the next timeout.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
            let mut state = self.state();
            let next = state
                .wakes
                .pop_first()
                .expect("the future is pending, but no timeout is set");
            state.now = state.now.max(next);
        }
        panic!("the future does not end");
    }

    fn state(&self) -> MutexGuard<'_, FakeState> {
        self.0.lock().unwrap()
    }

    /// Adds a line to the log.
    pub(crate) fn note(&self, what: impl std::fmt::Display) {
        let mut state = self.state();
        let ms = (state.now - state.began).as_millis();
        state.log.push(format!("{ms} {what}"));
    }

    /// True when the time `at` has come. If not, `block_on` lets the clock jump to `at`, unless it
    /// must stop earlier.
    fn reached(&self, at: Instant) -> bool {
        let mut state = self.state();
        let reached = at <= state.now;
        if !reached {
            state.wakes.insert(at);
        }
        reached
    }
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn addresses(list: &[&str]) -> Vec<SocketAddr> {
    list.iter().map(|text| address(text)).collect()
}

impl Runtime for Fake {
    fn now(&self) -> Instant {
        self.state().now
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(FakeTimer {
            fake: self.clone(),
            at: None,
        })
    }

    fn spawn(&self, _task: BoxFuture<()>) {
        panic!("a connect must spawn no task");
    }

    fn fill_entropy(&self, _bytes: &mut [u8]) {
        panic!("a connect must use no randomness");
    }

    fn connect_tcp(
        &self,
        peer: SocketAddr,
        _options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        self.note(format_args!("connect {peer}"));
        let behaviour = self
            .state()
            .behaviours
            .iter()
            .find(|(to, _)| *to == peer)
            .map(|one| one.1);
        let attempt = AttemptGuard(self.clone(), peer, false);
        let ends = match behaviour {
            Some(Behaviour::Works(after)) => self.after(after, None),
            Some(Behaviour::Fails(after, kind)) => self.after(after, Some(kind)),
            None => Box::pin(std::future::pending()),
        };
        Box::pin(async move {
            let mut attempt = attempt;
            let failed = ends.await;
            attempt.2 = true;
            match failed {
                Some(kind) => Err(kind.into()),
                None => Ok(Box::new(FakeStream(attempt.0.clone(), peer, false)) as _),
            }
        })
    }

    fn connect_udp(
        &self,
        _peer: SocketAddr,
        _options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        panic!("a connect must send no datagram");
    }

    fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr> {
        self.note(format_args!("source {destination}"));
        let state = self.state();
        let known = state.sources.iter().find(|(to, _)| *to == destination);
        known
            .map(|(_, from)| *from)
            .ok_or_else(|| io::ErrorKind::NetworkUnreachable.into())
    }

    fn lookup_host(&self, host: &str, _port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        self.note(format_args!("lookup {host}"));
        let state = self.state();
        let known = state.names.iter().find(|(name, _)| *name == host);
        let answer = known.map(|(_, list)| list.clone());
        drop(state);
        self.after(5, answer.ok_or_else(|| io::Error::other("no such host")))
    }
}

/// Logs an attempt that is given up: the runtime, the peer, and whether the attempt ended.
struct AttemptGuard(Fake, SocketAddr, bool);

impl Drop for AttemptGuard {
    fn drop(&mut self) {
        if !self.2 {
            self.0.note(format_args!("give up {}", self.1));
        }
    }
}

struct FakeTimer {
    fake: Fake,
    at: Option<Instant>,
}

impl Timer for FakeTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        let began = self.fake.state().began;
        match deadline {
            Some(at) => self
                .fake
                .note(format_args!("timer {}", (at - began).as_millis())),
            None => self.fake.note("timer off"),
        }
        self.at = deadline;
    }

    fn poll_fired(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        if self.at.is_some_and(|at| self.fake.reached(at)) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// A stream that only logs how it is closed: the runtime, the peer, and whether it was aborted.
#[derive(Debug)]
struct FakeStream(Fake, SocketAddr, bool);

impl Stream for FakeStream {
    fn peer_addr(&self) -> PeerAddr {
        self.1.into()
    }

    fn abort(mut self: Box<Self>) {
        self.2 = true;
    }
}

impl Drop for FakeStream {
    fn drop(&mut self) {
        let how = if self.2 { "abort" } else { "close" };
        self.0.note(format_args!("{how} {}", self.1));
    }
}

impl AsyncRead for FakeStream {
    fn poll_read(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        _buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

impl AsyncWrite for FakeStream {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
