//! The limits of the calls that wait until they can be sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use trunkline_status::{Code, Status};

/// The limits of the calls that wait until they can be sent, over a whole channel.
///
/// A call is queued while it waits for the resolver or for a connection, and while it waits on a
/// connection because of the server's limit of concurrent calls. A call over a limit fails at once
/// with `RESOURCE_EXHAUSTED`, and others are not affected. The further attempts of a hedged call are
/// not counted.
///
/// # Examples
///
/// ```
/// use trunkline_channel::{Channel, QueueLimits};
///
/// let limits = QueueLimits::default().with_calls(10_000).with_bytes(64 << 20);
/// let channel = Channel::builder("ipv4:127.0.0.1:50051")
///     .plaintext()
///     .queue_limits(limits)
/// #   .runtime(trunkline_sim::Sim::new(1).runtime())
///     .build()?;
/// # Ok::<(), trunkline_channel::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueLimits {
    /// The most calls that are queued. Default: `usize::MAX`, no limit. With 0, a call that cannot be
    /// sent at once fails.
    pub calls: usize,
    /// The most bytes of the queued calls together: the names and values of their
    /// metadata, and the messages that were read of their requests. Default: `usize::MAX`, no limit.
    pub bytes: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            calls: usize::MAX,
            bytes: usize::MAX,
        }
    }
}

impl QueueLimits {
    /// Sets [`calls`](Self::calls).
    #[must_use]
    pub fn with_calls(mut self, calls: usize) -> Self {
        self.calls = calls;
        self
    }

    /// Sets [`bytes`](Self::bytes).
    #[must_use]
    pub fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }
}

/// The calls of a channel that wait until they can be sent.
#[derive(Debug)]
pub(crate) struct CallQueue {
    limits: QueueLimits,
    calls: AtomicUsize,
    bytes: AtomicUsize,
}

/// A call in the queue. Dropping it takes the call out.
pub(crate) struct QueuedCall {
    queue: Arc<CallQueue>,
    bytes: usize,
}

impl CallQueue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            calls: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Returns the number of calls in the queue, and of their bytes.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.calls.load(Relaxed), self.bytes.load(Relaxed))
    }

    /// Adds a call.
    fn add(&self, bytes: usize, waiting_for: impl Fn() -> String) -> Result<(), Status> {
        let QueueLimits {
            calls: most_calls,
            bytes: most_bytes,
        } = self.limits;
        let add = |own: &AtomicUsize, more: usize, limit: usize| {
            let sum = |now: usize| now.checked_add(more).filter(|sum| *sum <= limit);
            own.fetch_update(Relaxed, Relaxed, sum)
        };
        if add(&self.calls, 1, most_calls).is_err() {
            return Err(full(&format!(
                "the most calls that may wait on this channel, {most_calls}, wait already \
                 (queue_limits); {}",
                waiting_for()
            )));
        }
        if let Err(queued) = add(&self.bytes, bytes, most_bytes) {
            self.calls.fetch_sub(1, Relaxed);
            return Err(full(&format!(
                "the request has {bytes} bytes, the calls that wait on this channel have {queued}, \
                 and they may have {most_bytes} together (queue_limits); {}",
                waiting_for()
            )));
        }
        Ok(())
    }
}

fn full(text: &str) -> Status {
    Status::new(Code::ResourceExhausted, format!("not queued: {text}"))
}

impl QueuedCall {
    /// Adds a call of `bytes` bytes to the queue.
    ///
    /// # Errors
    ///
    /// `RESOURCE_EXHAUSTED` over a limit, with the limit and what the call would wait for.
    pub(crate) fn new(
        queue: &Arc<CallQueue>,
        bytes: usize,
        waiting_for: impl Fn() -> String,
    ) -> Result<Self, Status> {
        queue.add(bytes, waiting_for)?;
        let queue = Arc::clone(queue);
        Ok(Self { queue, bytes })
    }
}

impl Drop for QueuedCall {
    fn drop(&mut self) {
        self.queue.calls.fetch_sub(1, Relaxed);
        self.queue.bytes.fetch_sub(self.bytes, Relaxed);
    }
}
