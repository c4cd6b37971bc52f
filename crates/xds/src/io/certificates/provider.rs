//! One certificate provider.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use trunkline_connector::tls::ClientIdentity;
use trunkline_runtime::{Alarm, Lock, Runtime};

use super::peer_roots::PeerRoots;
use super::signal::{Replaced, Signals};
use crate::core::{CertificateProvider, FileWatcher, FileWatcherEvent, WatchedFiles};
use crate::io::certificate_event::{CertificateEvent, CertificateFiles};
use crate::io::observer::XdsObserver;
use crate::io::provider_dump::{CertificateFilesDump, CertificateProviderDump};

/// How long a connection waits for files that cannot be used yet. It is shorter than the time of a
/// channel's connection attempt (20 s), so that the error names the file.
const WAIT: Duration = Duration::from_secs(10);

/// Why there are no certificates until the first reading ends.
const NOT_READ: &str = "its files have not been read yet";

/// A certificate provider in use: it reads its files, again and again, and has what was read.
///
/// The roots and the client's certificate are read independently: a problem of one does not hold back
/// the other. The task that reads ends with the last reference.
pub(in crate::io) struct Provider {
    instance: Arc<str>,
    files: WatchedFiles,
    runtime: Arc<dyn Runtime>,
    observers: Vec<Arc<dyn XdsObserver>>,
    state: Lock<State>,
}

struct State {
    /// `None` if the provider has no roots.
    roots: Option<FileWatcher<PeerRoots>>,
    /// `None` if the provider has no client certificate.
    identity: Option<FileWatcher<ClientIdentity>>,
    /// Wakes the connections that wait for files.
    waiting: Vec<Waker>,
    /// Given when something new is in use.
    replaced: Signals,
    /// Wakes the task that reads.
    task: Option<Waker>,
}

impl Provider {
    /// Returns a provider that has read nothing. It must be [started](Self::start).
    pub(super) fn new(
        instance: &Arc<str>,
        provider: &CertificateProvider,
        runtime: &Arc<dyn Runtime>,
        observers: Vec<Arc<dyn XdsObserver>>,
    ) -> Arc<Self> {
        let CertificateProvider::FileWatcher(files) = provider;
        let (interval, now) = (files.files.refresh_interval, runtime.now());
        let has_roots = files.files.ca_certificate_file.is_some()
            || files.spiffe_trust_bundle_map_file.is_some();
        let has_identity = files.files.identity.is_some();
        Arc::new(Self {
            instance: Arc::clone(instance),
            files: files.clone(),
            runtime: Arc::clone(runtime),
            observers,
            state: Lock::new(State {
                roots: has_roots.then(|| FileWatcher::new(interval, now)),
                identity: has_identity.then(|| FileWatcher::new(interval, now)),
                waiting: Vec::new(),
                replaced: Signals::default(),
                task: None,
            }),
        })
    }

    /// Reads the files for the first time, and starts the task that reads them again. Connections wait meanwhile.
    pub(super) fn start(self: &Arc<Self>) {
        self.read(self.runtime.now());
        let task = follow(Arc::downgrade(self));
        self.runtime.spawn(Box::pin(task));
    }

    /// Returns the name of the instance.
    pub(in crate::io) fn instance(&self) -> &str {
        &self.instance
    }

    /// Returns whether this is the provider of an instance on a runtime.
    pub(super) fn is_for(
        &self,
        instance: &str,
        provider: &CertificateProvider,
        runtime: &Arc<dyn Runtime>,
    ) -> bool {
        let CertificateProvider::FileWatcher(files) = provider;
        *self.instance == *instance && self.files == *files && self.runtime.is_same_as(&**runtime)
    }

    /// Waits for the roots.
    ///
    /// # Errors
    ///
    /// Why there are none: after 10 s, or at once if the provider has no file of roots.
    pub(in crate::io) async fn roots(&self) -> Result<Arc<PeerRoots>, String> {
        let missing = "it has no ca_certificate_file and no spiffe_trust_bundle_map_file";
        self.wait(|state| state.roots.as_ref(), missing).await
    }

    /// Waits for the client's certificate and its key.
    ///
    /// # Errors
    ///
    /// As those of [`roots`](Self::roots).
    pub(in crate::io) async fn identity(&self) -> Result<Arc<ClientIdentity>, String> {
        let missing = "it has no certificate_file";
        self.wait(|state| state.identity.as_ref(), missing).await
    }

    /// Returns the roots in use; `None` if there are none yet.
    pub(in crate::io) fn current_roots(&self) -> Option<Arc<PeerRoots>> {
        let state = self.state.lock();
        state.roots.as_ref()?.current().cloned()
    }

    /// Gives `signal` when new roots or a new identity are in use.
    pub(in crate::io) fn signal(&self, signal: &Arc<Replaced>) {
        self.state.lock().replaced.add(signal);
    }

    /// Returns the client's certificate and its key in use; `None` if there are none yet.
    pub(in crate::io) fn current_identity(&self) -> Option<Arc<ClientIdentity>> {
        let state = self.state.lock();
        state.identity.as_ref()?.current().cloned()
    }

    async fn wait<M: PartialEq>(
        &self,
        part: impl Fn(&State) -> Option<&FileWatcher<M>>,
        missing: &str,
    ) -> Result<Arc<M>, String> {
        let deadline = self.runtime.now() + WAIT;
        let mut alarm = Alarm::new();
        poll_fn(|cx| {
            let problem = {
                let mut state = self.state.lock();
                let Some(watcher) = part(&state) else {
                    return Poll::Ready(Err(missing.to_owned()));
                };
                if let Some(current) = watcher.current() {
                    return Poll::Ready(Ok(Arc::clone(current)));
                }
                let problem = watcher.problem().unwrap_or(NOT_READ).to_owned();
                let waiting = &mut state.waiting;
                if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    waiting.push(cx.waker().clone());
                }
                problem
            };
            ready!(alarm.poll(cx, Some(deadline), &*self.runtime));
            Poll::Ready(Err(problem))
        })
        .await
    }

    /// Reads the files whose time has come.
    fn read(&self, now: Instant) {
        fn is_due<M: PartialEq>(watcher: Option<&FileWatcher<M>>, now: Instant) -> bool {
            watcher.is_some_and(|watcher| watcher.poll_timeout() <= now)
        }
        let (needs_roots, needs_identity) = {
            let state = self.state.lock();
            let roots = is_due(state.roots.as_ref(), now);
            (roots, is_due(state.identity.as_ref(), now))
        };
        // No lock is held while files are read.
        let roots = needs_roots.then(|| PeerRoots::read(&self.files)).flatten();
        let identity = self.files.files.identity.as_ref();
        let identity = identity.filter(|_| needs_identity).map(|files| {
            let read = ClientIdentity::read(&files.certificate_file, &files.private_key_file);
            read.map_err(|error| error.to_string())
        });
        let mut changes = Vec::new();
        let (woken, replaced) = {
            let mut state = self.state.lock();
            if let (Some(watcher), Some(roots)) = (&mut state.roots, roots) {
                let change = watcher.handle_read(roots, now);
                changes.extend(change.map(|change| (CertificateFiles::Roots, change)));
            }
            if let (Some(watcher), Some(identity)) = (&mut state.identity, identity) {
                let change = watcher.handle_read(identity, now);
                changes.extend(change.map(|change| (CertificateFiles::Identity, change)));
            }
            let is_new = |(_, change): &_| *change == FileWatcherEvent::Changed;
            let replaced = match changes.iter().any(is_new) {
                true => std::mem::take(&mut state.replaced),
                false => Signals::default(),
            };
            (std::mem::take(&mut state.waiting), replaced)
        };
        for waker in woken {
            waker.wake();
        }
        replaced.give();
        for (files, change) in changes {
            let event = CertificateEvent {
                instance: Arc::clone(&self.instance),
                files,
                change,
            };
            for observer in &self.observers {
                observer.observe_certificates(&event, now);
            }
        }
    }

    /// Reads the files each time that it is due. Never ready.
    fn poll(&self, cx: &mut Context<'_>, alarm: &mut Alarm) -> Poll<()> {
        loop {
            let next = {
                let mut state = self.state.lock();
                state.task = Some(cx.waker().clone());
                let roots = state.roots.as_ref().map(FileWatcher::poll_timeout);
                let identity = state.identity.as_ref().map(FileWatcher::poll_timeout);
                roots.into_iter().chain(identity).min()
            };
            let now = ready!(alarm.poll(cx, next, &*self.runtime));
            self.read(now);
        }
    }

    /// Returns the state of the files.
    pub(in crate::io) fn dump(&self) -> CertificateProviderDump {
        fn of<M: PartialEq>(watcher: Option<&FileWatcher<M>>) -> Option<CertificateFilesDump> {
            watcher.map(|watcher| CertificateFilesDump {
                is_loaded: watcher.current().is_some(),
                problem: watcher.problem().map(Arc::from),
            })
        }
        let state = self.state.lock();
        CertificateProviderDump {
            instance: Arc::clone(&self.instance),
            roots: of(state.roots.as_ref()),
            identity: of(state.identity.as_ref()),
        }
    }
}

impl Drop for Provider {
    /// Wakes the task, which ends.
    fn drop(&mut self) {
        let task = self.state.lock().task.take();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Reads the files of a provider until it is not in use any more.
async fn follow(provider: Weak<Provider>) {
    let mut alarm = Alarm::far();
    poll_fn(|cx| match provider.upgrade() {
        Some(provider) => provider.poll(cx, &mut alarm),
        None => Poll::Ready(()),
    })
    .await;
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}
