//! The link between an upload and the response of the same attempt.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

use bytes::Bytes;
use h2::SendStream;
use trunkline_runtime::Lock;
use trunkline_status::Status;

use crate::outbound::Handed;

/// The facts that an upload and the response of the same attempt share.
#[derive(Debug, Default)]
pub(crate) struct UploadFacts {
    /// Whether the response was dropped.
    is_closed: AtomicBool,
    /// Wakes the upload.
    waker: Lock<Option<Waker>>,
    /// The stream, from the admission of the call until the upload takes it.
    stream: Lock<Option<SendStream<Bytes>>>,
    /// The reason why the upload gave the attempt up.
    failure: OnceLock<Status>,
    /// What was handed to HTTP/2. Only the upload writes it.
    bytes: AtomicU64,
    messages: AtomicU64,
    /// Whether data waits for room in the flow-control windows.
    waits: AtomicBool,
}

impl UploadFacts {
    /// Registers the task of the upload, to be woken when the response is dropped. Call
    /// [`is_closed`](Self::is_closed) afterwards: it may have been dropped before.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        let mut waker = self.waker.lock();
        if !waker.as_ref().is_some_and(|own| own.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// Returns whether the response was dropped.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Takes the stream, once the call is admitted.
    pub(crate) fn take_stream(&self) -> Option<SendStream<Bytes>> {
        self.stream.lock().take()
    }

    /// Records why the upload gives the attempt up; only the first reason is kept.
    pub(crate) fn fail(&self, why: Status) {
        let _ = self.failure.set(why);
    }

    /// Records whether data waits for room in the flow-control windows.
    pub(crate) fn set_waits(&self, waits: bool) {
        if self.waits.load(Ordering::Relaxed) != waits {
            self.waits.store(waits, Ordering::Relaxed);
        }
    }

    /// Records what was handed to HTTP/2 so far.
    pub(crate) fn set_handed(&self, handed: Handed) {
        self.bytes.store(handed.bytes, Ordering::Relaxed);
        // Last, so that no message is seen without its prefix.
        self.messages.store(handed.messages, Ordering::Release);
    }
}

/// The response's side of an upload. Dropping it ends the upload.
#[derive(Debug)]
pub(crate) struct UploadHandle(Arc<UploadFacts>);

impl UploadHandle {
    pub(crate) fn new(facts: Arc<UploadFacts>) -> Self {
        Self(facts)
    }

    /// Gives the upload its stream.
    pub(crate) fn start(&self, stream: SendStream<Bytes>) {
        *self.0.stream.lock() = Some(stream);
        let waker = self.0.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Returns why the upload gave the attempt up, if it did.
    pub(crate) fn failure(&self) -> Option<&Status> {
        self.0.failure.get()
    }

    /// Returns whether data of the request waits for room in the flow-control windows.
    pub(crate) fn waits(&self) -> bool {
        self.0.waits.load(Ordering::Relaxed)
    }

    /// Returns what was handed to HTTP/2 so far.
    pub(crate) fn handed(&self) -> Handed {
        let messages = self.0.messages.load(Ordering::Acquire);
        Handed {
            bytes: self.0.bytes.load(Ordering::Relaxed),
            messages,
        }
    }
}

impl Drop for UploadHandle {
    fn drop(&mut self) {
        self.0.is_closed.store(true, Ordering::Release);
        let waker = self.0.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
