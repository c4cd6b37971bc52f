//! Several connections to one address, under calls of many threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use tonic::Request;
use trunkline::{Channel, Proxy, Tls, Tokio};
use trunkline_testkit::certificates::{Authority, server_config};
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;
use trunkline_testkit::tls_server::TlsServer;

use crate::world::PATIENCE;

const CONFIG: &str = r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 3}}"#;

/// Makes calls one after the other in each of `callers` tasks, on four threads, at a server that allows
/// 200 concurrent calls on a connection. Returns the number of connections.
fn connections_of(callers: usize, calls: usize) -> usize {
    let authority = Authority::new("Test Root");
    let config = server_config(&authority.issue(&["localhost"]));
    let server = TlsServer::start(config, None).expect("a server");
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
        let callers = (0..callers).map(|_| tokio::spawn(caller()));
        join_all(callers).await
    });
    assert!(ended.iter().all(Result::is_ok), "a caller failed");
    assert_eq!(answered.load(Ordering::Relaxed), callers * calls);
    server.accepts()
}

/// Calls that wait in line for a free stream all get their turn. As many connections as allowed are
/// made, and no more.
///
/// Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max_concurrent_streams-connection-scaling.md).
#[test]
fn every_call_in_line_gets_its_turn() {
    assert_eq!(connections_of(1000, 5), 3);
}

/// No connection is added as long as all calls fit on one, also while each caller begins its next call
/// when the last one has just ended.
#[test]
fn calls_that_fit_use_one_connection() {
    assert_eq!(connections_of(150, 20), 1);
}
