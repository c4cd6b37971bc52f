//! When to resolve again.

use std::time::{Duration, Instant};

use trunkline_backoff::{Backoff, BackoffPolicy, Rng};

use crate::Verdict;

/// How often a name may be, and must be, resolved.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pacing {
    /// The least time from a success to the next resolution; 30 s by default. A refresh keeps 100 ms
    /// in any case: with a TTL of 0 it would never end.
    pub min_interval: Duration,
    /// How much longer than due a refresh may wait, as a share; 0.1 by default, negative counts as
    /// 0. It only lengthens: a refresh comes at most `max(TTL, min_interval) x (1 + jitter)` after
    /// the answer.
    pub jitter: f64,
    /// Whether to resolve again by itself when the TTL has run out; on by default.
    pub refresh: bool,
    /// The delays after a failure or a rejection.
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

/// The least time between refreshes, whatever the options say.
const LEAST_REFRESH: Duration = Duration::from_millis(100);

/// Says when a name is to be resolved, without resolving anything.
///
/// Ask [`poll_start`](Self::poll_start) whether to start a resolution; after it said so, tell its
/// outcome with one of [`handle_success`](Self::handle_success),
/// [`handle_partial`](Self::handle_partial) and [`handle_failure`](Self::handle_failure). Otherwise
/// wait until [`poll_timeout`](Self::poll_timeout), and ask again after each event. `now` never
/// goes backwards.
///
/// - The first resolution is due at once.
/// - After a success the next is due when the TTL has run out, but not before the minimum
///   interval, with jitter; or after the minimum interval if [`resolve_now`](Self::resolve_now)
///   asked for one. Any number of requests counts as one; one that comes while a resolution runs
///   is remembered, because the answer may be older than the request.
/// - After a failure or a rejection the next is due by back-off, and by nothing else: a request
///   does not shorten it.
/// - After a partial answer the next is due after the minimum interval, which grows as a back-off
///   does while answers stay partial; when the TTL runs out earlier, then.
///
/// # Examples
///
/// The whole of a resolver that asks a directory of its own now and then:
///
/// ```
/// use std::sync::Arc;
/// use std::task::{Context, Poll, ready};
/// use std::time::Duration;
/// use trunkline_resolver::{Pacer, Resolution, Resolver, Verdict};
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
///     fn handle_verdict(&mut self, verdict: Verdict) {
///         self.pacer.handle_verdict(verdict, self.runtime.now());
///     }
/// }
/// # impl std::fmt::Debug for Directory {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("Directory") }
/// # }
/// ```
///
/// Source: the pacing of
/// [gRPC's naming document](https://github.com/grpc/grpc/blob/master/doc/naming.md); refreshing by
/// TTL is ours.
#[derive(Clone, Debug)]
pub struct Pacer {
    pacing: Pacing,
    rng: Rng,
    /// Delays after failures and rejections.
    backoff: Backoff,
    /// Delays after partial answers.
    completion: Backoff,
    /// When the first resolution is due.
    created: Instant,
    running: bool,
    /// Somebody asked for a resolution since the last one was started.
    requested: bool,
    /// The last resolution failed.
    failed: bool,
    /// The last verdict on what the running or last resolution brought.
    rejected: bool,
    /// When the last success came.
    succeeded: Option<Instant>,
    /// When the answer of the last success is to be refreshed.
    refresh: Option<Instant>,
    /// When to try again after a failure or a rejection; nothing else counts while it is set.
    retry: Option<Instant>,
}

impl Pacer {
    /// A pacer whose first resolution is due `now`.
    #[must_use]
    pub fn new(pacing: Pacing, seed: u64, now: Instant) -> Self {
        let mut rng = Rng::from_seed(seed);
        let mut completion = pacing.backoff;
        completion.initial = pacing.min_interval;
        completion.max = completion.max.max(pacing.min_interval);
        // Jitter that shortens has no place under a minimum interval; `lengthened` adds ours.
        completion.jitter = 0.0;
        Self {
            backoff: Backoff::new(pacing.backoff, rng.next_seed()),
            completion: Backoff::new(completion, rng.next_seed()),
            pacing,
            rng,
            created: now,
            running: false,
            requested: false,
            failed: false,
            rejected: false,
            succeeded: None,
            refresh: None,
            retry: None,
        }
    }

    /// Whether to start a resolution, which then counts as running.
    #[must_use = "a resolution that is due counts as started"]
    pub fn poll_start(&mut self, now: Instant) -> bool {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return false;
        }
        self.running = true;
        self.requested = false;
        self.failed = false;
        self.rejected = false;
        self.retry = None;
        true
    }

    /// When the next resolution is due; `None` while one runs, and where only a request will bring
    /// the next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.running {
            return None;
        }
        let Some(succeeded) = self.succeeded else {
            return Some(self.retry.unwrap_or(self.created));
        };
        let requested = self.requested.then(|| succeeded + self.pacing.min_interval);
        self.retry
            .or_else(|| requested.into_iter().chain(self.refresh).min())
    }

    /// Whether a resolution runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// Somebody believes that the answer is out of date.
    pub fn resolve_now(&mut self) {
        self.requested = true;
    }

    /// The resolution ended well. `ttl` is the shortest time that the answer may be kept, from
    /// `now` on; `None` if it knows no such time (a literal, a file).
    pub fn handle_success(&mut self, ttl: Option<Duration>, now: Instant) {
        self.completion.reset();
        let ttl = ttl.filter(|_| self.pacing.refresh);
        let refresh = ttl.map(|ttl| ttl.max(self.pacing.min_interval));
        self.end(refresh, now);
    }

    /// The resolution brought something, and it is known that something is missing.
    pub fn handle_partial(&mut self, ttl: Option<Duration>, now: Instant) {
        let completion = self.completion.next_delay();
        let refresh = match ttl.filter(|_| self.pacing.refresh) {
            Some(ttl) => ttl.max(self.pacing.min_interval).min(completion),
            None => completion,
        };
        self.end(Some(refresh), now);
    }

    /// The resolution failed.
    pub fn handle_failure(&mut self, now: Instant) {
        self.running = false;
        self.failed = true;
        self.back_off(now);
    }

    /// The channel used or refused the last answer. May come while the resolution still runs (an
    /// early part of it was delivered) or after its end. What it says of an error says nothing new.
    pub fn handle_verdict(&mut self, verdict: Verdict, now: Instant) {
        if self.failed {
            return;
        }
        self.rejected = verdict == Verdict::Rejected;
        match verdict {
            Verdict::Accepted => {
                self.backoff.reset();
                self.retry = None;
            }
            Verdict::Rejected if self.running || self.retry.is_some() => {}
            Verdict::Rejected => self.back_off(now),
        }
    }

    fn end(&mut self, refresh: Option<Duration>, now: Instant) {
        self.running = false;
        self.succeeded = Some(now);
        self.refresh = refresh
            .map(|refresh| self.lengthened(refresh.max(LEAST_REFRESH)))
            .and_then(|refresh| now.checked_add(refresh));
        // An early part of the answer was rejected; a verdict on the whole may follow.
        if self.rejected {
            self.back_off(now);
        }
    }

    fn back_off(&mut self, now: Instant) {
        self.retry = Some(now + self.backoff.next_delay());
    }

    /// `delay`, or a little more.
    fn lengthened(&mut self, delay: Duration) -> Duration {
        let jitter = self.pacing.jitter.max(0.0) * self.rng.fraction();
        Duration::try_from_secs_f64(delay.as_secs_f64() * (1.0 + jitter)).unwrap_or(delay)
    }
}
