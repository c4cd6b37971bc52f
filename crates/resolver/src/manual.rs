//! A resolver that is told what to say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};

use trunkline_runtime::Lock;
use trunkline_target::Target;

use crate::{Resolution, ResolveError, Resolver, ResolverFactory, ResolverOptions, Verdict};

/// A scheme whose targets resolve to what its owner says, when they say it.
///
/// It is the factory and the handle at once; clones are the same. Each resolution reaches every
/// resolver that stands, in order; one that is built later begins with the last, because a channel
/// that leaves idleness builds anew.
///
/// For tests, and for programs that learn of their backends by other ways than names.
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
/// // .. a channel to `fleet:///any` is built with the registry; then, at any time:
/// let backend = SocketAddr::from(([192, 0, 2, 1], 50051));
/// backends.update(Resolution::new([Endpoint::new([backend])]));
/// ```
#[derive(Clone, Debug)]
pub struct ManualResolver {
    scheme: Arc<str>,
    state: Arc<Lock<ManualState>>,
}

#[derive(Debug, Default)]
struct ManualState {
    last: Option<Resolution>,
    /// The resolvers that stand, by number.
    sessions: BTreeMap<u64, SessionQueue>,
    built: u64,
    requests: u64,
    verdict: Option<Verdict>,
}

#[derive(Debug, Default)]
struct SessionQueue {
    resolutions: VecDeque<Resolution>,
    waker: Option<Waker>,
}

impl ManualResolver {
    /// Targets of this scheme stay without a resolution until [`update`](Self::update).
    #[must_use]
    pub fn new(scheme: &str) -> Self {
        Self {
            scheme: scheme.to_ascii_lowercase().into(),
            state: Arc::default(),
        }
    }

    /// Targets of this scheme begin with this resolution.
    #[must_use]
    pub fn with_initial(scheme: &str, resolution: Resolution) -> Self {
        let manual = Self::new(scheme);
        manual.lock().last = Some(resolution);
        manual
    }

    /// Gives this resolution (endpoints, or an error) to every resolver, from now on.
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

    /// How many resolvers stand: channels of this scheme that are not idle.
    #[must_use]
    pub fn active(&self) -> usize {
        self.lock().sessions.len()
    }

    /// How many resolvers were built so far.
    #[must_use]
    pub fn built(&self) -> u64 {
        self.lock().built
    }

    /// How often a channel asked for a new resolution so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// What a channel said last of a resolution.
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

/// One resolver that stands.
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
