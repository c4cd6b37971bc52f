//! When certificates are read from their files again, and which ones are in use.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The shortest interval, so that a bootstrap cannot keep the reader busy all the time.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// The time after which files are read again while none could be used yet. It is short, because connections
/// wait for them: they are often written by another process that starts at the same time.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The longest interval: ten years, which no clock overflows with.
const LONGEST_INTERVAL: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Decides which contents of files are in use: the certificate and its key, or the roots.
///
/// The shell reads the files at [`poll_timeout`](Self::poll_timeout) and reports the result with
/// [`handle_read`](Self::handle_read). What cannot be used keeps what is in use. Before the first
/// success there is nothing: a connection waits, as long as its deadline permits.
///
/// Source: [gRFC A29](https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md),
/// "`file_watcher`".
#[derive(Clone)]
pub struct FileWatcher<M> {
    interval: Duration,
    next_read: Instant,
    current: Option<Arc<M>>,
    /// Why the files could not be used at the last time.
    problem: Option<Box<str>>,
}

/// What a reading of the files changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileWatcherEvent {
    /// There is something new to use, for the connections that start from now on.
    Changed,
    /// The files cannot be used, for this reason. What is in use stays, if there is something.
    Refused(Box<str>),
    /// The files are again those that are in use.
    Healed,
}

/// Shows no contents of files: they may be a key.
impl<M> fmt::Debug for FileWatcher<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileWatcher")
            .field("interval", &self.interval)
            .field("next_read", &self.next_read)
            .field("is_loaded", &self.current.is_some())
            .field("problem", &self.problem)
            .finish()
    }
}

impl<M: PartialEq> FileWatcher<M> {
    /// Returns a watcher of files that were never read, and are to be read at once. An interval below 1 s
    /// counts as 1 s, one above ten years as ten years.
    #[must_use]
    pub fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval: interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL),
            next_read: now,
            current: None,
            problem: None,
        }
    }

    /// Handles the contents of the files, or the reason why they cannot be used: one is unreadable, or
    /// the key is not that of the certificate. The next reading is an interval later; 1 s later while
    /// nothing could be used yet.
    ///
    /// Returns what changes. The same reason again is no event.
    pub fn handle_read(
        &mut self,
        read: Result<M, String>,
        now: Instant,
    ) -> Option<FileWatcherEvent> {
        let is_loaded = read.is_ok() || self.current.is_some();
        let interval = if is_loaded {
            self.interval
        } else {
            RETRY_INTERVAL
        };
        self.next_read = now + interval;
        match read {
            Ok(read) if self.current.as_deref() == Some(&read) => {
                let problem = self.problem.take();
                problem.map(|_| FileWatcherEvent::Healed)
            }
            Ok(read) => {
                self.problem = None;
                self.current = Some(Arc::new(read));
                Some(FileWatcherEvent::Changed)
            }
            Err(problem) if self.problem.as_deref() == Some(&*problem) => None,
            Err(problem) => {
                let problem: Box<str> = problem.into();
                self.problem = Some(problem.clone());
                Some(FileWatcherEvent::Refused(problem))
            }
        }
    }

    /// Returns when the files are to be read.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.next_read
    }

    /// Returns what new connections use; `None` for those that must wait.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<M>> {
        self.current.as_ref()
    }

    /// Returns why the files could not be used at the last time; `None` if they could.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}
