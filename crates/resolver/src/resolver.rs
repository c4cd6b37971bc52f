//! The trait of a resolver, and its results.

use std::fmt::Debug;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use trunkline_endpoint::{Attributes, Endpoint};
use trunkline_service_config::{ConfigSelector, ServiceConfig};

use crate::{ResolveError, Verdict};

/// Resolves one name into endpoints, again and again.
///
/// The control task of a channel polls it until the channel becomes idle or is closed, and then
/// drops it: dropping it ends all of its work. When a channel leaves idleness, it has its
/// [`ResolverFactory`](crate::ResolverFactory) build a new one.
///
/// # Examples
///
/// ```
/// use std::net::SocketAddr;
/// use std::task::{Context, Poll};
/// use trunkline_endpoint::Endpoint;
/// use trunkline_resolver::{Resolution, Resolver};
///
/// /// Returns two backends in turn, another one each time that a connection is lost.
/// #[derive(Debug)]
/// struct Standby {
///     pair: [SocketAddr; 2],
///     next: usize,
///     /// True at first.
///     is_due: bool,
/// }
///
/// impl Resolver for Standby {
///     fn poll_resolution(&mut self, _: &mut Context<'_>) -> Poll<Resolution> {
///         // Without a request there is nothing to wake the channel for: it polls again after one.
///         if !std::mem::take(&mut self.is_due) {
///             return Poll::Pending;
///         }
///         let backend = self.pair[self.next % 2];
///         self.next += 1;
///         Poll::Ready(Resolution::new([Endpoint::new([backend])]))
///     }
///
///     fn resolve_now(&mut self) {
///         self.is_due = true;
///     }
/// }
/// ```
pub trait Resolver: Debug + Send {
    /// Ready with each new resolution. The channel answers each with a call of
    /// [`handle_verdict`](Self::handle_verdict) before it polls again.
    fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Poll<Resolution>;

    /// Handles a request for a new resolution: a connection was lost or could not be made, so the
    /// endpoints may be out of date.
    ///
    /// It is a hint: the resolver may resolve at once, later, or not at all. The channel polls
    /// again afterwards. Ignored by default.
    fn resolve_now(&mut self) {}

    /// Returns what the resolver waits for at present, in words, such as the DNS servers that have
    /// not answered; `None` if there is nothing to say.
    ///
    /// The error of a call whose deadline passes while the channel has no list quotes it, and an event of
    /// the channel reports a wait of 2 s. Read after each pending
    /// [`poll_resolution`](Self::poll_resolution): wake the channel when the words change.
    fn waiting_for(&self) -> Option<String> {
        None
    }

    /// Returns when the resolver resolves again, as far as it knows: for inspections of the channel.
    ///
    /// The default knows nothing.
    fn schedule(&self) -> ResolverSchedule {
        ResolverSchedule::default()
    }

    /// Handles the channel's verdict on the last resolution. Ignored by default.
    ///
    /// After a rejection the resolver is to resolve again, with back-off: a [`Pacer`](crate::Pacer)
    /// does so. What a rejection does to calls is in the table of [`Verdict`].
    fn handle_verdict(&mut self, verdict: Verdict) {
        let _ = verdict;
    }
}

/// When a resolver resolves again, by the clock of its runtime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolverSchedule {
    /// True while a resolution runs. Default: false.
    pub is_resolving: bool,
    /// When the last answer expires: the end of its TTL. Default: `None`, for a resolver without an
    /// answer, or whose answers do not expire.
    pub expires: Option<Instant>,
    /// When the next resolution starts without a request. Default: `None`, while one runs, and where
    /// only a request makes one start.
    pub next: Option<Instant>,
}

impl ResolverSchedule {
    /// Sets [`is_resolving`](Self::is_resolving).
    #[must_use]
    pub fn with_is_resolving(mut self, is_resolving: bool) -> Self {
        self.is_resolving = is_resolving;
        self
    }

    /// Sets [`expires`](Self::expires).
    #[must_use]
    pub fn with_expires(mut self, expires: Option<Instant>) -> Self {
        self.expires = expires;
        self
    }

    /// Sets [`next`](Self::next).
    #[must_use]
    pub fn with_next(mut self, next: Option<Instant>) -> Self {
        self.next = next;
        self
    }
}

/// The result of one resolution.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resolution {
    /// The endpoints, best first, or why there are none.
    pub endpoints: Result<Arc<[Endpoint]>, ResolveError>,
    /// The service config that was found with them.
    pub service_config: ServiceConfigSource,
    /// Where the resolver found the service config, in words, for people: `TXT record of
    /// _grpc_config.orders.test`, for example. `None` if it is not known.
    pub service_config_place: Option<Arc<str>>,
    /// Attributes of the resolution as a whole.
    pub attributes: Attributes,
    /// A remark on how the resolver got these endpoints, for example which part of the answer is
    /// missing. Later errors quote it. Empty where there is nothing to remark.
    pub resolution_note: Arc<str>,
    /// Chooses the configuration of each call, in place of `service_config`, which then decides the
    /// load-balancing policy alone; `None` for resolvers that do not route calls.
    pub config_selector: Option<Arc<dyn ConfigSelector>>,
}

/// The service config that a resolver found.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum ServiceConfigSource {
    /// There is none; the channel uses its default.
    #[default]
    Absent,
    /// A service config as JSON text, which the channel parses.
    Json(Arc<str>),
    /// A service config that the resolver has parsed or made itself.
    Parsed(Arc<ServiceConfig>),
    /// There is one, and the resolver could not read it.
    Invalid(ResolveError),
}

impl Resolution {
    /// Returns a resolution with these endpoints, and nothing else.
    pub fn new(endpoints: impl Into<Arc<[Endpoint]>>) -> Self {
        Self::from_result(Ok(endpoints.into()))
    }

    /// Returns a resolution without endpoints, because of this error.
    #[must_use]
    pub fn from_error(error: ResolveError) -> Self {
        Self::from_result(Err(error))
    }

    fn from_result(endpoints: Result<Arc<[Endpoint]>, ResolveError>) -> Self {
        Self {
            endpoints,
            service_config: ServiceConfigSource::Absent,
            service_config_place: None,
            attributes: Attributes::new(),
            resolution_note: Arc::from(""),
            config_selector: None,
        }
    }

    /// Sets the service config, as JSON text.
    #[must_use]
    pub fn with_service_config(mut self, json: impl Into<Arc<str>>) -> Self {
        self.service_config = ServiceConfigSource::Json(json.into());
        self
    }

    /// Sets where the service config was found, in words. Default: `None`.
    #[must_use]
    pub fn with_service_config_place(mut self, place: impl Into<Arc<str>>) -> Self {
        self.service_config_place = Some(place.into());
        self
    }

    /// Sets the selector, which chooses the configuration of each call.
    #[must_use]
    pub fn with_config_selector(mut self, selector: Arc<dyn ConfigSelector>) -> Self {
        self.config_selector = Some(selector);
        self
    }

    /// Replaces the attributes.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// Sets the remark on how the resolver got the endpoints, which later errors quote. Default:
    /// empty.
    #[must_use]
    pub fn with_resolution_note(mut self, note: impl Into<Arc<str>>) -> Self {
        self.resolution_note = note.into();
        self
    }
}
