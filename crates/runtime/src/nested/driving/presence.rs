//! A thread in `block_on`.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::{BLOCKS_ON, BUSY, MOST_BUSY, Nested, Room, count, wake_all};
use crate::nested::root::Root;

/// What a poll of the future of a `block_on` counts, also in one that never waits. A task
/// counts as 1.
pub(super) const POLL: usize = 2;

/// A call of `block_on` that runs.
#[derive(Debug)]
pub(in crate::nested) struct Presence {
    nested: &'static Nested,
    root: Arc<Root>,
    /// For the tasks that a wait wakes.
    room: Room,
}

impl Presence {
    /// Begins a call of `block_on` on this thread.
    pub(in crate::nested) fn begin(nested: &'static Nested, root: Arc<Root>) -> Self {
        BLOCKS_ON.set(true);
        nested.present.fetch_add(1, SeqCst);
        let presence = Self {
            nested,
            root,
            room: Room::take(),
        };
        presence.keep_driven();
        // No tick: nothing was done for the network yet.
        nested.fallback.look();
        presence
    }

    /// Runs tasks and waits, until the future of the root may be woken.
    pub(in crate::nested) fn turn(&mut self) {
        let nested = self.nested;
        count(POLL);
        nested.run_tasks();
        let has_work = || self.root.is_woken() || nested.has_tasks();
        if BUSY.get() < MOST_BUSY && has_work() {
            self.handle_progress();
            return;
        }
        let Some(mut seat) = nested.reactor.try_take_seat() else {
            if !has_work() {
                self.park();
            }
            BUSY.set(0);
            self.handle_progress();
            return;
        };
        BUSY.set(0);
        self.root.begin_wait();
        let may_wait = || !has_work();
        nested
            .reactor
            .turn(&mut seat, may_wait, &mut self.room.wakers);
        self.root.handle_awake();
        drop(seat);
        self.handle_progress();
        wake_all(&mut self.room.wakers);
        nested.run_tasks();
    }

    /// Takes the reports that there are, and runs tasks.
    fn visit(&mut self) {
        let nested = self.nested;
        BUSY.set(0);
        if let Some(mut seat) = nested.reactor.try_take_seat() {
            let wakers = &mut self.room.wakers;
            nested.reactor.turn_at_once(&mut seat, wakers);
        }
        self.handle_progress();
        wake_all(&mut self.room.wakers);
        nested.run_tasks();
    }

    /// Has the tasks come to this thread, and the fallback see that it moves.
    fn handle_progress(&self) {
        self.keep_driven();
        self.nested.fallback.tick();
    }

    /// Has the tasks come to the threads in `block_on`.
    fn keep_driven(&self) {
        if !self.nested.is_driven.load(SeqCst) {
            self.nested.is_driven.store(true, SeqCst);
        }
    }

    /// Parks until the root is woken, or the seat may be free.
    fn park(&self) {
        let nested = self.nested;
        nested.parked.lock().push(Arc::clone(&self.root));
        self.root.begin_park();
        // The thread in the seat may have left before it could see this one.
        let is_free = nested.reactor.try_take_seat().is_some();
        if !is_free && !self.root.is_woken() {
            std::thread::park();
        }
        self.root.handle_awake();
        let is_other = |root: &Arc<Root>| !Arc::ptr_eq(root, &self.root);
        nested.parked.lock().retain(is_other);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        count(POLL);
        if BUSY.get() >= MOST_BUSY && !std::thread::panicking() {
            self.visit();
        }
        std::mem::take(&mut self.room).give_back();
        self.nested.present.fetch_sub(1, SeqCst);
        self.nested.unpark_one();
    }
}
