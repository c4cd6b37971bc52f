//! What is a service: each `tower_service::Service` over `http`, ready or not.

use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::{Request, Response};
use http_body::{Body, Frame};
use tonic::Code;
use tower_service::Service;
use trunkline::{Channel, Runtime, UnixAddr};
use trunkline_sim::{IncomingBody, Sim};
use trunkline_testkit::proto::echo::echo_client::EchoClient;
use trunkline_testkit::proto::echo::echo_server::EchoServer;

use crate::echo::{EchoService, address, message};

/// A service with an interceptor is a service.
#[test]
fn with_an_interceptor() {
    let sim = Sim::new(1);
    let refuse = |_: tonic::Request<()>| Err(tonic::Status::permission_denied("no"));
    let service = EchoServer::with_interceptor(EchoService::new(&sim), refuse);
    let _backend = sim.serve(address(), service);
    let status = sim.run(client(&sim).unary(message("a"))).unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::PermissionDenied, "no")
    );
}

/// A service can be behind a Unix socket.
#[test]
fn on_a_unix_socket() {
    let sim = Sim::new(1);
    let service = EchoServer::new(EchoService::new(&sim));
    let _backend = sim.serve(UnixAddr::from_path("/run/echo.sock"), service);
    let builder = Channel::builder("unix:/run/echo.sock").plaintext();
    let channel = builder.runtime(sim.runtime()).build().unwrap();
    let mut client = EchoClient::new(channel);
    let response = sim.run(client.unary(message("a"))).unwrap();
    assert_eq!(response.into_inner(), message("a"));
}

fn client(sim: &Sim) -> EchoClient<Channel> {
    let target = format!("ipv4:{}", address());
    let builder = Channel::builder(target).plaintext();
    EchoClient::new(builder.runtime(sim.runtime()).build().unwrap())
}

/// A service that fails itself, or whose response body fails.
#[derive(Clone, Copy)]
enum Broken {
    Service,
    Body,
}

impl Service<Request<IncomingBody>> for Broken {
    type Response = Response<BrokenBody>;
    type Error = &'static str;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<IncomingBody>) -> Self::Future {
        ready(match self {
            Self::Service => Err("the disk is full"),
            Self::Body => Ok(Response::new(BrokenBody)),
        })
    }
}

struct BrokenBody;

impl Body for BrokenBody {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Err("the disk is full")))
    }
}

/// An error of a service or of its body resets the call, and is in the trace.
#[test]
fn errors_reset_the_call() {
    for service in [Broken::Service, Broken::Body] {
        let sim = Sim::new(1);
        let _backend = sim.serve(address(), service);
        let status = sim.run(client(&sim).unary(message("a"))).unwrap_err();
        assert_eq!(status.code(), Code::Internal, "{status}");
        let expected = "the service failed at /echo.Echo/Unary: the disk is full";
        assert!(sim.trace().iter().any(|event| event.what == expected));
    }
}

/// Answers at once, and leaves a task that reads the request to its end.
#[derive(Clone)]
struct ReadsOn {
    runtime: Arc<dyn Runtime>,
    read: async_channel::Sender<Result<(), h2::Error>>,
}

impl Service<Request<IncomingBody>> for ReadsOn {
    type Response = Response<OpenBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<IncomingBody>) -> Self::Future {
        let (read, mut body) = (self.read.clone(), request.into_body());
        self.runtime.spawn(Box::pin(async move {
            let end = loop {
                match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break Err(error),
                    None => break Ok(()),
                }
            };
            read.send(end).await.unwrap();
        }));
        let head = Response::builder().header("content-type", "application/grpc");
        ready(Ok(head.body(OpenBody).unwrap()))
    }
}

/// A body that never ends.
struct OpenBody;

impl Body for OpenBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A task of the service that reads a request learns how it ends: with the last message, by a reset
/// of the client, or with the connection.
#[test]
fn the_end_of_a_request_is_read() {
    let sim = Sim::new(1);
    let (read, ends) = async_channel::unbounded();
    let runtime = sim.runtime();
    let backend = sim.serve(address(), ReadsOn { runtime, read });
    let mut client = client(&sim);
    sim.run(async {
        let sent = stream::iter(["a", "b"].map(message));
        let whole = client.bidirectional(sent).await.unwrap();
        assert!(ends.recv().await.unwrap().is_ok());

        let open = || stream::iter([message("a")]).chain(stream::pending());
        let dropped = client.bidirectional(open()).await.unwrap();
        drop(dropped);
        let error = ends.recv().await.unwrap().unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::CANCEL));

        let lost = client.bidirectional(open()).await.unwrap();
        backend.kill();
        let error = ends.recv().await.unwrap().unwrap_err();
        assert!(error.is_io(), "{error}");
        drop((whole, lost));
    });
}

/// A service that is never ready, and panics when it is called.
#[derive(Clone)]
struct NeverReady;

impl Service<Request<IncomingBody>> for NeverReady {
    type Response = Response<BrokenBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<IncomingBody>) -> Self::Future {
        panic!("not ready")
    }
}

/// A service is called only when it is ready.
#[test]
fn waits_until_the_service_is_ready() {
    let sim = Sim::new(1);
    let _backend = sim.serve(address(), NeverReady);
    let mut request = tonic::Request::new(message("a"));
    request.set_timeout(std::time::Duration::from_secs(1));
    let status = sim.run(client(&sim).unary(request)).unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
}

/// A service that panics.
#[derive(Clone)]
struct Panics;

impl Service<Request<IncomingBody>> for Panics {
    type Response = Response<BrokenBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<IncomingBody>) -> Self::Future {
        panic!("a bug in the service")
    }
}

/// A panic of a service ends the run with that panic, so a test fails where the fault is.
#[test]
#[should_panic(expected = "a bug in the service")]
fn a_panic_ends_the_run() {
    let sim = Sim::new(1);
    let _backend = sim.serve(address(), Panics);
    let _ = sim.run(client(&sim).unary(message("a")));
}
