//! Which facts of calls an observer wants.

/// The facts of calls that an [`Observer`](crate::Observer) wants.
///
/// The channel leaves out what an observer does not want. A fact that no observer of a channel wants is not
/// put together. What it has in common with others is still found, as the bytes of an attempt and the time of
/// its end.
///
/// Default: all facts.
///
/// # Examples
///
/// ```
/// use trunkline_channel::{CallEnded, Interests, Observer};
///
/// /// Prints the end of each call.
/// #[derive(Debug)]
/// struct Ends;
///
/// impl Observer for Ends {
///     fn interests(&self) -> Interests {
///         Interests::NONE.with_call_ended(true)
///     }
///
///     fn call_ended(&self, call: &CallEnded<'_>) {
///         println!("{}: {}", call.path, call.status);
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interests {
    /// [`Observer::call_started`](crate::Observer::call_started).
    pub call_started: bool,
    /// [`Observer::trace_call`](crate::Observer::trace_call).
    pub traces: bool,
    /// [`Observer::attempt_started`](crate::Observer::attempt_started).
    pub attempt_started: bool,
    /// [`Observer::attempt_sent`](crate::Observer::attempt_sent).
    pub attempt_sent: bool,
    /// [`Observer::attempt_ended`](crate::Observer::attempt_ended).
    pub attempt_ended: bool,
    /// [`Observer::call_ended`](crate::Observer::call_ended).
    pub call_ended: bool,
}

impl Interests {
    /// All facts.
    pub const ALL: Self = Self {
        call_started: true,
        traces: true,
        attempt_started: true,
        attempt_sent: true,
        attempt_ended: true,
        call_ended: true,
    };

    /// No fact of any call: the observer gets the events of the channel alone.
    pub const NONE: Self = Self {
        call_started: false,
        traces: false,
        attempt_started: false,
        attempt_sent: false,
        attempt_ended: false,
        call_ended: false,
    };

    /// Returns the facts that either of the two wants.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self {
            call_started: self.call_started || other.call_started,
            traces: self.traces || other.traces,
            attempt_started: self.attempt_started || other.attempt_started,
            attempt_sent: self.attempt_sent || other.attempt_sent,
            attempt_ended: self.attempt_ended || other.attempt_ended,
            call_ended: self.call_ended || other.call_ended,
        }
    }

    /// Sets whether the starts of calls are wanted.
    #[must_use]
    pub const fn with_call_started(mut self, wanted: bool) -> Self {
        self.call_started = wanted;
        self
    }

    /// Sets whether calls are traced.
    #[must_use]
    pub const fn with_traces(mut self, wanted: bool) -> Self {
        self.traces = wanted;
        self
    }

    /// Sets whether the starts of attempts are wanted.
    #[must_use]
    pub const fn with_attempt_started(mut self, wanted: bool) -> Self {
        self.attempt_started = wanted;
        self
    }

    /// Sets whether the sending of attempts is reported.
    #[must_use]
    pub const fn with_attempt_sent(mut self, wanted: bool) -> Self {
        self.attempt_sent = wanted;
        self
    }

    /// Sets whether the ends of attempts are wanted.
    #[must_use]
    pub const fn with_attempt_ended(mut self, wanted: bool) -> Self {
        self.attempt_ended = wanted;
        self
    }

    /// Sets whether the ends of calls are wanted.
    #[must_use]
    pub const fn with_call_ended(mut self, wanted: bool) -> Self {
        self.call_ended = wanted;
        self
    }
}

impl Default for Interests {
    fn default() -> Self {
        Self::ALL
    }
}
