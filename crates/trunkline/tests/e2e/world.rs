//! Helpers that the tests share: backends, DNS options, channels and calls.

use std::io::{Read, Write, copy};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tonic::{Request, Response, Status};
use trunkline::resolver::Pacing;
use trunkline::{Channel, ChannelBuilder, DnsOptions, PeerAddr, Proxy, Runtime};
use trunkline_testkit::backend::{Backend, Options, Program};
use trunkline_testkit::dns::DnsServer;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};

/// The deadline of every call, so that a bug makes a test fail instead of hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const ROUND_ROBIN: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;

/// Starts a backend on 127.0.0.1, and on ::1 where the machine has it.
pub(crate) fn backend(name: &str) -> Backend {
    backend_with(&Options::new(name))
}

pub(crate) fn backend_with(options: &Options) -> Backend {
    Backend::start(&Program::ThisTest("backend_process"), options).expect("a backend")
}

/// Relays a connection to a backend.
pub(crate) fn relay<S>(near: S, backend: SocketAddr)
where
    S: Send + Sync + 'static,
    for<'a> &'a S: Read + Write,
{
    let far = TcpStream::connect(backend).expect("the backend");
    let there = Arc::new((near, far));
    let back = Arc::clone(&there);
    thread::spawn(move || copy(&mut &there.0, &mut &there.1));
    thread::spawn(move || copy(&mut &back.1, &mut &back.0));
}

/// Returns a builder of a plaintext channel to `target`, with round_robin and without a proxy.
pub(crate) fn builder(target: impl Into<String>, runtime: &Arc<dyn Runtime>) -> ChannelBuilder {
    Channel::builder(target)
        .default_service_config(ROUND_ROBIN)
        .plaintext()
        .proxy(Proxy::none())
        .runtime(Arc::clone(runtime))
}

pub(crate) fn channel(target: impl Into<String>, runtime: &Arc<dyn Runtime>) -> Channel {
    builder(target, runtime).build().expect("a valid target")
}

/// Returns DNS options for tests: this server, and a minimum interval of 100 ms instead of 30 s.
pub(crate) fn dns(server: &DnsServer) -> DnsOptions {
    DnsOptions::default()
        .with_servers(vec![server.address()])
        .with_pacing(Pacing::default().with_min_interval(Duration::from_millis(100)))
}

pub(crate) fn hello(name: &str) -> Request<HelloRequest> {
    let mut request = Request::new(HelloRequest { name: name.into() });
    request.set_timeout(PATIENCE);
    request
}

/// Makes one call with tonic's stub and checks the reply.
pub(crate) async fn greet(channel: &Channel) -> Result<Response<HelloReply>, Status> {
    let response = GreeterClient::new(channel.clone())
        .say_hello(hello("you"))
        .await?;
    assert_eq!(response.get_ref().message, "Hello you");
    Ok(response)
}

/// Makes one call that must fail, with the deadline `timeout`.
pub(crate) async fn failure(channel: &Channel, timeout: Duration) -> Status {
    let mut request = hello("you");
    request.set_timeout(timeout);
    GreeterClient::new(channel.clone())
        .say_hello(request)
        .await
        .expect_err("a failure")
}

/// Returns the address of the backend that answered.
pub(crate) fn peer(response: &Response<HelloReply>) -> PeerAddr {
    response
        .extensions()
        .get::<PeerAddr>()
        .expect("the peer's address")
        .clone()
}

/// Returns how many calls each backend counted, in the order given.
pub(crate) fn calls<const N: usize>(backends: [&mut Backend; N]) -> [u64; N] {
    backends.map(|backend| backend.stats().expect("counters").total().calls)
}
