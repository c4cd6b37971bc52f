//! Timers over tokio.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use ::tokio::runtime::Handle;
use ::tokio::time::{Sleep, sleep_until};

use super::handle;
use crate::Timer;

/// A timer that registers with tokio only when it is polled before its time.
pub(super) struct TokioTimer {
    handle: Option<Handle>,
    deadline: Option<Instant>,
    /// Made for `deadline` when it is first needed.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl TokioTimer {
    pub(super) fn new(handle: Option<Handle>) -> Self {
        Self {
            handle,
            deadline: None,
            sleep: None,
        }
    }
}

impl Timer for TokioTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        if self.deadline != deadline {
            self.deadline = deadline;
            self.sleep = None;
        }
    }

    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline.map(::tokio::time::Instant::from_std) else {
            return Poll::Pending;
        };
        if deadline <= ::tokio::time::Instant::now() {
            return Poll::Ready(());
        }
        let attached = &self.handle;
        let sleep = self.sleep.get_or_insert_with(|| {
            let handle = match attached.clone().map_or_else(handle::current, Ok) {
                Ok(handle) => handle,
                Err(error) => panic!("{error}"),
            };
            let _in_tokio = handle.enter();
            Box::pin(sleep_until(deadline))
        });
        sleep.as_mut().poll(cx)
    }
}
