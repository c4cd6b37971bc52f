//! What the tests share: a runtime whose time stands still until it is moved.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use trunkline_resolver::{Resolution, Resolver, ResolverOptions};
use trunkline_runtime::{BoxFuture, Runtime, Stream, TcpOptions, Timer, UdpOptions, UdpSocket};

/// A runtime in virtual time without a network.
#[derive(Debug)]
pub(crate) struct Still {
    now: Arc<Mutex<Instant>>,
}

impl Still {
    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time needs some first instant"
    )]
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            now: Arc::new(Mutex::new(Instant::now())),
        })
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.now.lock().unwrap() += by;
    }

    pub(crate) fn options(self: &Arc<Self>) -> ResolverOptions {
        ResolverOptions::new(self.clone())
    }
}

struct StillTimer {
    now: Arc<Mutex<Instant>>,
    deadline: Option<Instant>,
}

impl Timer for StillTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn poll_fired(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        let now = *self.now.lock().unwrap();
        match self.deadline {
            Some(deadline) if deadline <= now => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Runtime for Still {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(StillTimer {
            now: Arc::clone(&self.now),
            deadline: None,
        })
    }

    fn spawn(&self, _task: BoxFuture<()>) {
        panic!("nothing here spawns");
    }

    fn fill_entropy(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn connect_tcp(
        &self,
        _peer: SocketAddr,
        _options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        Box::pin(async { Err(io::ErrorKind::NetworkUnreachable.into()) })
    }

    fn connect_udp(
        &self,
        _peer: SocketAddr,
        _options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        Err(io::ErrorKind::NetworkUnreachable.into())
    }

    fn source_address(&self, _destination: SocketAddr) -> io::Result<IpAddr> {
        Err(io::ErrorKind::NetworkUnreachable.into())
    }
}

/// What the resolver has to say now.
pub(crate) fn poll(resolver: &mut Box<dyn Resolver>) -> Poll<Resolution> {
    resolver.poll_resolution(&mut Context::from_waker(Waker::noop()))
}

/// The next resolution.
pub(crate) async fn next(resolver: &mut Box<dyn Resolver>) -> Resolution {
    poll_fn(|cx| resolver.poll_resolution(cx)).await
}

/// The addresses of the endpoints, printed.
pub(crate) fn printed(resolution: &Resolution) -> Vec<Vec<String>> {
    let endpoints = resolution.endpoints.as_ref().expect("there are endpoints");
    let addresses = |endpoint: &trunkline_endpoint::Endpoint| {
        let addresses = endpoint.addresses().iter();
        addresses.map(ToString::to_string).collect()
    };
    endpoints.iter().map(addresses).collect()
}
