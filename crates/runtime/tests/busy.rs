//! Programs that keep a thread busy. A process of its own, in which nothing else drives the reactor.

#![cfg(all(target_os = "linux", feature = "async-std"))]

use std::future::ready;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use trunkline_runtime::{AsyncStd, Runtime, Stream, TcpOptions, block_on};

/// The time limit of each wait.
const BOUND: Duration = Duration::from_secs(20);

/// One test at a time: each would drive the reactor for the other.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a server for one connection, which returns each byte. Returns its address.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() {
            stream.write_all(&byte).unwrap();
        }
    });
    address
}

async fn connect(server: SocketAddr) -> Box<dyn Stream> {
    let connecting = AsyncStd::new().connect_tcp(server, &TcpOptions::default());
    connecting.await.unwrap()
}

async fn exchange(stream: &mut Box<dyn Stream>) {
    stream.write_all(&[7]).await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
}

/// Spawns a task that makes exchanges and waits for a timer between them. Returns what receives its end.
fn exchanges(count: usize) -> Receiver<()> {
    let server = server();
    let (sender, receiver) = channel();
    AsyncStd::new().spawn(Box::pin(async move {
        let runtime: &dyn Runtime = &AsyncStd::new();
        let mut stream = connect(server).await;
        for _ in 0..count {
            exchange(&mut stream).await;
            let next = runtime.now() + Duration::from_micros(100);
            runtime.sleep_until(next).await;
        }
        let _ = sender.send(());
    }));
    receiver
}

/// A program that calls `block_on` again and again, for futures that never wait, has its tasks run, its
/// timers fire and its sockets read. So does one that tries calls on a channel that has no connection yet.
#[test]
fn short_block_ons_do_not_stop_the_network() {
    let _alone = alone();
    block_on(ready(()));
    let done = exchanges(10);
    let limit = AsyncStd::new().now() + BOUND;
    while done.try_recv().is_err() {
        block_on(ready(()));
        assert!(AsyncStd::new().now() < limit, "the exchanges do not end");
    }
}

/// A task that blocks after a response does not stop async-io: its timers fire.
#[test]
fn a_task_that_blocks_does_not_stop_async_io() {
    let pause = || async_io::block_on(async_io::Timer::after(Duration::from_millis(5)));
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let (begin, is_begun) = channel();
    let (release, is_released) = channel();
    let (end, has_ended) = channel();
    AsyncStd::new().spawn(Box::pin(async move {
        let mut stream = connect(server).await;
        exchange(&mut stream).await;
        begin.send(()).unwrap();
        end.send(is_released.recv_timeout(BOUND)).unwrap();
    }));
    let (mut peer, _) = listener.accept().unwrap();
    peer.read_exact(&mut [0]).unwrap();
    // The task waits in the reactor by then.
    pause();
    peer.write_all(&[7]).unwrap();
    is_begun.recv_timeout(BOUND).unwrap();
    let paused = thread::spawn(pause);
    thread::spawn(move || {
        paused.join().unwrap();
        release.send(()).unwrap();
    });
    assert_eq!(has_ended.recv_timeout(2 * BOUND).unwrap(), Ok(()));
}
