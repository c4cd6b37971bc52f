//! A test scripts single answers of a backend that has a service.

use tonic::Code;
use trunkline_sim::{CallReply, Sim};

use crate::echo::{SECOND, Setup, address, message};

/// Scripted replies go before the service, which can be delayed too.
#[test]
fn replies_go_before_the_service() {
    let Setup {
        sim,
        backend,
        mut client,
        ..
    } = Setup::new();
    backend.push_reply(CallReply::Status {
        code: Code::Aborted as u32,
        message: "not now".to_owned(),
    });
    backend.push_reply(CallReply::Service.after(SECOND));
    backend.push_reply(CallReply::GoAway);
    sim.run(async {
        let status = client.unary(message("a")).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::Aborted, "not now")
        );
        for text in ["b", "c", "d"] {
            let response = client.unary(message(text)).await.unwrap();
            assert_eq!(response.into_inner(), message(text));
        }
    });
    assert!(sim.elapsed() > SECOND);
    // After GOAWAY the fourth call had a connection of its own.
    assert_eq!((backend.calls(), backend.accepts()), (4, 2));
}

/// A graceful stop lets the calls of the service end. A restarted backend has its service.
#[test]
fn stops_gracefully() {
    let Setup {
        sim,
        backend,
        mut client,
        ..
    } = Setup::new();
    backend.push_reply(CallReply::Service.after(SECOND));
    let stop = {
        let backend = backend.clone();
        let runtime = sim.runtime();
        async move {
            runtime.sleep_until(runtime.now() + SECOND / 2).await;
            backend.stop_gracefully();
        }
    };
    sim.spawn("the stop", stop);
    sim.run(async {
        client.unary(message("a")).await.unwrap();
        let status = client.unary(message("b")).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        backend.restart();
        sim.sleep(5 * SECOND).await;
        client.unary(message("c")).await.unwrap();
    });
}

/// A backend without a service answers UNIMPLEMENTED where a script asks for it.
#[test]
fn a_backend_without_a_service() {
    let Setup { client, .. } = Setup::new();
    drop(client);
    let sim = Sim::new(1);
    let backend = sim.backend(address());
    backend.set_reply(CallReply::Service);
    let target = format!("ipv4:{}", address());
    let builder = trunkline::Channel::builder(target).plaintext();
    let channel = builder.runtime(sim.runtime()).build().unwrap();
    let mut client = trunkline_testkit::proto::echo::echo_client::EchoClient::new(channel);
    let status = sim.run(client.unary(message("a"))).unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}
