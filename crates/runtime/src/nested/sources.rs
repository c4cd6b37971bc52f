//! The descriptors that the reactor watches, by their keys.

use std::sync::Arc;
use std::task::Waker;

use rustix::event::epoll::{Event, EventFlags};

use super::source::Source;
use crate::Lock;

/// Finds the source of a report by its key.
#[derive(Debug, Default)]
pub(super) struct Sources(Lock<Slots>);

#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Slot>,
    /// The slots without a source.
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    /// How many sources the slot has had. A report for an earlier one, which is on its way when that is
    /// removed, has another key.
    generation: u32,
    source: Option<Arc<Source>>,
}

impl Sources {
    /// Adds a source, and returns its key. The key is never `u64::MAX`.
    pub(super) fn insert(&self, source: Arc<Source>) -> u64 {
        let slots = &mut *self.0.lock();
        let at = slots.free.pop().unwrap_or_else(|| {
            slots.slots.push(Slot::default());
            // There are far fewer descriptors than that.
            (slots.slots.len() - 1) as u32
        });
        let slot = &mut slots.slots[at as usize];
        slot.source = Some(source);
        u64::from(slot.generation) << 32 | u64::from(at)
    }

    /// Removes the source with this key.
    pub(super) fn remove(&self, key: u64) {
        let slots = &mut *self.0.lock();
        let at = key as u32;
        let Some(slot) = slots.slots.get_mut(at as usize) else {
            return;
        };
        let source = slot.source.take();
        slot.generation = slot.generation.wrapping_add(1);
        slots.free.push(at);
        drop(source);
    }

    /// Gives reports to their sources. Adds the tasks to be woken to `wakers`.
    pub(super) fn handle(&self, events: &[Event], wakers: &mut Vec<Waker>) {
        if events.is_empty() {
            return;
        }
        let slots = self.0.lock();
        for event in events {
            let key = event.data.u64();
            let slot = slots.slots.get(key as u32 as usize);
            let slot = slot.filter(|slot| u64::from(slot.generation) == key >> 32);
            if let Some(source) = slot.and_then(|slot| slot.source.as_ref()) {
                let flags = event.flags;
                source.handle(EventFlags::from_bits_retain(flags.bits()), wakers);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use rustix::event::epoll::EventData;

    use super::*;

    fn report(sources: &Sources, key: u64) {
        let event = Event {
            flags: EventFlags::IN,
            data: EventData::new_u64(key),
        };
        sources.handle(&[event], &mut Vec::new());
    }

    fn is_readable(source: &Source) -> bool {
        source.poll_readable(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    /// A report for a source that was removed does not reach the next one in its slot.
    #[test]
    fn a_late_report_is_dropped() {
        let sources = Sources::default();
        let (first, second) = (Arc::<Source>::default(), Arc::<Source>::default());
        let old = sources.insert(Arc::clone(&first));
        sources.remove(old);
        let new = sources.insert(Arc::clone(&second));
        assert_eq!((old as u32, new as u32), (0, 0));
        report(&sources, old);
        assert!(!is_readable(&first) && !is_readable(&second));
        report(&sources, new);
        assert!(!is_readable(&first) && is_readable(&second));
    }
}
