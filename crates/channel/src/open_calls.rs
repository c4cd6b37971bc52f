//! The calls of a channel that have begun and not ended.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use concurrent_queue::ConcurrentQueue;
use crossbeam_utils::atomic::AtomicCell;
use event_listener::{Event, EventListener};

use crate::core::idleness::CallCounts;

/// The most cells of a channel.
const MOST_CELLS: usize = 32;

/// The most spares of a cell.
const MOST_SPARES: usize = 256;

/// Counts the calls of a channel, and keeps memory of calls that have ended, the spares, for later
/// ones.
///
/// Each thread counts in a cell of its own, as long as there are no more threads than processors.
/// So calls of different threads write to no memory that they share.
pub(crate) struct OpenCalls<S> {
    cells: Box<[Arc<Cell<S>>]>,
    drain: Arc<Drain>,
}

/// The calls of some threads. It fills cache lines of its own.
#[repr(align(128))]
struct Cell<S> {
    begun: AtomicU64,
    ended: AtomicU64,
    drain: Arc<Drain>,
    /// The spare that came last, which the next call takes: its memory is in the cache, and one swap is the
    /// whole cost. A caller that makes calls one after the other needs no other.
    last: AtomicCell<Option<S>>,
    /// The other spares. Empty until the first of them comes.
    others: OnceLock<ConcurrentQueue<S>>,
}

/// The notification of the end of calls, for a channel that closes.
#[derive(Default)]
struct Drain {
    /// True once the channel waits for its calls to end.
    is_draining: AtomicBool,
    ended: Event,
}

/// One call that has begun. It ends when this is dropped.
pub(crate) struct OpenCall<S>(Arc<Cell<S>>);

impl<S> OpenCalls<S> {
    pub(crate) fn new() -> Self {
        let drain = Arc::<Drain>::default();
        let cell = |_| {
            Arc::new(Cell {
                begun: AtomicU64::new(0),
                ended: AtomicU64::new(0),
                drain: Arc::clone(&drain),
                last: AtomicCell::new(None),
                others: OnceLock::new(),
            })
        };
        Self {
            cells: (0..cells_per_channel()).map(cell).collect(),
            drain,
        }
    }

    /// Counts a call, until its end.
    pub(crate) fn begin(&self) -> OpenCall<S> {
        // A division would cost as much as the rest: the number of cells is a power of two.
        let cell = &self.cells[thread_number() & (self.cells.len() - 1)];
        cell.begun.fetch_add(1, SeqCst);
        OpenCall(Arc::clone(cell))
    }

    /// Returns the number of calls so far. While calls begin and end, no open call is missed.
    pub(crate) fn counts(&self) -> CallCounts {
        // In this order: a call that is counted as ended is counted as begun too.
        let ended = self.cells.iter().map(|cell| cell.ended.load(SeqCst)).sum();
        let begun = self.cells.iter().map(|cell| cell.begun.load(SeqCst)).sum();
        CallCounts { begun, ended }
    }

    /// Returns a listener for the end of a call. From the first one on, each call notifies them.
    pub(crate) fn listen(&self) -> EventListener {
        self.drain.is_draining.store(true, SeqCst);
        self.drain.ended.listen()
    }
}

impl<S> OpenCall<S> {
    /// Takes a spare of the cell that the call began in, if it has one.
    #[inline]
    pub(crate) fn take_spare(&self) -> Option<S> {
        let last = self.0.last.take();
        last.or_else(|| self.0.others.get()?.pop().ok())
    }

    /// Gives a spare to the cell that the call began in. It is dropped if the cell has enough.
    #[inline]
    pub(crate) fn give_spare(&self, spare: S) {
        if let Some(other) = self.0.last.swap(Some(spare)) {
            let others = || ConcurrentQueue::bounded(MOST_SPARES - 1);
            let _ = self.0.others.get_or_init(others).push(other);
        }
    }
}

impl<S> Drop for OpenCall<S> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, SeqCst);
        if self.0.drain.is_draining.load(SeqCst) {
            self.0.drain.ended.notify(usize::MAX);
        }
    }
}

/// Returns how many cells a channel has: one for each thread that can run, up to a limit. It is a power
/// of two.
pub(crate) fn cells_per_channel() -> usize {
    // A thread finds its cell with a mask.
    const { assert!(MOST_CELLS.is_power_of_two()) }
    // Asking the system is slow.
    static CELLS: OnceLock<usize> = OnceLock::new();
    *CELLS.get_or_init(|| {
        let processors = available_parallelism().map_or(1, usize::from);
        processors.next_power_of_two().min(MOST_CELLS)
    })
}

/// Returns the number of this thread, in the order of their first calls.
pub(crate) fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, SeqCst);
    }
    NUMBER.with(|number| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls that begin on one thread and end on another are counted, and the ends of calls are
    /// notified once they are waited for.
    #[test]
    fn calls_of_several_threads() {
        let calls = OpenCalls::<()>::new();
        let open: Vec<OpenCall<()>> = std::thread::scope(|scope| {
            let begin = || scope.spawn(|| (0..100).map(|_| calls.begin()).collect::<Vec<_>>());
            let threads: Vec<_> = (0..4).map(|_| begin()).collect();
            let open = threads.into_iter().map(|thread| thread.join());
            open.flat_map(|open| open.expect("no panic")).collect()
        });
        let counts = |begun, ended| CallCounts { begun, ended };
        assert_eq!(calls.counts(), counts(400, 0));
        let ended = calls.listen();
        drop(open);
        event_listener::Listener::wait(ended);
        assert_eq!(calls.counts(), counts(400, 400));
        assert_eq!(calls.counts().open(), 0);
    }

    /// A spare goes back to the cell that its call began in, whichever thread ends the call.
    #[test]
    fn a_spare_is_taken_by_the_next_call_of_its_thread() {
        let calls = OpenCalls::new();
        let call = calls.begin();
        assert_eq!(call.take_spare(), None);
        std::thread::scope(|scope| {
            scope.spawn(|| call.give_spare(7));
        });
        assert_eq!(calls.begin().take_spare(), Some(7));
        assert_eq!(calls.begin().take_spare(), None);
    }

    /// A cell keeps no more than its most spares.
    #[test]
    fn spares_are_bounded() {
        let calls = OpenCalls::new();
        let call = calls.begin();
        for spare in 0..1000 {
            call.give_spare(spare);
        }
        let taken = std::iter::from_fn(|| call.take_spare());
        assert_eq!(taken.count(), MOST_SPARES);
    }
}
