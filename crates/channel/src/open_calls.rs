//! The calls of a channel that have begun and not ended.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::available_parallelism;

use event_listener::{Event, EventListener};

use crate::core::idleness::CallCounts;

/// The most cells of a channel.
const MOST_CELLS: usize = 32;

/// Counts the calls of a channel.
///
/// Each thread counts in a cell of its own, as long as there are no more threads than processors.
/// So calls of different threads write to no memory that they share.
pub(crate) struct OpenCalls {
    cells: Box<[Arc<Cell>]>,
    drain: Arc<Drain>,
}

/// The calls of some threads. It fills cache lines of its own.
#[repr(align(128))]
struct Cell {
    begun: AtomicU64,
    ended: AtomicU64,
    drain: Arc<Drain>,
}

/// The notification of the end of calls, for a channel that closes.
#[derive(Default)]
struct Drain {
    /// True once the channel waits for its calls to end.
    is_draining: AtomicBool,
    ended: Event,
}

/// One call that has begun. It ends when this is dropped.
pub(crate) struct OpenCall(Arc<Cell>);

impl OpenCalls {
    pub(crate) fn new() -> Self {
        let drain = Arc::<Drain>::default();
        let cell = |_| {
            Arc::new(Cell {
                begun: AtomicU64::new(0),
                ended: AtomicU64::new(0),
                drain: Arc::clone(&drain),
            })
        };
        Self {
            cells: (0..cells_per_channel()).map(cell).collect(),
            drain,
        }
    }

    /// Counts a call, until its end.
    pub(crate) fn begin(&self) -> OpenCall {
        let cell = &self.cells[thread_number() % self.cells.len()];
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

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, SeqCst);
        if self.0.drain.is_draining.load(SeqCst) {
            self.0.drain.ended.notify(usize::MAX);
        }
    }
}

fn cells_per_channel() -> usize {
    // Asking the system is slow.
    static CELLS: OnceLock<usize> = OnceLock::new();
    *CELLS.get_or_init(|| {
        let processors = available_parallelism().map_or(1, usize::from);
        processors.next_power_of_two().min(MOST_CELLS)
    })
}

/// Returns the number of this thread, in the order of their first calls.
fn thread_number() -> usize {
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
        let calls = OpenCalls::new();
        let open: Vec<OpenCall> = std::thread::scope(|scope| {
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
}
