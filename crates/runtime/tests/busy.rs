//! Programs that keep a thread busy. A process of its own, in which nothing else drives the reactor.

#![cfg(all(target_os = "linux", feature = "async-std"))]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use trunkline_runtime::{AsyncStd, Runtime, Stream, TcpOptions};

/// The time limit of each wait.
const BOUND: Duration = Duration::from_secs(20);

async fn connect(server: SocketAddr) -> Box<dyn Stream> {
    let connecting = AsyncStd::new().connect_tcp(server, &TcpOptions::default());
    connecting.await.unwrap()
}

async fn exchange(stream: &mut Box<dyn Stream>) {
    stream.write_all(&[7]).await.unwrap();
    stream.read_exact(&mut [0]).await.unwrap();
}

/// A task that blocks after a response does not stop async-io: its timers fire.
#[test]
fn a_task_that_blocks_does_not_stop_async_io() {
    let pause = || async_io::block_on(async_io::Timer::after(Duration::from_millis(5)));
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
