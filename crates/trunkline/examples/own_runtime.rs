//! A runtime of your own: the trait `Runtime`, implemented outside of Trunkline's crates.
//!
//! It is made of threads and of `polling`, a portable form of epoll, kqueue and IOCP. From the ground up:
//! `reactor.rs` (one thread waits for sockets and timers), `executor.rs` (threads that run tasks),
//! `socket.rs` (TCP and UDP). The calls need all of it: a DNS query over UDP, a connection over TCP with TLS,
//! deadlines, tasks. The servers are started here: `cargo run -p trunkline --example own_runtime`.

#[path = "own_runtime/executor.rs"]
mod executor;
#[path = "own_runtime/reactor.rs"]
mod reactor;
#[path = "own_runtime/socket.rs"]
mod socket;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use trunkline::{BoxFuture, Channel, Runtime, Stream, TcpOptions};
use trunkline::{Timer, Tls, UdpOptions, UdpSocket};
use trunkline_testkit::certificates::{Authority, server_config};
use trunkline_testkit::dns::{DnsServer, Reply, Type};
use trunkline_testkit::proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use trunkline_testkit::tls_server::TlsServer;

use self::executor::{Executor, block_on};
use self::reactor::{Reactor, ReactorTimer, now};

/// A runtime with one thread for sockets and timers, and some for tasks. The threads end after the last
/// `Arc` of it is dropped.
#[derive(Debug)]
struct OwnRuntime {
    reactor: Arc<Reactor>,
    executor: Executor,
}

impl OwnRuntime {
    fn start(threads: usize) -> io::Result<Self> {
        Ok(Self {
            reactor: Reactor::start()?,
            executor: Executor::start(threads)?,
        })
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        self.reactor.stop();
    }
}

impl Runtime for OwnRuntime {
    fn now(&self) -> Instant {
        now()
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(ReactorTimer::new(Arc::clone(&self.reactor)))
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.executor.spawn(task);
    }

    fn fill_entropy(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("random bytes from the operating system");
    }

    fn connect_tcp(
        &self,
        peer: SocketAddr,
        options: &TcpOptions,
    ) -> BoxFuture<io::Result<Box<dyn Stream>>> {
        let (reactor, options) = (Arc::clone(&self.reactor), options.clone());
        Box::pin(async move { socket::connect_tcp(&reactor, peer, &options).await })
    }

    fn connect_udp(
        &self,
        peer: SocketAddr,
        options: &UdpOptions,
    ) -> io::Result<Box<dyn UdpSocket>> {
        socket::connect_udp(&self.reactor, peer, options)
    }

    fn source_address(&self, destination: SocketAddr) -> io::Result<IpAddr> {
        socket::source_address(destination)
    }
}

/// The time for a call that is answered, also on a busy machine.
const LONG: Duration = Duration::from_secs(20);
/// The time for a call that is not.
const SHORT: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let authority = Authority::new("Example Root");
    let server = TlsServer::start(server_config(&authority.issue(&["orders.test"])))?;
    let dns = DnsServer::start()?;
    dns.set("orders.test", Type::A, Reply::a(60, [Ipv4Addr::LOCALHOST]));
    dns.set("orders.test", Type::AAAA, Reply::no_data());

    let runtime = Arc::new(OwnRuntime::start(2)?);
    let (nameserver, port) = (dns.address(), server.address().port());
    let channel = Channel::builder(format!("dns://{nameserver}/orders.test:{port}"))
        .tls(Tls::new().with_ca_pem(authority.pem()))
        .runtime(Arc::clone(&runtime))
        .build()?;

    // A hundred calls at once, over one connection.
    let calls = (0..100).map(|call| greet(channel.clone(), format!("caller {call}"), LONG));
    let answers = block_on(try_join_all(calls))?;
    println!("{} answers, the last one: {}", answers.len(), answers[99]);
    assert_eq!((answers.len(), server.accepts()), (100, 1));

    // A port that nothing listens on: the operating system's error reaches the call.
    let refusing = Channel::builder("ipv4:127.0.0.1:1")
        .plaintext()
        .runtime(Arc::clone(&runtime))
        .build()?;
    let refusal = block_on(greet(refusing, "you".to_owned(), LONG)).expect_err("a refusal");
    println!("refused: {}", refusal.message());

    // A nameserver that does not answer: the timer ends the call.
    dns.set("silent.test", Type::A, Reply::silence());
    dns.set("silent.test", Type::AAAA, Reply::silence());
    let silent = Channel::builder(format!("dns://{nameserver}/silent.test"))
        .plaintext()
        .runtime(runtime)
        .build()?;
    let late = block_on(greet(silent, "you".to_owned(), SHORT)).expect_err("a deadline");
    println!("late: {}", late.message());
    assert_eq!(late.code(), tonic::Code::DeadlineExceeded);
    Ok(())
}

async fn greet(channel: Channel, name: String, timeout: Duration) -> Result<String, tonic::Status> {
    let mut request = tonic::Request::new(HelloRequest { name });
    request.set_timeout(timeout);
    let answer = GreeterClient::new(channel).say_hello(request).await?;
    Ok(answer.into_inner().message)
}
