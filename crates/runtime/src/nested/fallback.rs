//! Finds out that no thread drives the reactor any more.

use std::future::ready;
use std::io;
use std::panic::catch_unwind;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::Lock;

/// How often the thread looks. Each look switches threads twice.
const INTERVAL: Duration = Duration::from_millis(2);

/// At which look in a row that finds no progress, but work, that is handed over.
///
/// A thread in `block_on` may do without the reactor for this long, while it runs code of the program: a
/// hundred calls that are made together take it a millisecond. If their connection moved to another
/// thread meanwhile, each of them would wake that thread.
const QUIET_WITH_WORK: u32 = 2;

/// At which look in a row that finds neither progress nor work the reactor is handed over. It is kept
/// that long for a thread that left `block_on` and may come back.
const MOST_QUIET: u32 = 10;

/// Name of the thread.
const NAME: &str = "trunkline-fallback";

/// Memory for the stack of the thread, which calls little.
const STACK: usize = 128 * 1024;

/// A thread that looks whether the reactor is still driven, while that is up to code that runs. While that waits, and while async-io drives the reactor, it is parked.
#[derive(Debug, Default)]
pub(super) struct Fallback {
    /// `None` until it is first needed.
    thread: Lock<Option<Thread>>,
    /// True if async-std's pool, to which the reactor is handed over, was started.
    has_pool: OnceLock<bool>,
    /// True once the thread is started.
    is_started: AtomicBool,
    /// Counts how often the threads in `block_on` have run tasks or looked at the reactor.
    ticks: AtomicUsize,
    /// True while the thread is parked until the next tick.
    is_parked: AtomicBool,
}

/// What the thread finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The number of ticks so far.
    pub(super) ticks: usize,
    /// True when there is nothing to watch: a thread waits in the reactor, or async-io drives it.
    pub(super) is_safe: bool,
}

/// Decides what the thread does.
#[derive(Debug, Default)]
struct Patience {
    ticks: usize,
    /// How often nothing has moved.
    quiet: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Look again after a while.
    Wait,
    /// Park until the next tick.
    Park,
    /// The reactor and the tasks are to be driven by others.
    HandOver,
}

impl Patience {
    fn judge(&mut self, found: Finding, has_work: impl FnOnce() -> bool) -> Verdict {
        if found.ticks != self.ticks {
            self.ticks = found.ticks;
            self.quiet = 0;
            return Verdict::Wait;
        }
        if found.is_safe {
            return Verdict::Park;
        }
        self.quiet += 1;
        let is_over = match self.quiet {
            ..QUIET_WITH_WORK => false,
            MOST_QUIET.. => true,
            _ => has_work(),
        };
        if is_over {
            // A thread that is to take over needs time for that too.
            self.quiet = 0;
            return Verdict::HandOver;
        }
        Verdict::Wait
    }
}

impl Fallback {
    /// Starts the thread, which runs `run`, unless it was started, and async-std's pool, to which it hands
    /// over.
    ///
    /// # Errors
    ///
    /// When the system has no more threads for either.
    pub(super) fn start(&self, run: fn()) -> io::Result<()> {
        if self.is_started.load(SeqCst) {
            return Ok(());
        }
        // A pool that could not be started cannot be started later either.
        if !*self.has_pool.get_or_init(start_pool) {
            return Err(io::Error::other("async-std's pool has no threads"));
        }
        let mut thread = self.thread.lock();
        if thread.is_none() {
            let builder = thread::Builder::new().name(NAME.to_owned());
            let handle = builder.stack_size(STACK).spawn(run)?;
            *thread = Some(handle.thread().clone());
            self.is_started.store(true, SeqCst);
        }
        Ok(())
    }

    /// Handles that a thread in `block_on` has run tasks or looked at the reactor.
    pub(super) fn tick(&self) {
        self.ticks.fetch_add(1, SeqCst);
        self.look();
    }

    /// Returns how often the threads in `block_on` did something.
    #[cfg(test)]
    pub(super) fn ticks(&self) -> usize {
        self.ticks.load(SeqCst)
    }

    /// Has the thread look, if it is parked.
    pub(super) fn look(&self) {
        if self.is_parked.load(SeqCst)
            && self.is_parked.swap(false, SeqCst)
            && let Some(thread) = &*self.thread.lock()
        {
            thread.unpark();
        }
    }

    /// Runs the thread. `is_safe` returns whether there is nothing to watch, `has_work` whether a task or
    /// a report waits, and `hand_over` has others drive the reactor.
    pub(super) fn run(
        &self,
        is_safe: impl Fn() -> bool,
        has_work: impl Fn() -> bool,
        hand_over: impl Fn(),
    ) -> ! {
        let find = || Finding {
            ticks: self.ticks.load(SeqCst),
            is_safe: is_safe(),
        };
        let mut patience = Patience::default();
        loop {
            let found = find();
            match patience.judge(found, &has_work) {
                Verdict::Wait => thread::park_timeout(INTERVAL),
                Verdict::HandOver => {
                    hand_over();
                    thread::park_timeout(INTERVAL);
                }
                Verdict::Park => {
                    self.is_parked.store(true, SeqCst);
                    if find() != found {
                        self.is_parked.store(false, SeqCst);
                    }
                    while self.is_parked.load(SeqCst) {
                        thread::park();
                    }
                }
            }
        }
    }
}

/// Starts async-std's pool. Returns false if the system has no threads for it, which is a panic there: it
/// would end the thread that hands over.
fn start_pool() -> bool {
    catch_unwind(|| drop(async_std::task::spawn(ready(())))).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(patience: &mut Patience, ticks: usize, is_safe: bool, has_work: bool) -> Verdict {
        patience.judge(Finding { ticks, is_safe }, || has_work)
    }

    /// While a thread drives the reactor, nothing happens; work that waits while no thread moves is
    /// handed over at the second look. It is handed over again only if no thread has moved since.
    #[test]
    fn work_is_handed_over() {
        let mut patience = Patience::default();
        for ticks in 1..100 {
            assert_eq!(judge(&mut patience, ticks, false, true), Verdict::Wait);
        }
        assert_eq!(judge(&mut patience, 99, true, true), Verdict::Park);
        for _ in 0..3 {
            assert_eq!(judge(&mut patience, 99, false, true), Verdict::Wait);
            assert_eq!(judge(&mut patience, 99, false, true), Verdict::HandOver);
        }
        assert_eq!(judge(&mut patience, 100, false, true), Verdict::Wait);
    }

    /// Without work, the reactor is kept for a thread that may come back, but not for ever: the thread
    /// that looks is parked in the end.
    #[test]
    fn a_quiet_reactor_is_handed_over_later() {
        let mut patience = Patience::default();
        for ticks in [1, 2] {
            assert_eq!(judge(&mut patience, ticks, false, false), Verdict::Wait);
            for _ in 1..MOST_QUIET {
                assert_eq!(judge(&mut patience, ticks, false, false), Verdict::Wait);
            }
        }
        assert_eq!(judge(&mut patience, 2, false, false), Verdict::HandOver);
        assert_eq!(judge(&mut patience, 2, true, false), Verdict::Park);
    }
}
