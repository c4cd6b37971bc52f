//! The shell of both resolvers: a question, asked again and again.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_runtime::{Alarm, Runtime};

use crate::{Pacer, Pacing, Resolution, Resolver, Verdict};

/// Something that can be looked up again and again. It keeps what it knows in between.
pub(super) trait RepeatedLookup: fmt::Debug + Send {
    /// Begins to look up. Not called while it looks up.
    fn start(&mut self, now: Instant);

    /// Ready with each thing found out. Polled also while it does not look up.
    fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<LookupProgress>;

    /// When to be polled, whatever happens.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// One thing found out.
#[derive(Debug)]
pub(super) enum LookupProgress {
    /// Something new before the end, or after it.
    News(Resolution),
    /// The end of the lookup.
    Done(Resolution, LookupEnd),
}

/// How a lookup ended, for the pacing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookupEnd {
    /// Everything is known until then.
    Complete { expires: Option<Instant> },
    /// Something is missing.
    Partial { expires: Option<Instant> },
    /// Nothing was found out, or that there is nothing.
    Failed,
}

/// A question, and when to ask it.
pub(super) struct PacedResolver<L> {
    lookup: L,
    pacer: Pacer,
    alarm: Alarm,
    runtime: Arc<dyn Runtime>,
}

impl<L: RepeatedLookup> PacedResolver<L> {
    pub(super) fn new(lookup: L, pacing: Pacing, runtime: Arc<dyn Runtime>) -> Self {
        Self {
            lookup,
            pacer: Pacer::new(pacing, runtime.seed(), runtime.now()),
            alarm: Alarm::new(),
            runtime,
        }
    }

    fn end(&mut self, end: LookupEnd, now: Instant) {
        let ttl = |expires: Option<Instant>| Some(expires?.saturating_duration_since(now));
        match end {
            LookupEnd::Complete { expires } => self.pacer.handle_success(ttl(expires), now),
            LookupEnd::Partial { expires } => self.pacer.handle_partial(ttl(expires), now),
            LookupEnd::Failed => self.pacer.handle_failure(now),
        }
    }
}

impl<L: RepeatedLookup> Resolver for PacedResolver<L> {
    fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Poll<Resolution> {
        let mut now = self.runtime.now();
        loop {
            if self.pacer.poll_start(now) {
                self.lookup.start(now);
            }
            match self.lookup.poll(cx, now) {
                Poll::Ready(LookupProgress::News(resolution)) => return Poll::Ready(resolution),
                Poll::Ready(LookupProgress::Done(resolution, end)) => {
                    self.end(end, self.runtime.now());
                    return Poll::Ready(resolution);
                }
                Poll::Pending => {}
            }
            let deadlines = [self.pacer.poll_timeout(), self.lookup.poll_timeout()];
            let deadline = deadlines.into_iter().flatten().min();
            now = ready!(self.alarm.poll(cx, deadline, &*self.runtime));
        }
    }

    fn resolve_now(&mut self) {
        self.pacer.resolve_now();
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        self.pacer.handle_verdict(verdict, self.runtime.now());
    }
}

impl<L: fmt::Debug> fmt::Debug for PacedResolver<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacedResolver")
            .field("lookup", &self.lookup)
            .field("pacer", &self.pacer)
            .finish_non_exhaustive()
    }
}
