//! A resolver whose resolutions come from a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use trunkline_target::Target;

use crate::{
    Resolution, ResolveError, ResolveErrorKind, Resolver, ResolverFactory, ResolverOptions,
};

/// A stream of resolutions.
type ResolutionStream = Pin<Box<dyn Stream<Item = Resolution> + Send>>;

/// A function that makes the stream of a resolver.
type Subscribe = dyn Fn(&Target, &ResolverOptions) -> ResolutionStream + Send + Sync;

/// A resolver that returns each item of a stream.
///
/// - When the stream ends, the last resolution stays in use: the resolver is pending for ever, as a
///   [`StaticResolver`](crate::StaticResolver). If the stream ends before its first item, the
///   resolver returns one error of the kind [`Unavailable`](ResolveErrorKind::Unavailable), so that
///   calls fail and do not wait for their deadlines.
/// - Requests for a new resolution and the verdicts of the channel are ignored: the stream decides
///   when it has an item. A source that is asked again needs a [`Resolver`] of its own.
/// - The stream is dropped with the resolver: when the channel becomes idle or is closed.
pub struct StreamResolver {
    /// `None` after the end of the stream.
    stream: Option<ResolutionStream>,
    /// The target, for the error.
    target: Option<String>,
    /// Whether the stream has had an item.
    has_resolved: bool,
}

impl StreamResolver {
    /// Returns a resolver that returns each item of this stream.
    pub fn new(stream: impl Stream<Item = Resolution> + Send + 'static) -> Self {
        Self::from_boxed(Box::pin(stream), None)
    }

    fn from_boxed(stream: ResolutionStream, target: Option<String>) -> Self {
        Self {
            stream: Some(stream),
            target,
            has_resolved: false,
        }
    }

    /// Returns the error for a stream without an item.
    fn no_resolution(&self) -> ResolveError {
        let of = self.target.as_deref().map(|target| format!(" of {target}"));
        let of = of.unwrap_or_default();
        let text = format!("the stream of resolutions{of} ended before its first item");
        let error = ResolveError::new(ResolveErrorKind::Unavailable, text);
        match &self.target {
            Some(target) => error.with_name(target.as_str()),
            None => error,
        }
    }
}

impl Resolver for StreamResolver {
    fn poll_resolution(&mut self, cx: &mut Context<'_>) -> Poll<Resolution> {
        let Some(stream) = &mut self.stream else {
            return Poll::Pending;
        };
        if let Some(resolution) = ready!(stream.as_mut().poll_next(cx)) {
            self.has_resolved = true;
            return Poll::Ready(resolution);
        }
        self.stream = None;
        if self.has_resolved {
            return Poll::Pending;
        }
        Poll::Ready(Resolution::from_error(self.no_resolution()))
    }
}

impl fmt::Debug for StreamResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamResolver")
            .field("target", &self.target)
            .field("ended", &self.stream.is_none())
            .finish_non_exhaustive()
    }
}

/// A scheme whose targets are resolved by streams, which a closure makes.
///
/// The closure is called for each resolver: when the channel is first used, and again each time it
/// leaves idleness. [`StreamResolver`] has what becomes of the end of a stream.
///
/// # Examples
///
/// A subscription to a service registry, which has a list of backends each time it changes. A
/// stream of another type than [`Resolution`] needs a `map`.
///
/// ```
/// use std::net::SocketAddr;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
/// use futures_core::Stream;
/// use trunkline_endpoint::Endpoint;
/// use trunkline_resolver::{Resolution, ResolverRegistry, StreamFactory};
///
/// struct Subscription {
///     lists: Vec<Vec<SocketAddr>>,
/// }
///
/// impl Stream for Subscription {
///     type Item = Resolution;
///
///     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Resolution>> {
///         let list = self.lists.pop();
///         Poll::Ready(list.map(|list| {
///             let endpoints = list.into_iter().map(|backend| Endpoint::new([backend]));
///             Resolution::new(endpoints.collect::<Vec<_>>())
///         }))
///     }
/// }
///
/// let fleet = StreamFactory::new("fleet", |_target, _options| Subscription {
///     lists: vec![vec![SocketAddr::from(([192, 0, 2, 1], 50051))]],
/// });
/// let registry = ResolverRegistry::standard().with(fleet);
/// assert!(registry.get("fleet").is_some());
/// ```
#[derive(Clone)]
pub struct StreamFactory {
    scheme: Arc<str>,
    subscribe: Arc<Subscribe>,
}

impl StreamFactory {
    /// Returns a factory that resolves each target by the stream that `subscribe` returns for it.
    /// Upper and lower case of the scheme are the same.
    pub fn new<S>(
        scheme: &str,
        subscribe: impl Fn(&Target, &ResolverOptions) -> S + Send + Sync + 'static,
    ) -> Self
    where
        S: Stream<Item = Resolution> + Send + 'static,
    {
        Self {
            scheme: scheme.to_ascii_lowercase().into(),
            subscribe: Arc::new(move |target, options| Box::pin(subscribe(target, options))),
        }
    }
}

impl ResolverFactory for StreamFactory {
    fn scheme(&self) -> &str {
        &self.scheme
    }

    fn build(
        &self,
        target: &Target,
        options: &ResolverOptions,
    ) -> Result<Box<dyn Resolver>, ResolveError> {
        let stream = (self.subscribe)(target, options);
        let resolver = StreamResolver::from_boxed(stream, Some(target.to_string()));
        Ok(Box::new(resolver))
    }
}

impl fmt::Debug for StreamFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamFactory")
            .field("scheme", &self.scheme)
            .finish_non_exhaustive()
    }
}
