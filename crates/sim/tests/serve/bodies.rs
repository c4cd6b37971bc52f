//! Large bodies, and flow control in both directions.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{Either, select};
use futures_util::stream::{self, StreamExt};

use crate::echo::{SECOND, Setup, WAIT, message};

/// Returns a text of this many KiB.
fn text(kib: usize) -> String {
    "x".repeat(kib << 10)
}

/// A message much larger than all flow-control windows arrives whole, in both directions.
#[test]
fn a_large_message() {
    let Setup {
        sim, mut client, ..
    } = Setup::new();
    let large = message(text(8 << 10));
    let response = sim.run(client.unary(large.clone())).unwrap();
    assert!(response.into_inner() == large);
}

/// A client that does not read holds up the service, and no other call. When it reads, it gets every
/// message.
#[test]
fn a_client_that_does_not_read() {
    const COPIES: usize = 400;
    let setup = Setup::new();
    let mut client = setup.client.clone();
    setup.sim.run(async {
        let mut many = message(text(64));
        many.copies = COPIES as u32;
        let received = client.server_streaming(many.clone()).await.unwrap();
        setup.sim.sleep(SECOND).await;
        // 25 MiB; the windows of the client have room for a part of it.
        let made = setup.made();
        assert!((1..COPIES / 2).contains(&made), "{made}");
        setup.sim.sleep(60 * SECOND).await;
        assert_eq!(setup.made(), made);
        client.unary(message("hello")).await.unwrap();

        let received: Vec<_> = received.into_inner().map(Result::unwrap).collect().await;
        assert_eq!(received.len(), COPIES);
        assert!(received.iter().all(|message| *message == many));
    });
}

/// A service that does not read holds up the client.
#[test]
fn a_service_that_does_not_read() {
    const MESSAGES: usize = 400;
    let setup = Setup::new();
    let mut client = setup.client.clone();
    setup.sim.run(async {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = taken.clone();
        let rest = stream::iter(0..MESSAGES).map(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            message(text(64))
        });
        let sent = stream::iter([message(WAIT)]).chain(rest);
        let mut call = pin!(client.client_streaming(sent));
        match select(&mut call, pin!(setup.sim.sleep(SECOND))).await {
            Either::Left(_) => panic!("the call has ended"),
            Either::Right(_) => {}
        }
        let before = taken.load(Ordering::Relaxed);
        assert!((1..MESSAGES / 2).contains(&before), "{before}");
        // After an hour the service reads on.
        let whole = call.await.unwrap().into_inner();
        assert_eq!(whole.text.len(), WAIT.len() + (MESSAGES << 16));
    });
}
