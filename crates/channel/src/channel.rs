//! The channel itself.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;
use trunkline_lb::{ConnectivityState, SubchannelId};
use trunkline_status::Status;
use trunkline_transport::ConnectionStats;

use crate::call;
use crate::call::body::Body;
use crate::call::spare::CallInPlace;
use crate::control::closing::Closed;
use crate::control::event::ControlEvent;
use crate::core::connections::ConnectionId;
use crate::core::snapshot::Readiness;
use crate::handle::Handle;
use crate::inspect::inspection::Inspection;
use crate::inspect::options::InspectOptions;
use crate::shared::ChannelId;

/// A gRPC channel: balanced connections to all backends behind one name.
///
/// Cheap to clone. All clones are one channel, which ends when it is [closed](Self::close), or when the
/// last clone is dropped. It is a [`tower_service::Service`], as a tonic stub requires; so is a reference
/// to it.
///
/// * Building it does no I/O. The first call, or [`connect`](Self::connect), starts it.
/// * A call never returns `Err`: a local failure is a response with `grpc-status` and
///   `grpc-message`, so that a stub returns the right code and text.
/// * [`poll_ready`](Service::poll_ready) is always ready. A call waits for a connection inside its
///   own future, and its `grpc-timeout` bounds the wait.
/// * The extensions of a response contain the address that answered, as
///   [`PeerAddr`](trunkline_runtime::PeerAddr).
///
/// # Examples
///
/// A tonic stub takes the channel as it is, `GreeterClient::new(channel.clone())`. Without a stub:
///
/// ```
/// use http::Request;
/// use tower_service::Service;
/// use trunkline_channel::{Body, Channel};
/// use trunkline_status::{Code, Status};
///
/// async fn greet(channel: &Channel) -> Result<(), Status> {
///     let request = Request::post("/helloworld.Greeter/SayHello").body(Body::empty());
///     // Waits for a connection, or fails with the reason.
///     let response = channel.ready().await?.call(request.expect("a request")).await;
///     let response = response.expect("a call never returns `Err`");
///     // A response that has ended already has its status in its headers, others in their trailers.
///     match Status::from_trailers(response.headers()) {
///         Some(status) if status.code() != Code::Ok => Err(status),
///         _ => Ok(()),
///     }
/// }
///
/// let channel = Channel::builder("ipv4:127.0.0.1:50051").plaintext();
/// # let sim = trunkline_sim::Sim::new(1);
/// # let channel = channel.runtime(sim.runtime());
/// let channel = channel.build()?;
/// # let status = sim.run(async move { greet(&channel).await }).expect_err("nothing listens there");
/// # assert_eq!(status.code(), Code::Unavailable);
/// # Ok::<(), trunkline_channel::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Channel {
    handle: Arc<Handle>,
}

impl Channel {
    pub(crate) fn new(handle: Handle) -> Self {
        Self::from_handle(Arc::new(handle))
    }

    pub(crate) fn from_handle(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    pub(crate) fn weak_handle(&self) -> Weak<Handle> {
        Arc::downgrade(&self.handle)
    }

    /// Returns the id of the channel, which all clones share.
    #[must_use]
    pub fn id(&self) -> ChannelId {
        self.handle.shared.id
    }

    /// Returns the target as the application gave it.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.handle.shared.target
    }

    /// Returns the target with its scheme, as telemetry names it.
    ///
    /// Source: [gRFC A66](https://github.com/grpc/proposal/blob/master/A66-otel-stats.md).
    #[must_use]
    pub fn canonical_target(&self) -> &str {
        &self.handle.shared.canonical
    }

    /// Returns the current state.
    #[must_use]
    pub fn state(&self) -> ConnectivityState {
        if self.handle.is_closed() {
            return ConnectivityState::Shutdown;
        }
        self.handle.shared.snapshot().state
    }

    /// Returns the most connections that a subchannel opens: the number of the service config in force
    /// (`connectionScaling`), up to the limit of the channel; else 1.
    #[must_use]
    pub fn connections_per_subchannel(&self) -> usize {
        self.handle.shared.snapshot().max_connections
    }

    /// Returns the numbers of one connection; `None` if it does not exist, or takes no new calls.
    ///
    /// Takes no lock, and holds up no call. The time can grow with the number of the channel's connections.
    #[must_use]
    pub fn connection_stats(
        &self,
        subchannel: SubchannelId,
        connection: ConnectionId,
    ) -> Option<ConnectionStats> {
        let snapshot = self.handle.shared.snapshot();
        let ready = snapshot.connections.find(subchannel, connection)?;
        Some(ready.connection.stats())
    }

    /// Waits until the state differs from `known`, and returns it. A state that lasts only a moment
    /// may be missed.
    pub async fn state_changed(&self, known: ConnectivityState) -> ConnectivityState {
        loop {
            let changed = self.handle.shared.listen();
            let state = self.state();
            if state != known {
                return state;
            }
            changed.await;
        }
    }

    /// Starts the channel and leaves idleness, as a call would.
    ///
    /// # Errors
    ///
    /// `INTERNAL` when the channel's runtime cannot be used here (tokio's, outside of tokio), and
    /// `UNAVAILABLE` once the channel is [closed](Self::close).
    pub fn connect(&self) -> Result<(), Status> {
        self.handle.start()?;
        self.handle.send(ControlEvent::ExitIdle);
        Ok(())
    }

    /// Waits until the channel can make calls, and starts it if it is idle.
    ///
    /// `channel.ready().await?.call(request)` fails where `channel.call(request)` alone would wait
    /// for a connection. Bound the wait with a timeout of your own.
    ///
    /// # Errors
    ///
    /// The status that a call would get now: when the channel cannot connect (TRANSIENT_FAILURE),
    /// is closed, or when its runtime cannot be used here.
    pub async fn ready(&self) -> Result<&Self, Status> {
        self.connect()?;
        loop {
            // Listen first, then look: a snapshot that is published in between is not missed.
            let changed = self.handle.shared.listen();
            self.handle.start()?;
            let current = self.handle.shared.snapshot().readiness();
            match current {
                Readiness::Ready => return Ok(self),
                Readiness::Failed(status) => return Err(status),
                Readiness::Idle => self.handle.send(ControlEvent::ExitIdle),
                Readiness::Waiting => {}
            }
            changed.await;
        }
    }

    /// Enters idleness: closes the connections that no call uses, and stops resolving the name. The
    /// next call, or [`connect`](Self::connect), leaves it: the name is resolved again.
    ///
    /// Calls in progress continue. The channel also enters idleness by itself, after
    /// [`ChannelBuilder::idle_timeout`](crate::ChannelBuilder::idle_timeout).
    pub fn enter_idle(&self) {
        self.handle.send(ControlEvent::EnterIdle);
    }

    /// Closes the channel in good order, for all clones, and waits for its end.
    ///
    /// New calls fail at once with `UNAVAILABLE`. Those that have begun go on for up to `timeout`, also
    /// those that wait for a connection or for a retry. Then those that are left are cancelled: they
    /// end with `CANCELLED`, and their servers see their connections close. Afterwards no connection,
    /// no resolver and no task of the channel is left.
    ///
    /// `Duration::ZERO` cancels at once, and `Duration::MAX` waits without end. The channel is closed
    /// also when the future is dropped before its end. If it is closed by several callers, the first
    /// deadline counts. Without `close`, dropping the last clone ends the channel too: the calls whose
    /// responses are being read then go on, and each connection closes after its last call.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use trunkline_channel::Channel;
    ///
    /// # let sim = trunkline_sim::Sim::new(1);
    /// # let backend = sim.backend(std::net::SocketAddr::from(([192, 0, 2, 1], 50051)));
    /// let channel = Channel::builder("ipv4:192.0.2.1:50051").plaintext();
    /// # let channel = channel.runtime(sim.runtime());
    /// let channel = channel.build()?;
    /// # sim.run(async {
    /// channel.ready().await.expect("a connection");
    /// let closed = channel.close(Duration::from_secs(10)).await;
    /// assert_eq!(closed.cancelled_calls, 0);
    /// # });
    /// # Ok::<(), trunkline_channel::BuildError>(())
    /// ```
    pub async fn close(&self, timeout: Duration) -> Closed {
        match self.handle.close(timeout) {
            Some(closed) => closed.recv().await.unwrap_or_default(),
            None => Closed::default(),
        }
    }

    /// Returns an inspection of the channel: resolver, service config, policy, endpoints, subchannels,
    /// numbers of calls, and the last events.
    ///
    /// The channel's control task collects the facts, and the caller makes texts of them; calls go on
    /// meanwhile. With 10,000 endpoints it takes some tens of milliseconds. A channel that was never used, that is idle or closed answers
    /// too. This does not start it, and is no use that keeps it from idleness.
    ///
    /// The inspection is bounded: it has the first 10,000 endpoints and subchannels.
    /// [`inspect_with`](Self::inspect_with) returns the others, or less of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use trunkline_channel::Channel;
    ///
    /// # let sim = trunkline_sim::Sim::new(1);
    /// # let backend = sim.backend(std::net::SocketAddr::from(([192, 0, 2, 1], 50051)));
    /// let channel = Channel::builder("ipv4:192.0.2.1:50051").plaintext();
    /// # let channel = channel.runtime(sim.runtime());
    /// let channel = channel.build()?;
    /// # sim.run(async {
    /// channel.ready().await.expect("a connection");
    /// let inspection = channel.inspect().await;
    /// for subchannel in &inspection.subchannels.items {
    ///     println!("{}: {:?}", subchannel.address, subchannel.stage);
    /// }
    /// # assert_eq!(inspection.subchannels.total, 1);
    /// # });
    /// # Ok::<(), trunkline_channel::BuildError>(())
    /// ```
    pub async fn inspect(&self) -> Inspection {
        self.inspect_with(InspectOptions::default()).await
    }

    /// Returns an inspection as [`inspect`](Self::inspect) does, of these parts of the channel.
    pub async fn inspect_with(&self, options: InspectOptions) -> Inspection {
        let options = options.bounded();
        let facts = self.handle.inspect(options).await;
        facts.inspection(&self.handle.shared, options)
    }

    /// Ends all connection back-offs at once. Call it when the application knows that the network
    /// is back.
    pub fn reset_connect_backoff(&self) {
        self.handle.send(ControlEvent::ResetBackoff);
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("target", &self.target())
            .field("state", &self.state())
            .field("runtime", &self.handle.shared.runtime)
            .finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Channel
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture::new(&self.handle, request)
    }
}

impl<B> Service<Request<B>> for &Channel
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture::new(&self.handle, request)
    }
}

/// The response of a call. The call starts when this future is first polled. Dropping the future
/// before it is ready cancels the call.
#[must_use = "a call is not made unless its future is polled"]
pub struct ResponseFuture {
    call: CallInPlace,
}

impl ResponseFuture {
    fn new<B>(handle: &Arc<Handle>, request: Request<B>) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self {
            call: CallInPlace::new(|| call::call(Arc::clone(handle), request)),
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.call.poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
