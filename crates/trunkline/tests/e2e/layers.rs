//! Layers of tower around a channel, below a stub: what tonic's `Endpoint` has options for.

use std::time::Duration;

use tonic::Code;
use tower::buffer::Buffer;
use tower::limit::{ConcurrencyLimit, RateLimit, rate::Rate};
use trunkline_testkit::backend::Options;
use trunkline_testkit::closed::ClosedTcp;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

use crate::runtimes::on_tokio;
use crate::world::{backend, backend_with, builder, channel, hello};

on_each_runtime! {
    /// `Endpoint::concurrency_limit`: of two calls, one waits until the other has its answer.
    async fn a_concurrency_limit(runtime) {
        let work = Duration::from_millis(50);
        let backend = backend_with(&Options {
            work,
            ..Options::new("a")
        });
        let channel = channel(format!("ipv4:{}", backend.address_v4()), &runtime);
        channel.ready().await.expect("a connection");
        let limited = ConcurrencyLimit::new(channel, 1);
        let began = runtime.now();
        let calls = ["a", "b"].map(|name| {
            let mut stub = GreeterClient::new(limited.clone());
            async move { stub.say_hello(hello(name)).await }
        });
        for reply in futures_util::future::join_all(calls).await {
            reply.expect("a reply");
        }
        assert!(runtime.now() - began >= work * 2, "the calls ran side by side");
    }

    /// `Endpoint::timeout`: a default for every method, in the service config of the channel.
    async fn a_timeout_for_every_method(runtime) {
        let backend = backend_with(&Options {
            work: Duration::from_secs(60),
            ..Options::new("slow")
        });
        let json = r#"{"methodConfig": [{"name": [{}], "timeout": "0.2s"}]}"#;
        let channel = builder(format!("ipv4:{}", backend.address_v4()), &runtime)
            .default_service_config(json)
            .build()
            .expect("a channel");
        let answer = GreeterClient::new(channel).say_hello(hello("you")).await;
        assert_eq!(answer.expect_err("too late").code(), Code::DeadlineExceeded);
    }

    /// `Endpoint::connect`: `ready` returns once a call can be sent, or why none can.
    async fn connecting_before_the_first_call(runtime) {
        let backend = backend("a");
        let there = channel(format!("ipv4:{}", backend.address_v4()), &runtime);
        assert!(there.ready().await.is_ok());
        let port = ClosedTcp::new().expect("a port");
        let gone = port.address();
        let nowhere = channel(format!("ipv4:{gone}"), &runtime);
        let status = nowhere.ready().await.expect_err("a reason");
        assert!(status.message().contains(&gone.to_string()), "{status}");
    }
}

/// `Endpoint::rate_limit`: tower's layer needs a buffer, so that its clones share the rate, and
/// tokio's timer.
#[test]
fn a_rate_limit() {
    on_tokio(|runtime| async move {
        let backend = backend("a");
        let channel = channel(format!("ipv4:{}", backend.address_v4()), &runtime);
        let rate = Rate::new(1000, Duration::from_secs(1));
        let (limited, worker) = Buffer::pair(RateLimit::new(channel, rate), 16);
        runtime.spawn(Box::pin(worker));
        let reply = GreeterClient::new(limited).say_hello(hello("you")).await;
        assert_eq!(reply.expect("a reply").get_ref().message, "Hello you");
    });
}
