//! The backends count, go silent and end as documented, because other tests rely on them.

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::client::conn::http2::{Connection, SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::body::Body;
use trunkline_testkit::backend::{
    Backend, Counters, FamilyCounters, Options, Program, serve_if_asked,
};
use trunkline_testkit::proto::health::health_client::HealthClient;
use trunkline_testkit::proto::health::{HealthCheckRequest, HealthCheckResponse};
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The time limit of each test, longer than any of them takes.
const LIMIT: Duration = Duration::from_secs(20);

/// The process of this file's backends. Passes at once when it is run as a test.
#[test]
fn backend_process() {
    serve_if_asked();
}

/// Accepts, closes, calls and answers are counted by the address family of the connection.
#[test]
fn counts_by_family() -> Result {
    let mut backend = start(&Options::new("a"))?;
    block_on(async {
        let v4 = Client::connect(backend.address_v4()).await?;
        assert_eq!(v4.greet("you").await?, "Hello you");
        assert_eq!(v4.greet("them").await?, "Hello them");
        let Some(address) = backend.address_v6() else {
            eprintln!("no ::1 here: only IPv4 was tested");
            return Ok(());
        };
        let v6 = Client::connect(address).await?;
        v6.greet("you").await?;
        v4.close().await?;
        wait_until(&mut backend, |counters| counters.ipv4.closes == 1)?;
        assert_eq!(
            backend.stats()?,
            Counters {
                ipv4: counted(1, 1, 2),
                ipv6: counted(1, 0, 1)
            }
        );
        Ok(())
    })
}

/// A backend that goes silent on IPv6 closes its IPv6 connections gracefully and leaves new ones
/// unanswered; IPv4 continues. The connections that fill the backlog are not counted.
#[test]
fn ipv6_goes_silent_and_back() -> Result {
    let mut backend = start(&Options::new("a"))?;
    let Some(address) = backend.address_v6() else {
        eprintln!("no ::1 here: nothing was tested");
        return Ok(());
    };
    block_on(async {
        let v4 = Client::connect(backend.address_v4()).await?;
        let v6 = Client::connect(address).await?;
        v6.greet("you").await?;
        backend.ipv6_silent()?;
        assert_eq!(backend.stats()?.ipv6, counted(1, 1, 1));
        timeout(LIMIT, v6.connection).await???;

        let silence = timeout(Duration::from_millis(500), TcpStream::connect(address)).await;
        assert!(silence.is_err(), "the SYN was answered: {silence:?}");
        v4.greet("you").await?;

        backend.ipv6_normal()?;
        Client::connect(address).await?.greet("again").await?;
        assert_eq!(backend.stats()?.ipv4, counted(1, 0, 1));
        let ipv6 = backend.stats()?.ipv6;
        // The abandoned attempt may have entered the queue before it was dropped.
        assert!((2..=3).contains(&ipv6.accepts), "{ipv6:?}");
        assert_eq!(ipv6.answers, 2);
        Ok(())
    })
}

/// On SIGTERM the calls in flight are answered and watches end; then the process prints its last
/// counters and exits with status 0.
#[test]
fn sigterm_drains() -> Result {
    let mut backend = start(&Options {
        work: Duration::from_secs(1),
        ..Options::new("a")
    })?;
    block_on(async {
        let client = Client::connect(backend.address_v4()).await?;
        let mut watch = HealthClient::with_origin(client.direct.clone(), origin())
            .watch(HealthCheckRequest::default())
            .await?
            .into_inner();
        assert_eq!(
            watch.message().await?,
            Some(HealthCheckResponse { status: 1 })
        );
        // A call has arrived, and is not answered, before the signal is sent. Where a busy machine shows
        // that too late, the next call is tried.
        let mut answered = 0;
        let call = loop {
            let call = tokio::spawn({
                let mut greeter = GreeterClient::with_origin(client.direct.clone(), origin());
                async move { greeter.say_hello(request("you")).await }
            });
            tokio::task::yield_now().await;
            let counters = loop {
                let counters = backend.stats()?;
                if counters.ipv4.calls == 2 + answered {
                    break counters;
                }
                tokio::task::yield_now().await;
            };
            if counters.ipv4.answers == answered {
                break call;
            }
            call.await??;
            answered += 1;
        };
        backend.sigterm()?;
        assert_eq!(call.await??.into_inner().message, "Hello you");
        assert_eq!(watch.message().await?, None);
        client.connection.await??;
        let exit = backend.wait(LIMIT)?;
        assert_eq!(exit.status.code(), Some(0));
        let expected = counted(1, 1, 2 + answered);
        assert_eq!(exit.counters.map(|last| last.ipv4), Some(expected));
        assert!(TcpStream::connect(backend.address_v4()).await.is_err());
        Ok(())
    })
}

/// Without drain, SIGTERM kills the process at once, and it prints no counters.
#[test]
fn sigterm_without_drain_kills() -> Result {
    let mut backend = start(&Options {
        drain: false,
        ..Options::new("a")
    })?;
    backend.sigterm()?;
    let exit = backend.wait(LIMIT)?;
    assert_eq!(exit.status.code(), None);
    assert_eq!(exit.counters, None);
    Ok(())
}

/// The error of a failed start names the program that is missing, or the backend that ended.
#[test]
fn a_failed_start_is_an_error() -> Result {
    let missing = Program::Path("/nonexistent/backend".into());
    let error = Backend::start(&missing, &Options::new("a"))
        .err()
        .ok_or("started")?;
    assert!(
        error.to_string().contains("/nonexistent/backend"),
        "{error}"
    );

    let first = start(&Options::new("a"))?;
    let second = Options {
        port: first.port(),
        ..Options::new("b")
    };
    let error = start(&second).err().ok_or("started")?;
    assert!(error.to_string().contains("backend b"), "{error}");
    assert!(error.to_string().contains("ended at once"), "{error}");
    Ok(())
}

fn start(options: &Options) -> std::io::Result<Backend> {
    Backend::start(&Program::ThisTest("backend_process"), options)
}

fn counted(accepts: u64, closes: u64, calls: u64) -> FamilyCounters {
    FamilyCounters {
        accepts,
        closes,
        calls,
        answers: calls,
    }
}

fn wait_until(backend: &mut Backend, holds: impl Fn(&Counters) -> bool) -> Result {
    for _ in 0..20_000 {
        if holds(&backend.stats()?) {
            return Ok(());
        }
    }
    Err(format!("it never came: {:?}", backend.stats()?).into())
}

fn block_on(test: impl Future<Output = Result>) -> Result {
    // Another thread polls the connections while this one waits for a backend.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?
        .block_on(async { timeout(LIMIT, test).await? })
}

fn origin() -> http::Uri {
    http::Uri::from_static("http://backend")
}

fn request(name: &str) -> HelloRequest {
    HelloRequest { name: name.into() }
}

/// One HTTP/2 connection of hyper's to one address.
struct Client {
    direct: Direct,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TokioIo::new(TcpStream::connect(address).await?);
        let (sender, connection): (_, Connection<_, Body, TokioExecutor>) =
            handshake(TokioExecutor::new(), stream).await?;
        Ok(Self {
            direct: Direct(sender),
            connection: tokio::spawn(connection),
        })
    }

    async fn greet(&self, name: &str) -> Result<String> {
        let mut greeter = GreeterClient::with_origin(self.direct.clone(), origin());
        Ok(greeter.say_hello(request(name)).await?.into_inner().message)
    }

    async fn close(self) -> Result {
        drop(self.direct);
        Ok(self.connection.await??)
    }
}

#[derive(Clone)]
struct Direct(SendRequest<Body>);

impl tower_service::Service<http::Request<Body>> for Direct {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = hyper::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
