//! Calls to one backend.

use std::pin::pin;
use std::time::Duration;

use futures_util::poll;
use tonic::Code;
use trunkline::{ConnectivityState, PeerAddr, WaitForReady};
use trunkline_testkit::backend::Options;
use trunkline_testkit::closed::ClosedTcp;

use crate::world::{backend, backend_with, builder, channel, failure, greet, hello, peer, relay};

on_each_runtime! {
    /// A stub of tonic's makes a call; the response has the peer's address in its extensions.
    async fn a_unary_call(runtime) {
        let backend = backend("a");
        let channel = channel(format!("ipv4:{}", backend.address_v4()), &runtime);
        assert_eq!(channel.state(), ConnectivityState::Idle);
        let response = greet(&channel).await.expect("a reply");
        assert_eq!(peer(&response), PeerAddr::Ip(backend.address_v4()));
        assert_eq!(channel.state(), ConnectivityState::Ready);
    }

    /// A hundred calls at once share one connection.
    async fn many_calls_share_a_connection(runtime) {
        let mut backend = backend("a");
        let channel = channel(format!("ipv4:{}", backend.address_v4()), &runtime);
        let calls = (0..100).map(|_| greet(&channel));
        for response in futures_util::future::join_all(calls).await {
            response.expect("a reply");
        }
        let counters = backend.stats().expect("counters").total();
        assert_eq!((counters.accepts, counters.calls), (1, 100));
    }

    /// A call that takes longer than its deadline fails with DEADLINE_EXCEEDED, and the message has
    /// the address of the backend that did not answer.
    async fn a_deadline_bounds_the_answer(runtime) {
        let backend = backend_with(&Options {
            work: Duration::from_secs(60),
            ..Options::new("slow")
        });
        let channel = channel(format!("ipv4:{}", backend.address_v4()), &runtime);
        channel.ready().await.expect("a connection");
        let status = failure(&channel, Duration::from_millis(300)).await;
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let expected = format!("waiting for {} to answer", backend.address_v4());
        assert!(status.message().contains(&expected), "{status}");
    }

    /// A call that is dropped is cancelled, and the other calls on the connection go on.
    async fn dropped_calls_cost_others_nothing(runtime) {
        let mut backend = backend_with(&Options {
            work: Duration::from_millis(20),
            ..Options::new("a")
        });
        let channel = channel(format!("ipv4:{}", backend.address_v4()), &runtime);
        greet(&channel).await.expect("a reply");
        for round in 0..30 {
            let kept = futures_util::future::join_all((0..20).map(|_| greet(&channel)));
            let dropped = futures_util::future::join_all((0..20).map(|_| greet(&channel)));
            // Poll the calls to drop, so that they are sent, and drop them then.
            let mut dropped = Box::pin(dropped);
            let mut kept = Box::pin(kept);
            let first = futures_util::future::select(&mut kept, &mut dropped).await;
            let kept = match first {
                futures_util::future::Either::Left((kept, _)) => kept,
                futures_util::future::Either::Right(_) => kept.await,
            };
            for response in kept {
                response.unwrap_or_else(|status| panic!("round {round}: {status}"));
            }
        }
        assert_eq!(backend.stats().expect("counters").total().accepts, 1);
    }

    /// The timeout of the service config bounds a call that has a longer deadline.
    async fn the_service_config_sets_a_timeout(runtime) {
        let backend = backend_with(&Options {
            work: Duration::from_secs(60),
            ..Options::new("slow")
        });
        let channel = builder(format!("ipv4:{}", backend.address_v4()), &runtime)
            .default_service_config(
                r#"{"methodConfig":[{"name":[{}],"timeout":"0.3s"}]}"#,
            )
            .build()
            .expect("a channel");
        let status = failure(&channel, Duration::from_secs(20)).await;
        assert_eq!(status.code(), Code::DeadlineExceeded);
        assert!(status.message().contains("300ms"), "{status}");
    }

    /// A wait-for-ready call does not fail when connections are refused, and is answered once a
    /// server listens.
    async fn wait_for_ready_waits_for_a_server(runtime) {
        let closed = ClosedTcp::new().expect("a port");
        let address = closed.address();
        let backoff = trunkline::BackoffPolicy::default()
            .with_initial(Duration::from_millis(50))
            .with_max(Duration::from_millis(50));
        let channel = builder(format!("ipv4:{address}"), &runtime)
            .backoff(backoff)
            .build()
            .expect("a channel");
        let status = failure(&channel, Duration::from_secs(10)).await;
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        let mut request = hello("you");
        request.extensions_mut().insert(WaitForReady(true));
        let mut stub = trunkline_testkit::proto::helloworld::greeter_client::GreeterClient::new(
            channel.clone(),
        );
        let mut waiting = pin!(stub.say_hello(request));
        // The call is on its way before the server listens.
        assert!(poll!(&mut waiting).is_pending());
        let backend = backend("late");
        let listener = closed.listen().expect("a listener");
        let to = backend.address_v4();
        std::thread::spawn(move || relay(listener.accept().expect("a connection").0, to));
        waiting.await.expect("a reply");
    }
}

/// A channel is `Clone`, `Send` and `Sync`; its futures and bodies are `Send`.
#[test]
fn a_channel_is_clone_send_and_sync() {
    fn check<T: Clone + Send + Sync + 'static>() {}
    fn check_call<T: Send + 'static>() {}
    check::<trunkline::Channel>();
    check_call::<trunkline::ResponseFuture>();
    check_call::<trunkline::Body>();
    // tonic's interceptors need `Default` for the body.
    let _ = trunkline::Body::default();
}
