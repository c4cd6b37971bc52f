//! The gRPC server, called by h2's own client.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use async_compat::Compat;
use bytes::Bytes;
use futures_util::future::{Either, select};
use h2::client::SendRequest;
use h2::{Reason, client};
use http::Request;
use trunkline_runtime::{Stream, TcpOptions, UnixAddr};
use trunkline_sim::{Backend, CallReply, Opening, Sim};

const MS: Duration = Duration::from_millis(1);
/// One gRPC message of five bytes.
const MESSAGE: &[u8] = b"\0\0\0\0\x05hello";

fn address() -> SocketAddr {
    "198.51.100.7:50051".parse().unwrap()
}

/// Connects; a task of the simulation polls the connection.
async fn connect(sim: &Sim) -> Result<SendRequest<Bytes>, h2::Error> {
    let runtime = sim.runtime();
    let stream = runtime.connect_tcp(address(), &TcpOptions::default()).await;
    http2(sim, stream.unwrap()).await
}

async fn http2(sim: &Sim, stream: Box<dyn Stream>) -> Result<SendRequest<Bytes>, h2::Error> {
    let (sender, connection) = client::handshake(Compat::new(stream)).await?;
    sim.runtime().spawn(Box::pin(async move {
        let _ = connection.await;
    }));
    sender.ready().await
}

/// The content of an answer: `x-backend`, `grpc-status`, `grpc-message`, and the messages.
type Answer = (String, String, String, Vec<u8>);

async fn call(sender: &SendRequest<Bytes>) -> Result<Answer, h2::Error> {
    let mut ready = sender.clone().ready().await?;
    let request = Request::post("http://orders.test/Orders/Get");
    let (response, mut body) = ready.send_request(request.body(()).unwrap(), false)?;
    body.send_data(Bytes::from_static(MESSAGE), true)?;
    let (head, mut body) = response.await?.into_parts();
    let mut messages = Vec::new();
    while let Some(part) = body.data().await {
        messages.extend_from_slice(&part?);
    }
    let trailers = body.trailers().await?.unwrap_or_default();
    let text = |name: &str| {
        let value = trailers.get(name).or_else(|| head.headers.get(name));
        value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    };
    let [backend, status, message] = ["x-backend", "grpc-status", "grpc-message"].map(text);
    Ok((backend, status, message, messages))
}

fn echoed() -> Answer {
    let backend = address().to_string();
    (backend, "0".to_owned(), String::new(), MESSAGE.to_vec())
}

fn start() -> (Sim, Backend) {
    let sim = Sim::new(1);
    let backend = sim.backend(address());
    (sim, backend)
}

/// A call is answered with its own messages. The backend counts calls and connections.
#[test]
fn echoes() {
    let (sim, backend) = start();
    sim.run(async {
        let sender = connect(&sim).await.unwrap();
        for _ in 0..3 {
            assert_eq!(call(&sender).await.unwrap(), echoed());
        }
        assert_eq!(
            (backend.calls(), backend.accepts(), backend.closes()),
            (3, 1, 0)
        );
        drop(sender);
        sim.sleep(10 * MS).await;
        assert_eq!(backend.closes(), 1);
    });
    assert_eq!(sim.net().connections(), 0);
}

/// The backend records the authority, the path and the headers of each call.
#[test]
fn records_calls() {
    let (sim, backend) = start();
    sim.run(async {
        let sender = connect(&sim).await.unwrap();
        let mut ready = sender.clone().ready().await.unwrap();
        let request = Request::post("http://orders.test/Orders/Get").header("tenant", "blue");
        let (response, _) = ready.send_request(request.body(()).unwrap(), true).unwrap();
        response.await.unwrap();
    });
    let received = backend.received();
    let [call] = received.as_slice() else {
        panic!("{received:?}");
    };
    assert_eq!(
        (call.authority.as_str(), call.path.as_str()),
        ("orders.test", "/Orders/Get")
    );
    assert_eq!(call.headers["tenant"], "blue");
}

/// Replies can be scripted for single calls and for all other calls.
#[test]
fn replies_as_scripted() {
    let (sim, backend) = start();
    let unavailable = CallReply::Status {
        code: 14,
        message: "going, 100% \u{e9}".to_owned(),
    };
    backend.push_reply(unavailable.clone());
    backend.push_reply(CallReply::Echo.after(500 * MS));
    backend.push_reply(CallReply::ResetStream(7));
    sim.run(async {
        let sender = connect(&sim).await.unwrap();
        let (_, status, message, messages) = call(&sender).await.unwrap();
        assert_eq!(
            (status.as_str(), message.as_str()),
            ("14", "going, 100%25 %C3%A9")
        );
        assert!(messages.is_empty());
        let start = sim.elapsed();
        assert_eq!(call(&sender).await.unwrap(), echoed());
        assert_eq!(sim.elapsed() - start, 502 * MS);
        let error = call(&sender).await.unwrap_err();
        assert_eq!(error.reason(), Some(Reason::REFUSED_STREAM));
        assert_eq!(call(&sender).await.unwrap(), echoed());
        backend.set_reply(unavailable);
        assert_eq!(call(&sender).await.unwrap().1, "14");
    });
}

/// A graceful stop lets the calls end, then closes the connection. New connections are refused.
#[test]
fn stops_gracefully() {
    let (sim, backend) = start();
    backend.push_reply(CallReply::Echo.after(500 * MS));
    sim.run(async {
        let sender = connect(&sim).await.unwrap();
        let mut pending = pin!(call(&sender));
        match select(&mut pending, pin!(sim.sleep(100 * MS))).await {
            Either::Left(_) => panic!("answered too early"),
            Either::Right(_) => backend.stop_gracefully(),
        }
        match select(&mut pending, pin!(sim.sleep(100 * MS))).await {
            Either::Left(_) => panic!("answered too early"),
            Either::Right(_) => assert_eq!(backend.closes(), 0),
        }
        assert_eq!(pending.await.unwrap(), echoed());
        sim.sleep(10 * MS).await;
        assert_eq!(backend.closes(), 1);
        assert!(call(&sender).await.is_err());
        let runtime = sim.runtime();
        let connected = runtime.connect_tcp(address(), &TcpOptions::default()).await;
        assert!(connected.is_err());
        backend.restart();
        let sender = connect(&sim).await.unwrap();
        assert_eq!(call(&sender).await.unwrap(), echoed());
    });
}

/// GOAWAY ends the connection after the call whose reply sends it.
#[test]
fn goes_away_on_a_call() {
    let (sim, backend) = start();
    backend.push_reply(CallReply::GoAway);
    sim.run(async {
        let sender = connect(&sim).await.unwrap();
        assert_eq!(call(&sender).await.unwrap(), echoed());
        sim.sleep(10 * MS).await;
        assert!(call(&sender).await.is_err());
        assert_eq!((backend.calls(), backend.closes()), (1, 1));
        // The port is still open.
        connect(&sim).await.unwrap();
    });
}

/// A backend that is killed or drops the connection resets it while calls are in progress.
#[test]
fn resets_under_a_call() {
    let (sim, backend) = start();
    backend.push_reply(CallReply::DropConnection);
    backend.push_reply(CallReply::Never);
    sim.run(async {
        let sender = connect(&sim).await.unwrap();
        assert!(call(&sender).await.unwrap_err().is_io());
        let sender = connect(&sim).await.unwrap();
        let mut pending = pin!(call(&sender));
        match select(&mut pending, pin!(sim.sleep(60_000 * MS))).await {
            Either::Left(_) => panic!("answered"),
            Either::Right(_) => backend.kill(),
        }
        assert!(pending.await.unwrap_err().is_io());
        sim.sleep(10 * MS).await;
        assert_eq!((backend.accepts(), backend.closes()), (2, 2));
        backend.restart();
        let sender = connect(&sim).await.unwrap();
        assert_eq!(call(&sender).await.unwrap(), echoed());
    });
}

/// Killing a host kills its backend, which can start again at once.
#[test]
fn dies_with_its_host() {
    let (sim, backend) = start();
    sim.run(async {
        let sender = connect(&sim).await.unwrap();
        sim.net().kill(address().ip());
        backend.restart();
        assert!(call(&sender).await.is_err());
        let sender = connect(&sim).await.unwrap();
        assert_eq!(call(&sender).await.unwrap(), echoed());
        assert_eq!((backend.accepts(), backend.closes()), (2, 1));
        // Afterwards no task is left: neither the two that accept nor one of a connection.
        backend.kill();
        drop(sender);
    });
    let stuck = sim.try_run(std::future::pending::<()>()).unwrap_err();
    assert!(stuck.tasks.is_empty(), "{stuck}");
}

/// HTTP/2 adds nothing random: the same calls give the same trace.
#[test]
fn calls_are_the_same_in_each_run() {
    let trace = || {
        let (sim, backend) = start();
        sim.net().set_jitter(address().ip(), 5 * MS);
        backend.push_reply(CallReply::Echo.after(30 * MS));
        sim.run(async {
            let sender = connect(&sim).await.unwrap();
            let calls = (0..8).map(|_| call(&sender));
            for answer in futures_util::future::join_all(calls).await {
                assert_eq!(answer.unwrap(), echoed());
            }
        });
        sim.trace()
    };
    let first = trace();
    assert!(first.len() > 20, "{first:#?}");
    for _ in 0..5 {
        assert_eq!(trace(), first);
    }
}

/// A backend can listen on a Unix socket.
#[test]
fn listens_on_a_unix_socket() {
    let sim = Sim::new(1);
    let address = UnixAddr::from_path("/run/orders.sock");
    let _backend = sim.backend(address.clone());
    let runtime = sim.runtime();
    sim.run(async {
        let stream = runtime.connect_unix(&address).await.unwrap();
        let sender = http2(&sim, stream).await.unwrap();
        let (backend, ..) = call(&sender).await.unwrap();
        assert_eq!(backend, "unix:/run/orders.sock");
    });
}

/// The backend can delay its SETTINGS.
#[test]
fn opens_late() {
    let (sim, backend) = start();
    backend.set_opening(Opening::After(3000 * MS));
    sim.run(async {
        let sender = connect(&sim).await.unwrap();
        assert_eq!(call(&sender).await.unwrap(), echoed());
        assert!(sim.elapsed() >= 3000 * MS);
    });
}

/// The backend can stay silent: the connection is established, and no call is answered.
#[test]
fn opens_never() {
    let (sim, backend) = start();
    backend.set_opening(Opening::Silent);
    sim.run(async {
        let sender = connect(&sim).await.unwrap();
        match select(pin!(call(&sender)), pin!(sim.sleep(60_000 * MS))).await {
            Either::Left(_) => panic!("answered"),
            Either::Right(_) => {}
        };
        assert_eq!(
            (backend.accepts(), backend.closes(), backend.calls()),
            (1, 0, 0)
        );
    });
}

/// The backend can answer in HTTP/1.1, or close the connection at once.
#[test]
fn speaks_garbage() {
    let (sim, backend) = start();
    for opening in [Opening::Garbage, Opening::Close] {
        backend.set_opening(opening);
        sim.run(async {
            let sender = connect(&sim).await.unwrap();
            assert!(call(&sender).await.is_err(), "{opening:?}");
        });
    }
    assert_eq!(backend.calls(), 0);
}
