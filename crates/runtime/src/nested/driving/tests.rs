use std::future::poll_fn;
use std::task::{Poll, Wake};

use super::presence::{POLL, Presence};
use super::*;
use crate::reactor::now;

/// Makes a reactor of its own, which nothing else drives: it has no thread for the fallback.
fn nested() -> &'static Nested {
    Box::leak(Box::new(Nested::new(|| ()).expect("descriptors")))
}

fn presence(nested: &'static Nested) -> Presence {
    Presence::begin(nested, Arc::new(Root::new(|| ())))
}

/// Counts how often it is woken.
#[derive(Debug, Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Spawns a task that is polled again and again. Returns what counts its polls.
fn spawn_busy(nested: &'static Nested) -> Arc<Count> {
    let polls = Arc::<Count>::default();
    let counted = Arc::clone(&polls);
    let task = poll_fn(move |cx| {
        counted.0.fetch_add(1, SeqCst);
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    Task::spawn(Box::pin(task), false, nested);
    polls
}

/// Futures that are ready at their first poll, each in a `block_on` of its own, do not keep the network
/// waiting: tasks run, and reports and timers are taken.
#[test]
fn short_presences_drive() {
    let nested = nested();
    drop(presence(nested));
    let polls = spawn_busy(nested);
    let woken = Arc::<Count>::default();
    for round in 1..4 {
        let waker = Waker::from(Arc::clone(&woken));
        nested.reactor.timers.insert(now(), waker);
        for _ in 0..MOST_BUSY / POLL {
            drop(presence(nested));
        }
        assert_eq!(woken.0.load(SeqCst), round);
        assert_eq!(polls.0.load(SeqCst), round);
    }
}

/// They are no progress for the fallback, unless they did something for the network.
#[test]
fn a_short_presence_is_no_tick() {
    let nested = nested();
    let ticks = || nested.fallback.ticks();
    for _ in 1..MOST_BUSY / POLL {
        drop(presence(nested));
        assert_eq!(ticks(), 0);
    }
    drop(presence(nested));
    assert_eq!(ticks(), 1);
}

/// However many tasks are due all the time, reports and timers are taken after about as many polls as one
/// batch has.
#[test]
fn busy_tasks_do_not_keep_reports_waiting() {
    let nested = nested();
    let mut presence = presence(nested);
    let polls: Vec<_> = (0..2 * BATCH).map(|_| spawn_busy(nested)).collect();
    let woken = Arc::<Count>::default();
    let waker = Waker::from(Arc::clone(&woken));
    nested.reactor.timers.insert(now(), waker);
    presence.turn();
    let polled: usize = polls.iter().map(|polls| polls.0.load(SeqCst)).sum();
    assert_eq!((woken.0.load(SeqCst), polled), (1, 2 * BATCH));
}

/// A thread does not keep the memory of its largest batch of reports. It keeps that of usual ones.
#[test]
fn memory_of_a_large_batch_is_freed() {
    let mut wakers = vec![Waker::noop().clone(); 100 * MOST_ROOM];
    wake_all(&mut wakers);
    assert!(wakers.capacity() <= MOST_ROOM, "{}", wakers.capacity());
    let mut wakers = vec![Waker::noop().clone(); 100];
    wake_all(&mut wakers);
    assert!(wakers.capacity() >= 100, "{}", wakers.capacity());
}
