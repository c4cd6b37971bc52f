//! `block_on`.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::driving::presence::Presence;
use super::global::{nested, notify, start_fallback};
use super::root::Root;

/// Runs a future on this thread, and with it the network of the runtime `AsyncStd`: its sockets, its
/// timers, and the tasks that it spawns, such as those of a channel.
///
/// A call in here switches no threads: this thread makes the request, waits for the response, and reads
/// it. Inside of async-std's own `block_on`, and in its pool, everything works too, at a higher cost.
///
/// * Any number of threads may be in `block_on` at the same time, also nested. One of them waits for the
///   network, and takes the others' responses too. When it leaves, another one takes over.
/// * When all have left, or when the code of the program holds them up for several milliseconds,
///   async-std takes over, with the threads of its pool.
/// * Tasks that are spawned on async-std, smol or threads run there, and can be waited for in here. To
///   keep many calls on this thread, join their futures (`FuturesUnordered`) instead of spawning them.
/// * async-std's own sockets and timers work in here, at the cost of async-std's threads. Its task-locals
///   (`async_std::task::current`) and its `spawn_local` need its own `block_on`.
///
/// This is for Linux. On other systems it is `async_std::task::block_on`; it is that too where the system
/// has no descriptor left, and `async_io::block_on` where it has no thread left.
///
/// After a `fork` without `exec`, the child must not use it: it has neither the threads nor a reactor of its
/// own. Urgent data of a peer (`MSG_OOB`) is not reported.
///
/// # Panics
///
/// When the future panics. A panic in a task ends that task only.
///
/// # Examples
///
/// ```
/// use trunkline_runtime::{AsyncStd, Runtime, TcpOptions, block_on};
///
/// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let peer = listener.local_addr()?;
/// let stream = block_on(AsyncStd::new().connect_tcp(peer, &TcpOptions::default()))?;
/// assert_eq!(stream.peer_addr(), peer.into());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let Ok(nested) = nested() else {
        // Without descriptors. It makes none.
        return async_std::task::block_on(future);
    };
    if start_fallback(nested).is_err() {
        // Without threads. It makes none, whereas async-std's begins with those of the pool.
        return async_io::block_on(future);
    }
    let root = Arc::new(Root::new(notify));
    let waker = Waker::from(Arc::clone(&root));
    let mut presence = Presence::begin(nested, Arc::clone(&root));
    // Dropped before the presence ends: what that wakes runs where the future ran.
    let mut future = pin!(future);
    loop {
        if root.take_woken()
            && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return output;
        }
        presence.turn();
    }
}
