//! A service is called in virtual time: each kind of call, its metadata and its status.

use futures_util::stream::{self, StreamExt};
use tonic::Request;
use trunkline::PeerAddr;

use crate::echo::{FAIL, MS, Setup, address, assert_failure, message};

/// A unary call has the service's message, after four one-way latencies of virtual time: two to
/// connect, and two for the call.
#[test]
fn unary() {
    let Setup {
        sim, mut client, ..
    } = Setup::new();
    let response = sim.run(client.unary(message("hello"))).unwrap();
    let peer = response.extensions().get::<PeerAddr>();
    assert_eq!(peer, Some(&PeerAddr::Ip(address())));
    assert_eq!(response.into_inner(), message("hello"));
    assert_eq!(sim.elapsed(), 4 * MS);
}

/// Messages are streamed in either direction and in both.
#[test]
fn streams() {
    let Setup {
        sim, mut client, ..
    } = Setup::new();
    sim.run(async {
        let mut three = message("a");
        three.copies = 3;
        let received = client.server_streaming(three.clone()).await.unwrap();
        let received: Vec<_> = received.into_inner().map(Result::unwrap).collect().await;
        assert_eq!(received, [three.clone(), three.clone(), three]);

        let sent = ["a", "b", "c"].map(message);
        let received = client.client_streaming(stream::iter(sent.clone())).await;
        assert_eq!(received.unwrap().into_inner(), message("abc"));

        let received = client.bidirectional(stream::iter(sent.clone())).await;
        let received: Vec<_> = received
            .unwrap()
            .into_inner()
            .map(Result::unwrap)
            .collect()
            .await;
        assert_eq!(received, sent);
    });
}

/// A bidirectional call is a dialogue: each message is answered while the request is open.
#[test]
fn dialogue() {
    let Setup {
        sim, mut client, ..
    } = Setup::new();
    sim.run(async {
        let (sender, requests) = async_channel::unbounded();
        let received = client.bidirectional(requests).await.unwrap();
        let mut received = received.into_inner();
        for text in ["one", "two"] {
            let start = sim.elapsed();
            sender.send(message(text)).await.unwrap();
            assert_eq!(received.message().await.unwrap(), Some(message(text)));
            assert_eq!(sim.elapsed() - start, 2 * MS);
        }
        drop(sender);
        assert_eq!(received.message().await.unwrap(), None);
    });
}

/// The status of a call has the service's code, message, details and metadata, in the head of a
/// response without messages and in its trailers after messages.
#[test]
fn failures() {
    let Setup {
        sim, mut client, ..
    } = Setup::new();
    sim.run(async {
        assert_failure(&client.unary(message(FAIL)).await.unwrap_err());
        let sent = stream::iter(["a", FAIL].map(message));
        let mut received = client.bidirectional(sent).await.unwrap().into_inner();
        assert_eq!(received.message().await.unwrap(), Some(message("a")));
        assert_failure(&received.message().await.unwrap_err());
    });
}

/// The service gets the metadata of a call, and the client that of the response. The backend has
/// recorded the call.
#[test]
fn metadata() {
    let Setup {
        sim,
        backend,
        mut client,
        ..
    } = Setup::new();
    let mut request = Request::new(message("hello"));
    request
        .metadata_mut()
        .insert("tenant", "blue".parse().unwrap());
    request.set_timeout(2000 * MS);
    let response = sim.run(client.unary(request)).unwrap();
    assert_eq!(response.metadata().get("tenant").unwrap(), "blue");

    let received = backend.received();
    let [call] = received.as_slice() else {
        panic!("{received:?}");
    };
    assert_eq!(
        (call.authority.as_str(), call.path.as_str(), call.at),
        ("localhost", "/echo.Echo/Unary", 3 * MS)
    );
    assert_eq!(call.headers["tenant"], "blue");
    assert_eq!(call.headers["te"], "trailers");
    assert!(call.headers.contains_key("grpc-timeout"));
}

/// The same calls give the same trace.
#[test]
fn calls_are_the_same_in_each_run() {
    let trace = || {
        let Setup { sim, client, .. } = Setup::new();
        sim.net().set_jitter(address().ip(), 5 * MS);
        sim.run(async {
            let calls = (0..8).map(|number| {
                let mut client = client.clone();
                async move { client.unary(message(number.to_string())).await.unwrap() }
            });
            futures_util::future::join_all(calls).await
        });
        sim.trace()
    };
    let first = trace();
    assert!(first.len() > 20, "{first:#?}");
    for _ in 0..5 {
        assert_eq!(trace(), first);
    }
}
