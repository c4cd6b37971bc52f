use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use trunkline_runtime::Runtime;

shells! {
    tells_the_source_address
    looks_up_localhost
    tells_an_unknown_host
    runs_tasks
    gives_entropy
}

/// The route to a loopback address starts at that address; the port does not matter.
async fn tells_the_source_address(runtime: Arc<dyn Runtime>) {
    for address in ["127.0.0.1", "::1"] {
        let address: IpAddr = address.parse().unwrap();
        for port in [0, 443] {
            let source = runtime.source_address(SocketAddr::new(address, port));
            assert_eq!(source.unwrap(), address);
        }
    }
}

/// The system's resolver knows `localhost`, and gives addresses with the port.
async fn looks_up_localhost(runtime: Arc<dyn Runtime>) {
    let found = runtime.lookup_host("localhost", 50051).await.unwrap();
    assert!(!found.is_empty());
    for address in found {
        assert!(address.ip().is_loopback(), "{address}");
        assert_eq!(address.port(), 50051);
    }
}

/// A name that cannot be is an error.
async fn tells_an_unknown_host(runtime: Arc<dyn Runtime>) {
    let name = "x".repeat(300);
    assert!(runtime.lookup_host(&name, 1).await.is_err());
}

/// A task runs to its end without anybody waiting for it.
pub(crate) async fn runs_tasks(runtime: Arc<dyn Runtime>) {
    let shared: Arc<Mutex<(bool, Option<Waker>)>> = Arc::default();
    let theirs = shared.clone();
    runtime.spawn(Box::pin(async move {
        let mut shared = theirs.lock().unwrap();
        shared.0 = true;
        if let Some(waker) = shared.1.take() {
            waker.wake();
        }
    }));
    poll_fn(|cx| {
        let mut shared = shared.lock().unwrap();
        shared.1 = Some(cx.waker().clone());
        match shared.0 {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

/// Two seeds differ.
async fn gives_entropy(runtime: Arc<dyn Runtime>) {
    assert_ne!(runtime.seed(), runtime.seed());
}
