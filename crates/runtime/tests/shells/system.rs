use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use trunkline_runtime::Runtime;

shells! {
    returns_the_source_address
    returns_the_index_of_an_interface
    looks_up_localhost
    rejects_an_unknown_host
    runs_tasks
    fills_entropy
}

/// The source address for a loopback address is that address itself, whatever the port.
async fn returns_the_source_address(runtime: Arc<dyn Runtime>) {
    for address in ["127.0.0.1", "::1"] {
        let address: IpAddr = address.parse().unwrap();
        for port in [0, 443] {
            let source = runtime.source_address(SocketAddr::new(address, port));
            assert_eq!(source.unwrap(), address);
        }
    }
}

/// The kernel knows the loopback interface by its name; a name without an interface is an error.
async fn returns_the_index_of_an_interface(runtime: Arc<dyn Runtime>) {
    if !cfg!(target_os = "linux") {
        return;
    }
    assert!(runtime.interface_index("lo").unwrap() > 0);
    let too_long = "x".repeat(300);
    for absent in ["nosuch0", "", "../lo", "l\0", &too_long] {
        let error = runtime.interface_index(absent).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{absent}: {error}");
    }
}

/// The system's resolver knows `localhost`, and returns addresses with the port.
async fn looks_up_localhost(runtime: Arc<dyn Runtime>) {
    let found = runtime.lookup_host("localhost", 50051).await.unwrap();
    assert!(!found.is_empty());
    for address in found {
        assert!(address.ip().is_loopback(), "{address}");
        assert_eq!(address.port(), 50051);
    }
}

/// A name that is too long for a host name is an error.
async fn rejects_an_unknown_host(runtime: Arc<dyn Runtime>) {
    let name = "x".repeat(300);
    assert!(runtime.lookup_host(&name, 1).await.is_err());
}

/// A spawned task runs to its end though nothing awaits it.
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
        if shared.0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Two seeds are different numbers.
async fn fills_entropy(runtime: Arc<dyn Runtime>) {
    assert_ne!(runtime.seed(), runtime.seed());
}
