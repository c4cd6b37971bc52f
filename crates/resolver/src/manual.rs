//! A resolver whose resolutions come from the program.

mod callbacks;
mod update;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};

use trunkline_runtime::Lock;
use trunkline_target::Target;

use self::callbacks::Callbacks;
pub use self::update::ManualUpdate;
use self::update::PendingVerdict;
use crate::{Resolution, ResolveError, Resolver, ResolverFactory, ResolverOptions, Verdict};

/// A scheme whose targets have the resolutions that the program passes to [`update`](Self::update).
///
/// The value is both the factory and the handle; all clones share one state. Every active resolver
/// returns each resolution, in order. A resolver that is built later starts with the last one, so a
/// channel that was idle gets the current list when it comes back.
///
/// For tests, and for programs that find their backends by other means than names.
///
/// Callbacks report what a channel does with its resolvers. All clones share them, and a callback
/// may call any method of the manual resolver.
///
/// # Examples
///
/// ```
/// use std::net::SocketAddr;
/// use trunkline_endpoint::Endpoint;
/// use trunkline_resolver::{ManualResolver, Resolution, ResolverRegistry};
///
/// let backends = ManualResolver::new("fleet");
/// let registry = ResolverRegistry::empty().with(backends.clone());
/// // .. build a channel to `fleet:///any` with the registry; then, at any time:
/// let backend = SocketAddr::from(([192, 0, 2, 1], 50051));
/// backends.update(Resolution::new([Endpoint::new([backend])]));
/// ```
///
/// The verdict of the channel on an update, with its reason:
///
/// ```
/// # use trunkline_resolver::{ManualResolver, Resolution};
/// # async fn example(backends: ManualResolver) {
/// for verdict in backends.update(Resolution::new([])).await.into_iter().flatten() {
///     if let Some(rejection) = verdict.rejection() {
///         println!("the channel does not use the list: {rejection}");
///     }
/// }
/// # }
/// ```
///
/// Callbacks:
///
/// ```
/// # use trunkline_resolver::ManualResolver;
/// let backends = ManualResolver::new("fleet")
///     .with_on_build(|target, options| println!("{target} for {:?}", options.authority))
///     .with_on_update(|verdict| println!("{verdict:?}"))
///     .with_on_resolve_now(|| println!("a connection was lost"))
///     .with_on_close(|| println!("the channel is idle or closed"));
/// ```
#[derive(Clone, Debug)]
pub struct ManualResolver {
    scheme: Arc<str>,
    state: Arc<Lock<ManualState>>,
}

/// The state that all clones share.
#[derive(Debug, Default)]
struct ManualState {
    /// The last resolution passed to `update`.
    last: Option<Resolution>,
    /// The active resolvers, by number.
    sessions: BTreeMap<u64, SessionQueue>,
    /// How many resolvers were built; also the number of the next one.
    built: u64,
    /// How often `resolve_now` was called on a resolver.
    requests: u64,
    /// The last verdict of a channel.
    verdict: Option<Verdict>,
    callbacks: Callbacks,
}

/// The resolutions that one resolver has not returned yet.
#[derive(Debug, Default)]
struct SessionQueue {
    resolutions: VecDeque<QueuedResolution>,
    waker: Option<Waker>,
}

/// A resolution that a resolver has not returned yet.
#[derive(Debug)]
struct QueuedResolution {
    resolution: Resolution,
    /// The place of the verdict; `None` for a resolution that is older than the resolver.
    pending: Option<PendingVerdict>,
}

impl ManualResolver {
    /// Returns a factory for this scheme. Its targets have no resolution until the first
    /// [`update`](Self::update).
    #[must_use]
    pub fn new(scheme: &str) -> Self {
        Self {
            scheme: scheme.to_ascii_lowercase().into(),
            state: Arc::default(),
        }
    }

    /// Returns a factory for this scheme whose targets start with this resolution.
    #[must_use]
    pub fn with_initial(scheme: &str, resolution: Resolution) -> Self {
        let manual = Self::new(scheme);
        manual.lock().last = Some(resolution);
        manual
    }

    /// Sets the callback for a new resolver, which is active already: an
    /// [`update`](Self::update) in the callback reaches it. Replaces an earlier callback.
    #[must_use]
    pub fn with_on_build(
        self,
        callback: impl Fn(&Target, &ResolverOptions) + Send + Sync + 'static,
    ) -> Self {
        self.lock().callbacks.build = Some(Arc::new(callback));
        self
    }

    /// Sets the callback for the verdict of a channel on a resolution, also on one that is older
    /// than the resolver. Replaces an earlier callback.
    #[must_use]
    pub fn with_on_update(self, callback: impl Fn(&Verdict) + Send + Sync + 'static) -> Self {
        self.lock().callbacks.update = Some(Arc::new(callback));
        self
    }

    /// Sets the callback for the request of a channel for a new resolution. Replaces an earlier
    /// callback.
    #[must_use]
    pub fn with_on_resolve_now(self, callback: impl Fn() + Send + Sync + 'static) -> Self {
        self.lock().callbacks.resolve_now = Some(Arc::new(callback));
        self
    }

    /// Sets the callback for the end of a resolver, which is no longer active then: its channel
    /// became idle or was closed. Replaces an earlier callback.
    #[must_use]
    pub fn with_on_close(self, callback: impl Fn() + Send + Sync + 'static) -> Self {
        self.lock().callbacks.close = Some(Arc::new(callback));
        self
    }

    /// Passes this resolution (endpoints, or an error) to every active resolver, and to those that
    /// are built later.
    ///
    /// Returns a future for the verdicts of the channels, which may be dropped: see
    /// [`ManualUpdate`].
    pub fn update(&self, resolution: Resolution) -> ManualUpdate {
        let update = ManualUpdate::new();
        let mut state = self.lock();
        state.last = Some(resolution.clone());
        let wakers: Vec<Waker> = state
            .sessions
            .values_mut()
            .filter_map(|queue| {
                queue.resolutions.push_back(QueuedResolution {
                    resolution: resolution.clone(),
                    pending: Some(update.add()),
                });
                queue.waker.take()
            })
            .collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        update
    }

    /// Returns how many resolvers are active: one for each channel of this scheme that is not idle.
    #[must_use]
    pub fn active(&self) -> usize {
        self.lock().sessions.len()
    }

    /// Returns how many resolvers have been built.
    #[must_use]
    pub fn built(&self) -> u64 {
        self.lock().built
    }

    /// Returns how often a channel has requested a new resolution.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// Returns the last verdict of a channel on a resolution; `None` before the first.
    #[must_use]
    pub fn last_verdict(&self) -> Option<Verdict> {
        self.lock().verdict.clone()
    }

    fn lock(&self) -> MutexGuard<'_, ManualState> {
        self.state.lock()
    }
}

impl ResolverFactory for ManualResolver {
    fn scheme(&self) -> &str {
        &self.scheme
    }

    fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        let mut state = self.lock();
        let number = state.built;
        state.built += 1;
        let last = state.last.clone().map(|resolution| QueuedResolution {
            resolution,
            pending: None,
        });
        let queue = SessionQueue {
            resolutions: last.into_iter().collect(),
            waker: None,
        };
        state.sessions.insert(number, queue);
        let callback = state.callbacks.build.clone();
        drop(state);
        let session = ManualSession {
            manual: self.clone(),
            number,
            pending: None,
        };
        if let Some(callback) = callback {
            callback(target, options);
        }
        Ok(Box::new(session))
    }
}

/// One active resolver.
#[derive(Debug)]
struct ManualSession {
    manual: ManualResolver,
    number: u64,
    /// The place of the verdict on the resolution that was returned last.
    pending: Option<PendingVerdict>,
}

impl Resolver for ManualSession {
    fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Poll<Resolution> {
        let mut state = self.manual.lock();
        let queue = state.sessions.entry(self.number).or_default();
        let Some(next) = queue.resolutions.pop_front() else {
            queue.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        drop(state);
        self.pending = next.pending;
        Poll::Ready(next.resolution)
    }

    fn resolve_now(&mut self) {
        let mut state = self.manual.lock();
        state.requests += 1;
        let callback = state.callbacks.resolve_now.clone();
        drop(state);
        if let Some(callback) = callback {
            callback();
        }
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        let mut state = self.manual.lock();
        state.verdict = Some(verdict.clone());
        let callback = state.callbacks.update.clone();
        drop(state);
        if let Some(callback) = callback {
            callback(&verdict);
        }
        if let Some(pending) = self.pending.take() {
            pending.set(verdict);
        }
    }
}

impl Drop for ManualSession {
    fn drop(&mut self) {
        let mut state = self.manual.lock();
        // Dropped after the lock: it wakes the tasks that wait for verdicts.
        let queue = state.sessions.remove(&self.number);
        let callback = state.callbacks.close.clone();
        drop(state);
        drop(queue);
        if let Some(callback) = callback {
            callback();
        }
    }
}
