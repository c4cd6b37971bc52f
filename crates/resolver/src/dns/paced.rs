//! The resolver of both schemes: repeats a lookup when its pacer decides so.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use trunkline_runtime::{Alarm, Runtime};

use super::meter::LookupMeter;
use crate::{
    LookupOutcome, Pacer, Pacing, Resolution, Resolver, ResolverOptions, ResolverSchedule, Verdict,
};

/// A lookup that can be repeated. It keeps its results from one run to the next.
pub(super) trait RepeatedLookup: fmt::Debug + Send {
    /// Starts a run. Not called during a run.
    fn start(&mut self, now: Instant);

    /// Ready with each new result. Polled also between runs.
    fn poll(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<LookupProgress>;

    /// Returns the queries that have no answer yet, in words.
    fn waiting_for(&self) -> Option<String>;

    /// Returns when to poll at the latest.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// One result of a lookup.
#[derive(Debug)]
pub(super) enum LookupProgress {
    /// A resolution before the end of the run, or after it.
    Update(Resolution),
    /// The resolution at the end of the run.
    Done(Resolution, LookupEnd),
}

/// How a run of a lookup ended, for the pacer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookupEnd {
    /// Everything was found. The first record expires at `expires`; none does if it is `None`.
    Complete { expires: Option<Instant> },
    /// A part could not be looked up. The first record of the rest expires at `expires`.
    Partial { expires: Option<Instant> },
    /// The lookup failed, or found that the name has no addresses.
    Failed,
}

/// A resolver that repeats a lookup when its [`Pacer`] decides so.
pub(super) struct PacedResolver<L> {
    lookup: L,
    meter: LookupMeter,
    pacer: Pacer,
    alarm: Alarm,
    runtime: Arc<dyn Runtime>,
}

impl<L: RepeatedLookup> PacedResolver<L> {
    /// Returns a resolver that repeats this lookup of `name`.
    pub(super) fn new(lookup: L, name: &str, pacing: Pacing, options: &ResolverOptions) -> Self {
        let runtime = Arc::clone(&options.runtime);
        Self {
            lookup,
            meter: LookupMeter::new(name, options.metrics.clone()),
            pacer: Pacer::new(pacing, runtime.seed(), runtime.now()),
            alarm: Alarm::far(),
            runtime,
        }
    }

    /// Reports the end of a run with this resolution to the pacer and the meter.
    fn end(&mut self, resolution: &Resolution, end: LookupEnd, now: Instant) {
        let outcome = match (&resolution.endpoints, end) {
            (Err(error), _) => LookupOutcome::Failed(error.kind()),
            (Ok(_), LookupEnd::Partial { .. }) => LookupOutcome::Partial,
            (Ok(_), _) => LookupOutcome::Complete,
        };
        self.meter.end(outcome, now);
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
                self.meter.start(now);
                self.lookup.start(now);
            }
            match self.lookup.poll(cx, now) {
                Poll::Ready(LookupProgress::Update(resolution)) => return Poll::Ready(resolution),
                Poll::Ready(LookupProgress::Done(resolution, end)) => {
                    self.end(&resolution, end, self.runtime.now());
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

    fn waiting_for(&self) -> Option<String> {
        let queries = self.lookup.waiting_for()?;
        Some(format!("no answer yet from {queries}"))
    }

    fn schedule(&self) -> ResolverSchedule {
        self.pacer.schedule()
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        self.pacer.handle_verdict(verdict, self.runtime.now());
    }
}

impl<L> Drop for PacedResolver<L> {
    fn drop(&mut self) {
        self.meter.end(LookupOutcome::Cancelled, self.runtime.now());
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
