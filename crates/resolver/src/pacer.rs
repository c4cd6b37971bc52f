//! When to resolve again.

use std::time::{Duration, Instant};

use trunkline_backoff::{Backoff, BackoffPolicy, Rng};

use crate::{ResolverSchedule, Verdict};

/// How often a name is resolved: intervals, refreshing by TTL, back-off.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pacing {
    /// The minimum time between two refreshes, and between two resolutions that requests make due; 30 s
    /// by default. Between refreshes it is at least 100 ms, because a TTL of 0 would otherwise make an
    /// endless loop.
    pub min_interval: Duration,
    /// The random part that is added to the wait for a refresh, as a share of that wait; 0.1 by
    /// default, a negative value counts as 0. It only lengthens the wait: a refresh starts at most
    /// `max(TTL, min_interval) x (1 + jitter)` after the answer.
    pub jitter: f64,
    /// Whether to resolve again when the TTL has expired, without a request; on by default.
    pub refresh: bool,
    /// The delays after a failure, and after a resolution that the channel rejected.
    pub backoff: BackoffPolicy,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            min_interval: Duration::from_secs(30),
            jitter: 0.1,
            refresh: true,
            backoff: BackoffPolicy::default(),
        }
    }
}

impl Pacing {
    /// Sets the minimum time between two refreshes, and between two resolutions that requests make due.
    /// Default: 30 s.
    #[must_use]
    pub fn with_min_interval(mut self, min_interval: Duration) -> Self {
        self.min_interval = min_interval;
        self
    }

    /// Sets the random part that lengthens the wait for a refresh, as a share of that wait.
    /// Default: 0.1.
    #[must_use]
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// Sets whether to resolve again when the TTL has expired, without a request. Default: true.
    #[must_use]
    pub fn with_refresh(mut self, refresh: bool) -> Self {
        self.refresh = refresh;
        self
    }

    /// Sets the delays after a failed or rejected resolution. Default: the standard back-off, from
    /// 1 s to 120 s.
    #[must_use]
    pub fn with_backoff(mut self, backoff: BackoffPolicy) -> Self {
        self.backoff = backoff;
        self
    }
}

/// The minimum time between refreshes, also where [`Pacing::min_interval`] is shorter.
const LEAST_REFRESH: Duration = Duration::from_millis(100);

/// Decides when a name is resolved, without resolving anything.
///
/// Call [`poll_start`](Self::poll_start) to learn whether to start a resolution. If it returns true,
/// report the result with one of [`handle_success`](Self::handle_success),
/// [`handle_partial`](Self::handle_partial) and [`handle_failure`](Self::handle_failure). Otherwise
/// wait until [`poll_timeout`](Self::poll_timeout), and call it again after each event. `now` never
/// goes backwards.
///
/// - The first resolution is due at once.
/// - After a success the next one is due when the TTL has expired, but not before the minimum
///   interval, with jitter: that is the refresh.
/// - A call of [`resolve_now`](Self::resolve_now) makes one due when the TTL has expired, and after the minimum
///   interval at the latest. But it is not before the minimum interval after the last answer to such a request:
///   an interval has one refresh and one answer to a request at most. Any number of requests counts as one. A
///   request during a resolution is remembered, because the answer may be older than the request.
/// - An answer to a request does not put the refresh off, unless it is valid for longer: a name may change
///   later than the connection is lost that was the reason of the request.
/// - After a failure or a rejection the next one is due when the back-off ends. A request does not
///   shorten the back-off.
/// - After a partial answer the next one is due after the minimum interval, or when the TTL expires,
///   whichever is first. While answers stay partial, that interval grows like a back-off.
///
/// # Examples
///
/// A complete resolver that polls a directory service:
///
/// ```
/// use std::sync::Arc;
/// use std::task::{Context, Poll, ready};
/// use std::time::Duration;
/// use trunkline_resolver::{Pacer, Resolution, Resolver, ResolverSchedule, Verdict};
/// use trunkline_runtime::{Alarm, Runtime};
/// # fn ask_the_directory() -> Resolution { Resolution::new([]) }
///
/// struct Directory {
///     pacer: Pacer,
///     alarm: Alarm,
///     runtime: Arc<dyn Runtime>,
/// }
///
/// impl Resolver for Directory {
///     fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Poll<Resolution> {
///         let mut now = self.runtime.now();
///         loop {
///             if self.pacer.poll_start(now) {
///                 let found = ask_the_directory();
///                 let ttl = Some(Duration::from_secs(60));
///                 match &found.endpoints {
///                     Ok(_) => self.pacer.handle_success(ttl, now),
///                     Err(_) => self.pacer.handle_failure(now),
///                 }
///                 return Poll::Ready(found);
///             }
///             let next = self.pacer.poll_timeout();
///             now = ready!(self.alarm.poll(cx, next, &*self.runtime));
///         }
///     }
///
///     fn resolve_now(&mut self) {
///         self.pacer.resolve_now();
///     }
///
///     fn schedule(&self) -> ResolverSchedule {
///         self.pacer.schedule()
///     }
///
///     fn handle_verdict(&mut self, verdict: Verdict) {
///         self.pacer.handle_verdict(verdict, self.runtime.now());
///     }
/// }
/// # impl std::fmt::Debug for Directory {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("Directory") }
/// # }
/// ```
///
/// Source: [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md).
/// Refreshing by TTL is our addition.
#[derive(Clone, Debug)]
pub struct Pacer {
    pacing: Pacing,
    rng: Rng,
    /// The delays after failures and rejections.
    backoff: Backoff,
    /// The delays after partial answers.
    completion: Backoff,
    /// When the first resolution is due.
    created: Instant,
    /// Whether a resolution has been started and has not ended.
    running: bool,
    /// Whether `resolve_now` was called since the last start.
    requested: bool,
    /// Whether it was called before a start since the last success, so that the next success is an answer
    /// to it.
    answers_request: bool,
    /// Whether the last resolution failed.
    failed: bool,
    /// Whether the last verdict on the current or last resolution was a rejection.
    rejected: bool,
    /// When the last resolution succeeded.
    succeeded: Option<Instant>,
    /// When the last one succeeded that was an answer to a request.
    answered: Option<Instant>,
    /// When the answer of the last success expires, if it does.
    expires: Option<Instant>,
    /// When the answer of the last success is due for a refresh.
    refresh: Option<Instant>,
    /// When to retry after a failure or a rejection; overrides requests and refreshes while set.
    retry: Option<Instant>,
}

impl Pacer {
    /// Returns a pacer whose first resolution is due `now`. `seed` makes its jitter.
    #[must_use]
    pub fn new(pacing: Pacing, seed: u64, now: Instant) -> Self {
        let mut rng = Rng::from_seed(seed);
        let mut completion = pacing.backoff;
        completion.initial = pacing.min_interval;
        completion.max = completion.max.max(pacing.min_interval);
        // The jitter of a back-off also shortens, which would break the minimum interval. `lengthened`
        // adds one that only lengthens.
        completion.jitter = 0.0;
        Self {
            backoff: Backoff::new(pacing.backoff, rng.next_seed()),
            completion: Backoff::new(completion, rng.next_seed()),
            pacing,
            rng,
            created: now,
            running: false,
            requested: false,
            answers_request: false,
            failed: false,
            rejected: false,
            succeeded: None,
            answered: None,
            expires: None,
            refresh: None,
            retry: None,
        }
    }

    /// Returns true when a resolution is due; it then counts as running.
    #[must_use = "a resolution that is due counts as started"]
    pub fn poll_start(&mut self, now: Instant) -> bool {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return false;
        }
        self.running = true;
        self.answers_request |= std::mem::take(&mut self.requested);
        self.failed = false;
        self.rejected = false;
        self.retry = None;
        true
    }

    /// Returns when the next resolution is due; `None` while one runs, and while only a request can
    /// make one due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.running {
            return None;
        }
        let Some(succeeded) = self.succeeded else {
            return Some(self.retry.unwrap_or(self.created));
        };
        let requested = self.requested.then(|| self.request_due(succeeded));
        self.retry
            .or_else(|| requested.into_iter().chain(self.refresh).min())
    }

    /// Returns when a request is due, where the last success was at `succeeded`.
    fn request_due(&self, succeeded: Instant) -> Instant {
        let interval = self.pacing.min_interval;
        // Until the TTL expires, a cache would give the same answer. A TTL that is longer than the
        // interval is not waited for.
        let useful = succeeded + interval;
        let useful = self.expires.map_or(useful, |expires| expires.min(useful));
        // A refresh is not counted: else each request would wait for the next one.
        let allowed = self.answered.map(|answered| answered + interval);
        allowed.map_or(useful, |allowed| allowed.max(useful))
    }

    /// Returns whether a resolution is running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Returns what [`Resolver::schedule`](crate::Resolver::schedule) reports of a paced resolver.
    #[must_use]
    pub fn schedule(&self) -> ResolverSchedule {
        ResolverSchedule::default()
            .with_is_resolving(self.running)
            .with_expires(self.expires)
            .with_next(self.poll_timeout())
    }

    /// Requests a resolution, because the last answer may be out of date.
    pub fn resolve_now(&mut self) {
        self.requested = true;
    }

    /// Handles a resolution that found everything. `ttl` is for how long the answer is valid from
    /// `now` on; `None` for an answer that does not expire (a literal, a file).
    pub fn handle_success(&mut self, ttl: Option<Duration>, now: Instant) {
        self.completion.reset();
        self.expires = ttl.and_then(|ttl| now.checked_add(ttl));
        let ttl = ttl.filter(|_| self.pacing.refresh);
        let refresh = ttl.map(|ttl| ttl.max(self.pacing.min_interval));
        self.end(refresh, now);
    }

    /// Handles a resolution that found a part of the answer, while another part could not be looked
    /// up. `ttl` is for how long the found part is valid from `now` on.
    pub fn handle_partial(&mut self, ttl: Option<Duration>, now: Instant) {
        let completion = self.completion.next_delay();
        self.expires = ttl.and_then(|ttl| now.checked_add(ttl));
        let refresh = match ttl.filter(|_| self.pacing.refresh) {
            Some(ttl) => ttl.max(self.pacing.min_interval).min(completion),
            None => completion,
        };
        self.end(Some(refresh), now);
    }

    /// Handles a resolution that failed.
    pub fn handle_failure(&mut self, now: Instant) {
        self.running = false;
        self.failed = true;
        self.back_off(now);
    }

    /// Handles the channel's verdict on the last answer. Call it after the resolution has ended, or
    /// while it runs if an early part of the answer was delivered. A verdict on a failed resolution
    /// is ignored: the back-off has started already.
    pub fn handle_verdict(&mut self, verdict: Verdict, now: Instant) {
        if self.failed {
            return;
        }
        self.rejected = !verdict.is_accepted();
        match verdict {
            Verdict::Accepted => {
                self.backoff.reset();
                self.retry = None;
            }
            Verdict::Rejected(_) if self.running || self.retry.is_some() => {}
            Verdict::Rejected(_) => self.back_off(now),
        }
    }

    /// Ends the running resolution; the next refresh is due after `refresh`, and never if it is
    /// `None`.
    fn end(&mut self, refresh: Option<Duration>, now: Instant) {
        self.running = false;
        self.succeeded = Some(now);
        let mut earlier = None;
        if std::mem::take(&mut self.answers_request) {
            self.answered = Some(now);
            earlier = self.refresh.filter(|earlier| *earlier > now);
        }
        self.refresh = refresh.and_then(|refresh| self.refresh_at(refresh, earlier, now));
        // An early part of the answer was rejected. The verdict on the whole answer follows, and
        // replaces this back-off if it accepts.
        if self.rejected {
            self.back_off(now);
        }
    }

    /// Returns when the answer of `now` is due for a refresh: after `refresh`, with jitter. `earlier` is when
    /// a refresh is due that it does not put off, unless it is valid for longer.
    fn refresh_at(
        &mut self,
        refresh: Duration,
        earlier: Option<Instant>,
        now: Instant,
    ) -> Option<Instant> {
        let (wait, kept) = match (earlier, self.expires) {
            // It has its jitter already.
            (Some(earlier), Some(expires)) if expires <= earlier => (refresh, Some(earlier)),
            (Some(_), Some(expires)) => (refresh.min(expires - now), None),
            _ => (refresh, None),
        };
        let due = now.checked_add(self.lengthened(wait.max(LEAST_REFRESH)));
        due.into_iter().chain(kept).min()
    }

    /// Sets the retry to the end of the next back-off delay.
    fn back_off(&mut self, now: Instant) {
        self.retry = Some(now + self.backoff.next_delay());
    }

    /// Returns `delay` with the random part of the jitter added.
    fn lengthened(&mut self, delay: Duration) -> Duration {
        let jitter = self.pacing.jitter.max(0.0) * self.rng.fraction();
        Duration::try_from_secs_f64(delay.as_secs_f64() * (1.0 + jitter)).unwrap_or(delay)
    }
}
