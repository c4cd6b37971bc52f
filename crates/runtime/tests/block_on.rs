//! `block_on`: whoever drives the reactor, no task, no timer and no socket is left alone.

#![cfg(all(target_os = "linux", feature = "async-std"))]

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::task::Poll;
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use trunkline_runtime::{AsyncStd, Runtime, Stream, TcpOptions, block_on};

/// The time limit of each wait.
const BOUND: Duration = Duration::from_secs(20);

/// A time that is long enough for a thread that waits to be found waiting.
const STEP: Duration = Duration::from_millis(5);

fn runtime() -> Arc<dyn Runtime> {
    Arc::new(AsyncStd::new())
}

/// Starts a server that returns each byte plus one. Returns its address.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() {
                    byte[0] = byte[0].wrapping_add(1);
                    stream.write_all(&byte).unwrap();
                }
            });
        }
    });
    address
}

async fn connect(server: SocketAddr) -> Box<dyn Stream> {
    let connecting = runtime().connect_tcp(server, &TcpOptions::default());
    connecting.await.unwrap()
}

/// Sends a byte, and checks the response.
async fn exchange(stream: &mut Box<dyn Stream>, byte: u8) {
    stream.write_all(&[byte]).await.unwrap();
    let mut response = [0];
    stream.read_exact(&mut response).await.unwrap();
    assert_eq!(response, [byte.wrapping_add(1)]);
}

async fn exchanges(server: SocketAddr, count: usize) {
    let mut stream = connect(server).await;
    for at in 0..count {
        exchange(&mut stream, at as u8).await;
    }
}

/// Spawns a task. Returns what receives its output.
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = channel();
    runtime().spawn(Box::pin(async move {
        let _ = sender.send(task.await);
    }));
    receiver
}

fn received<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(BOUND).expect("a task that ends")
}

/// A future that is ready, or that other threads wake, needs no socket.
#[test]
fn a_future_without_io() {
    assert_eq!(block_on(async { 7 }), 7);
    let (sender, receiver) = async_std::channel::bounded(1);
    let thread = thread::spawn(move || {
        for number in 0..100 {
            sender.send_blocking(number).unwrap();
        }
    });
    for number in 0..100 {
        assert_eq!(block_on(receiver.recv()), Ok(number));
    }
    thread.join().unwrap();
}

/// A future that wakes itself all the time lets tasks run and sockets be read.
#[test]
fn a_busy_future_is_not_alone() {
    let server = server();
    let done = spawn(exchanges(server, 50));
    block_on(poll_fn(|cx| match done.try_recv() {
        Ok(()) => Poll::Ready(()),
        Err(_) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }));
}

/// A task that is spawned in `block_on` runs on its thread, also after each of its waits.
#[test]
fn tasks_run_on_the_thread() {
    async fn threads(server: SocketAddr) -> Vec<ThreadId> {
        let mut stream = connect(server).await;
        let mut threads = Vec::new();
        for byte in 0..20 {
            exchange(&mut stream, byte).await;
            threads.push(thread::current().id());
        }
        threads
    }
    // Other tests run at the same time. One of their threads may take the tasks of this one.
    let server = server();
    let is_same = |_: &i32| {
        let own = thread::current().id();
        let done = spawn(threads(server));
        let threads = block_on(poll_fn(|cx| {
            // Polled again whenever this thread runs.
            cx.waker().wake_by_ref();
            done.try_recv().map_or(Poll::Pending, Poll::Ready)
        }));
        threads.contains(&own)
    };
    assert!((0..10).any(|at| is_same(&at)));
}

/// While the future of `block_on` holds its thread up, the pool runs the tasks.
#[test]
fn a_future_that_blocks_does_not_hold_tasks_up() {
    let server = server();
    block_on(async {
        exchanges(server, 1).await;
        for _ in 0..3 {
            received(&spawn(exchanges(server, 20)));
            // The tasks come back to this thread.
            exchanges(server, 20).await;
        }
    });
}

/// A task that blocks does not hold the others up, whether this thread runs it or the pool.
#[test]
fn a_task_that_blocks_does_not_hold_others_up() {
    let server = server();
    let blocking = async move { received(&spawn(exchanges(server, 20))) };
    let done = spawn(blocking);
    block_on(exchanges(server, 20));
    received(&done);
}

/// After the end of `block_on`, the pool runs the tasks, and their timers fire.
#[test]
fn tasks_go_on_after_the_end() {
    let server = server();
    let (begun, is_begun) = async_std::channel::bounded(1);
    let done = spawn(async move {
        let mut stream = connect(server).await;
        exchange(&mut stream, 1).await;
        begun.send(()).await.unwrap();
        for byte in 0..20 {
            let runtime = runtime();
            runtime.sleep_until(runtime.now() + STEP / 10).await;
            exchange(&mut stream, byte).await;
        }
    });
    block_on(is_begun.recv()).unwrap();
    received(&done);
}

/// One `block_on` for each exchange: the connection serves all of them.
#[test]
fn many_short_ones() {
    let mut stream = block_on(connect(server()));
    for byte in 0..200 {
        block_on(exchange(&mut stream, byte));
    }
}

/// A stream moves between `block_on`, async-std's own, its pool, and another executor.
#[test]
fn a_stream_works_on_every_executor() {
    let mut stream = block_on(connect(server()));
    for byte in 0..20 {
        block_on(exchange(&mut stream, byte));
        async_std::task::block_on(exchange(&mut stream, byte));
        stream = async_std::task::block_on(async_std::task::spawn(async move {
            exchange(&mut stream, byte).await;
            stream
        }));
        async_io::block_on(exchange(&mut stream, byte));
    }
}

/// Threads in `block_on` take turns at the reactor: when the one that waits leaves, another one does.
#[test]
fn threads_take_over() {
    let server = server();
    let threads: Vec<_> = (0..8)
        .map(|at| thread::spawn(move || block_on(exchanges(server, 20 + 40 * at))))
        .collect();
    let short = thread::spawn(move || {
        for _ in 0..100 {
            block_on(exchanges(server, 1));
        }
    });
    for thread in threads.into_iter().chain([short]) {
        thread.join().unwrap();
    }
}

/// Any mixture of ways to run, on several threads at once: every exchange ends.
#[test]
fn any_mixture() {
    let server = server();
    let threads: Vec<_> = (1..6)
        .map(|seed| thread::spawn(move || mix(server, seed)))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Makes exchanges on one stream, each in a way that the generator of `seed` chooses.
fn mix(server: SocketAddr, seed: u32) {
    let mut stream = block_on(connect(server));
    let mut state = seed;
    for byte in 0..40 {
        // xorshift32
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        match state % 6 {
            0 | 1 => block_on(exchange(&mut stream, byte)),
            2 => async_std::task::block_on(exchange(&mut stream, byte)),
            3 => {
                let task = spawn(async move {
                    exchange(&mut stream, byte).await;
                    stream
                });
                stream = received(&task);
            }
            4 => {
                let task = async move {
                    exchange(&mut stream, byte).await;
                    stream
                };
                stream = block_on(async_std::task::spawn(task));
            }
            _ => block_on(async {
                // The thread blocks while a task needs the reactor.
                received(&spawn(exchanges(server, 2)));
                exchange(&mut stream, byte).await;
            }),
        }
    }
}

/// `block_on` inside of `block_on`, and inside of a task that it runs.
#[test]
fn nested() {
    let server = server();
    block_on(async {
        exchanges(server, 5).await;
        block_on(exchanges(server, 20));
        let (sender, receiver) = async_std::channel::bounded(1);
        let task = async move {
            block_on(exchanges(server, 20));
            sender.send(()).await.unwrap();
        };
        runtime().spawn(Box::pin(task));
        receiver.recv().await.unwrap();
        exchanges(server, 5).await;
    });
}

/// A panic of the future ends this `block_on`, one of a task ends the task. Nothing else is lost.
#[test]
fn panics() {
    let server = server();
    let task = spawn(async { panic!("on purpose, in a task") });
    let failed = catch_unwind(AssertUnwindSafe(|| {
        block_on(async {
            exchanges(server, 2).await;
            panic!("on purpose");
        })
    }));
    assert!(failed.is_err());
    assert!(task.recv_timeout(BOUND).is_err());
    block_on(exchanges(server, 20));
    received(&spawn(exchanges(server, 20)));
}

/// Timers fire while nothing else happens, in the order of their deadlines, also one that is set while
/// this thread waits for a later one.
#[test]
fn timers() {
    let runtime = runtime();
    let start = runtime.now();
    let other = Arc::clone(&runtime);
    let thread = thread::spawn(move || block_on(other.sleep_until(start + STEP)));
    block_on(runtime.sleep_until(start + 4 * STEP));
    assert!(runtime.now() >= start + 4 * STEP);
    thread.join().unwrap();
    let late = spawn({
        let runtime = Arc::clone(&runtime);
        async move { runtime.sleep_until(runtime.now() + STEP).await }
    });
    received(&late);
}

/// The future of `block_on` is dropped before it returns, and what it held is not watched any more: the
/// descriptor's number is used again by the next socket.
#[test]
fn descriptors_are_used_again() {
    let server = server();
    for at in 0..50 {
        block_on(exchanges(server, 1 + at % 3));
    }
}

/// The peer's end is found also when it comes with the last data.
#[test]
fn data_and_the_end_together() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = block_on(connect(listener.local_addr().unwrap()));
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"all").unwrap();
    drop(peer);
    let mut text = Vec::new();
    block_on(stream.read_to_end(&mut text)).unwrap();
    assert_eq!(text, b"all");
}

/// A writer waits until the peer has read, and then sends the rest.
#[test]
fn a_full_socket_is_written_later() {
    const LEN: usize = 8 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = block_on(connect(listener.local_addr().unwrap()));
    let (mut peer, _) = listener.accept().unwrap();
    let thread = thread::spawn(move || {
        let mut bytes = vec![0; LEN];
        peer.read_exact(&mut bytes).unwrap();
        bytes
    });
    let bytes: Vec<u8> = (0..LEN).map(|at| at as u8).collect();
    block_on(stream.write_all(&bytes)).unwrap();
    assert!(thread.join().unwrap() == bytes);
}
