//! How a `Tokio` gets its handle.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Runtime as TokioRuntime};
use trunkline_runtime::{Runtime, TcpOptions, Tokio, UdpOptions};

use crate::{bounded, system};

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9);

fn current_thread() -> TokioRuntime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Outside of tokio, the error lists what the user can do.
#[test]
fn the_error_without_a_handle_lists_what_to_do() {
    let runtime = Tokio::new();
    let text = "no tokio runtime here: make the first call from within one (`#[tokio::main]`, \
        `Runtime::block_on`), give its handle to `Tokio::with_handle`, or choose another runtime";
    assert_eq!(runtime.attach().unwrap_err().to_string(), text);
    let socket = runtime.connect_udp(PEER, &UdpOptions::default());
    assert_eq!(socket.unwrap_err().to_string(), text);
}

/// A connection that was started outside of tokio fails with the same text, wherever its future is
/// polled.
#[test]
fn a_connection_without_a_handle_is_an_error() {
    let connecting = Tokio::new().connect_tcp(PEER, &TcpOptions::default());
    let error = current_thread().block_on(connecting).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert!(error.to_string().starts_with("no tokio runtime here"));
}

/// `attach` stores the handle for good: after that the value works on any thread.
#[test]
fn attaches_once() {
    let runtime: Arc<dyn Runtime> = Arc::new(Tokio::new());
    let tokio = current_thread();
    tokio.block_on(async { runtime.attach() }).unwrap();
    let elsewhere = runtime.clone();
    let attached = thread::spawn(move || elsewhere.attach()).join().unwrap();
    attached.unwrap();
    runtime.connect_udp(PEER, &UdpOptions::default()).unwrap();
}

/// A `Tokio` with a given handle works outside of tokio's context.
#[test]
fn takes_a_given_handle() {
    let tokio = current_thread();
    let runtime: Arc<dyn Runtime> = Arc::new(Tokio::with_handle(tokio.handle().clone()));
    runtime.attach().unwrap();
    let elsewhere = runtime.clone();
    // The task is spawned outside of tokio's context, and runs within it.
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || elsewhere.spawn(Box::pin(async move { sender.send(1).unwrap() })))
        .join()
        .unwrap();
    tokio.block_on(bounded(runtime, system::runs_tasks));
    assert_eq!(receiver.try_recv(), Ok(1));
}

/// In a tokio runtime whose drivers are off, each use is an error that names the method of tokio's
/// builder; with the current handle and with a given one.
#[test]
fn the_error_without_a_driver_names_the_builders_method() {
    let text = |driver, method| {
        format!(
            "the {driver} driver of this tokio runtime is off: build the runtime with `enable_all` (or \
             `{method}`), or choose another runtime"
        )
    };
    let without_time = Builder::new_current_thread().enable_io().build().unwrap();
    let without_io = Builder::new_current_thread().enable_time().build().unwrap();
    let without_both = Builder::new_current_thread().build().unwrap();
    for (tokio, expected) in [
        (&without_time, text("time", "enable_time")),
        (&without_io, text("I/O", "enable_io")),
        (&without_both, text("time", "enable_time")),
    ] {
        let given = Tokio::with_handle(tokio.handle().clone());
        assert_eq!(given.attach().unwrap_err().to_string(), expected);
        let current = Tokio::new();
        let attached = tokio.block_on(async { current.attach() });
        assert_eq!(attached.unwrap_err().to_string(), expected);
        for runtime in [given, current] {
            let connected = tokio.block_on(runtime.connect_tcp(PEER, &TcpOptions::default()));
            assert_eq!(connected.unwrap_err().to_string(), expected);
            let socket = runtime.connect_udp(PEER, &UdpOptions::default());
            assert_eq!(socket.unwrap_err().to_string(), expected);
        }
    }
}

/// The identity is that of the tokio runtime, and not known before the first `attach`.
#[test]
fn values_on_one_tokio_runtime_are_one() {
    let (one, other) = (current_thread(), current_thread());
    let of = |tokio: &TokioRuntime| -> Arc<dyn Runtime> {
        Arc::new(Tokio::with_handle(tokio.handle().clone()))
    };
    assert!(of(&one).is_same_as(&*of(&one)));
    assert!(!of(&one).is_same_as(&*of(&other)));

    let late: Arc<dyn Runtime> = Arc::new(Tokio::new());
    assert!(late.is_same_as(&*late));
    assert!(!late.is_same_as(&*of(&one)));
    one.block_on(async { late.attach() }).unwrap();
    assert!(late.is_same_as(&*of(&one)));
}
