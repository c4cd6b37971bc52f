//! The buffers of a connection, which it has only while bytes are in them.
//!
//! A client may keep a thousand connections, of which most are idle. Whatever polls a connection takes its
//! buffers from a spare of its thread, and leaves them there at the end of the poll. A thread polls one
//! connection at a time, so one spare of each kind is enough.

use std::cell::Cell;

/// The maximum number of bytes that one read of the stream takes: more than a full frame of 16 KiB with its
/// header, so that a long message takes fewer reads. Twice as much saves hardly more.
const READ_BUFFER: usize = 32 * 1024;

/// A buffer for writes with a larger capacity than this is freed after use.
const LARGEST_SPARE: usize = 128 * 1024;

thread_local! {
    static SPARE_READ: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static SPARE_WRITE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The buffer that a connection reads into. It is initialised once, not before each read.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer(Option<Box<[u8]>>);

impl ReadBuffer {
    /// Returns all of the buffer, with bytes of earlier reads in it.
    pub(crate) fn get(&mut self) -> &mut [u8] {
        self.0.get_or_insert_with(|| {
            // Fails only at the end of a thread.
            let spare = SPARE_READ.try_with(Cell::take).ok().flatten();
            spare.unwrap_or_else(|| vec![0; READ_BUFFER].into())
        })
    }

    /// Returns what is in the buffer.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Leaves the buffer to the next connection. The bytes in it are no longer needed.
    pub(crate) fn release(&mut self) {
        if let Some(buffer) = self.0.take() {
            let _ = SPARE_READ.try_with(|spare| spare.set(Some(buffer)));
        }
    }
}

/// Gives a buffer for writes memory, if it has none.
pub(crate) fn take_write_buffer(buffer: &mut Vec<u8>) {
    if buffer.capacity() == 0 {
        *buffer = SPARE_WRITE.try_with(Cell::take).unwrap_or_default();
    }
}

/// Leaves the memory of a buffer for writes to the next connection. The bytes in it are no longer needed.
pub(crate) fn release_write_buffer(buffer: &mut Vec<u8>) {
    let mut buffer = std::mem::take(buffer);
    buffer.clear();
    if (1..=LARGEST_SPARE).contains(&buffer.capacity()) {
        let _ = SPARE_WRITE.try_with(|spare| spare.set(buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections that are polled one after the other use the same memory.
    #[test]
    fn buffers_are_used_in_turn() {
        let (mut first, mut second) = (ReadBuffer::default(), ReadBuffer::default());
        let memory = first.get().as_ptr();
        assert_ne!(second.get().as_ptr(), memory);
        second.release();
        first.release();
        assert_eq!(first.bytes(), []);
        assert_eq!(second.get().as_ptr(), memory);
    }

    /// A buffer that one long message has made large is not kept.
    #[test]
    fn large_buffers_are_freed() {
        for (size, is_kept) in [(LARGEST_SPARE, true), (LARGEST_SPARE + 1, false)] {
            let mut buffer = Vec::with_capacity(size);
            buffer.push(1);
            // One without memory does not replace the spare.
            for _ in 0..2 {
                release_write_buffer(&mut buffer);
                assert_eq!(buffer.capacity(), 0);
            }
            take_write_buffer(&mut buffer);
            assert_eq!((buffer.capacity() > 0, buffer.len()), (is_kept, 0));
        }
    }
}
