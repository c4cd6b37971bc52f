//! The service's future and its streams are dropped when a call is abandoned.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use futures_util::stream::{self, StreamExt};
use tonic::{Code, Request, Status};
use trunkline_sim::Sim;

use crate::echo::{MS, SECOND, Setup, WAIT, address, message};

/// Runs a call for `duration`, then drops it. Fails if it ends.
async fn run_for<T>(sim: &Sim, call: impl Future<Output = T>, duration: std::time::Duration) {
    match select(pin!(call), pin!(sim.sleep(duration))).await {
        Either::Left(_) => panic!("the call has ended"),
        Either::Right(_) => {}
    }
}

/// A call that the client drops is dropped in the service, one latency later.
#[test]
fn a_dropped_call() {
    let setup = Setup::new();
    let mut client = setup.client.clone();
    setup.sim.run(async {
        run_for(&setup.sim, client.unary(message(WAIT)), SECOND).await;
        assert_eq!(setup.waiting(), 1);
        setup.sim.sleep(2 * MS).await;
        assert_eq!(setup.waiting(), 0);
        // The connection continues.
        client.unary(message("hello")).await.unwrap();
    });
    assert_eq!(setup.backend.accepts(), 1);
}

/// A stream that the client drops is dropped in the service.
#[test]
fn a_dropped_stream() {
    let setup = Setup::new();
    let mut client = setup.client.clone();
    setup.sim.run(async {
        let sent = stream::iter(["a", WAIT].map(message)).chain(stream::pending());
        let mut received = client.bidirectional(sent).await.unwrap().into_inner();
        assert_eq!(received.message().await.unwrap(), Some(message("a")));
        run_for(&setup.sim, received.message(), SECOND).await;
        assert_eq!(setup.waiting(), 1);
        drop(received);
        setup.sim.sleep(2 * MS).await;
        assert_eq!(setup.waiting(), 0);
    });
}

/// Runs a call with [`WAIT`] while `fault` happens after a second; returns its status.
fn waiting_call(setup: &Setup, request: Request<()>, fault: impl FnOnce()) -> Status {
    let mut client = setup.client.clone();
    setup.sim.run(async {
        let mut call = pin!(client.unary(request.map(|()| message(WAIT))));
        match select(&mut call, pin!(setup.sim.sleep(SECOND))).await {
            Either::Left(_) => panic!("the call has ended"),
            Either::Right(_) => {}
        }
        assert_eq!(setup.waiting(), 1);
        fault();
        let status = call.await.unwrap_err();
        setup.sim.sleep(2 * MS).await;
        assert_eq!(setup.waiting(), 0);
        status
    })
}

/// A call that is over its deadline is dropped in the service.
#[test]
fn a_deadline() {
    let setup = Setup::new();
    let mut request = Request::new(());
    request.set_timeout(5 * SECOND);
    let status = waiting_call(&setup, request, || {});
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert_eq!(setup.sim.elapsed(), 5 * SECOND + 2 * MS);
}

/// The calls of a connection that is lost are dropped in the service.
#[test]
fn a_lost_connection() {
    let setup = Setup::new();
    let status = waiting_call(&setup, Request::new(()), || setup.backend.kill());
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().contains("198.51.100.7:50051"), "{status}");

    setup.backend.restart();
    let status = waiting_call(&setup, Request::new(()), || {
        setup.sim.net().kill(address().ip())
    });
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!((setup.backend.accepts(), setup.backend.closes()), (2, 2));
}

/// Dropping the simulation drops the calls in progress.
#[test]
fn a_dropped_simulation() {
    let setup = Setup::new();
    let mut client = setup.client.clone();
    let call = async move { drop(client.unary(message(WAIT)).await) };
    setup.sim.spawn("the call", call);
    setup.sim.run(setup.sim.sleep(SECOND));
    let waiting = setup.service.waiting.clone();
    assert_eq!(setup.waiting(), 1);
    drop(setup.sim);
    assert_eq!(waiting.load(std::sync::atomic::Ordering::Relaxed), 0);
}
