//! Several connections to one address, under calls of many threads.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{Either, join_all, pending, select};
use tokio::sync::watch;
use tonic::codegen::async_trait;
use tonic::{Request, Response, Status};
use trunkline::{Channel, Proxy, Tls, Tokio};
use trunkline_testkit::certificates::{Authority, server_config};
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::proto::helloworld::greeter_server::{Greeter, GreeterServer};
use trunkline_testkit::proto::helloworld::{HelloReply, HelloRequest};
use trunkline_testkit::tls_server::TlsServer;

use crate::world::PATIENCE;

const CONFIG: &str = r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 3}}"#;

/// A service that answers once it may.
#[derive(Debug)]
struct Held(watch::Receiver<bool>);

#[async_trait]
impl Greeter for Held {
    async fn say_hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let mut may_answer = self.0.clone();
        let answering = may_answer.wait_for(|it| *it).await;
        answering.map_err(|_| Status::aborted("the test has ended"))?;
        Ok(Response::new(HelloReply::default()))
    }
}

/// Makes calls one after the other in each of `callers` tasks, on four threads, at a server that allows
/// 200 concurrent calls on a connection. The first answers wait for so many connections, and no more
/// are made.
#[track_caller]
fn check(callers: usize, calls: usize, connections: usize) {
    let authority = Authority::new("Test Root");
    let config = server_config(&authority.issue(&["localhost"]));
    let (answer, may_answer) = watch::channel(false);
    let service = GreeterServer::new(Held(may_answer));
    let server = TlsServer::start_service(service, config).expect("a server");
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime");
    let channel = Channel::builder(format!("dns:///localhost:{}", server.address().port()))
        .tls(Tls::new().with_ca_pem(authority.pem()))
        .proxy(Proxy::none())
        .default_service_config(CONFIG)
        .runtime(Arc::new(Tokio::new()))
        .build()
        .expect("a channel");
    let answered = Arc::new(AtomicUsize::new(0));
    let caller = || {
        let (channel, answered) = (channel.clone(), Arc::clone(&answered));
        async move {
            for _ in 0..calls {
                let mut stub = GreeterClient::new(channel.clone());
                let mut request = Request::new(HelloRequest {
                    name: "you".to_owned(),
                });
                request.set_timeout(PATIENCE);
                stub.say_hello(request).await.expect("an answer");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let ended = threads.block_on(async {
        let ended = join_all((0..callers).map(|_| tokio::spawn(caller())));
        let opened = async {
            server.accepted(connections).await;
            answer.send_replace(true);
            pending::<Infallible>().await
        };
        // Without the connections the calls end by their deadline.
        match select(pin!(ended), pin!(opened)).await {
            Either::Left((ended, _)) => ended,
            Either::Right((never, _)) => match never {},
        }
    });
    assert!(ended.iter().all(Result::is_ok), "a caller failed");
    assert_eq!(answered.load(Ordering::Relaxed), callers * calls);
    assert_eq!(server.accepts(), connections);
}

/// Calls that wait in line for a free stream all get their turn. As many connections as allowed are
/// made, and no more.
///
/// Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max_concurrent_streams-connection-scaling.md).
#[test]
fn every_call_in_line_gets_its_turn() {
    check(1000, 5, 3);
}

/// No connection is added as long as all calls fit on one, also while each caller begins its next call
/// when the last one has just ended.
#[test]
fn calls_that_fit_use_one_connection() {
    check(150, 20, 1);
}
