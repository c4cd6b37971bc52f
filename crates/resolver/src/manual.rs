//! A resolver whose resolutions come from the program.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};

use trunkline_runtime::Lock;
use trunkline_target::Target;

use crate::{Resolution, ResolveError, Resolver, ResolverFactory, ResolverOptions, Verdict};

/// A scheme whose targets have the resolutions that the program passes to [`update`](Self::update).
///
/// The value is both the factory and the handle; all clones share one state. Every active resolver
/// returns each resolution, in order. A resolver that is built later starts with the last one, so a
/// channel that was idle gets the current list when it comes back.
///
/// For tests, and for programs that find their backends by other means than names.
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
}

/// The resolutions that one resolver has not returned yet.
#[derive(Debug, Default)]
struct SessionQueue {
    resolutions: VecDeque<Resolution>,
    waker: Option<Waker>,
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

    /// Passes this resolution (endpoints, or an error) to every active resolver, and to those that
    /// are built later.
    pub fn update(&self, resolution: Resolution) {
        let mut state = self.lock();
        state.last = Some(resolution.clone());
        let wakers: Vec<Waker> = state
            .sessions
            .values_mut()
            .filter_map(|queue| {
                queue.resolutions.push_back(resolution.clone());
                queue.waker.take()
            })
            .collect();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
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
        self.lock().verdict
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
        _target: &Target,
        _options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        let mut state = self.lock();
        let number = state.built;
        state.built += 1;
        let queue = SessionQueue {
            resolutions: state.last.iter().cloned().collect(),
            waker: None,
        };
        state.sessions.insert(number, queue);
        drop(state);
        Ok(Box::new(ManualSession {
            manual: self.clone(),
            number,
        }))
    }
}

/// One active resolver.
#[derive(Debug)]
struct ManualSession {
    manual: ManualResolver,
    number: u64,
}

impl Resolver for ManualSession {
    fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Poll<Resolution> {
        let mut state = self.manual.lock();
        let queue = state.sessions.entry(self.number).or_default();
        match queue.resolutions.pop_front() {
            Some(resolution) => Poll::Ready(resolution),
            None => {
                queue.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn resolve_now(&mut self) {
        self.manual.lock().requests += 1;
    }

    fn handle_verdict(&mut self, verdict: Verdict) {
        self.manual.lock().verdict = Some(verdict);
    }
}

impl Drop for ManualSession {
    fn drop(&mut self) {
        self.manual.lock().sessions.remove(&self.number);
    }
}
