//! The methods of the builder that set how long a channel and its calls last.

use std::time::Duration;

use crate::builder::ChannelBuilder;
use crate::queue::QueueLimits;

impl ChannelBuilder {
    /// Sets how long no call may use the channel before it enters idleness. Default: 30 minutes.
    ///
    /// An idle channel has no connections, no resolver and no policy. The next call brings them back,
    /// and waits for them: it does not fail. The time begins at the end of the last call, or of the
    /// last [`Channel::connect`]. A call is over when its response was read to its end or dropped, so
    /// an open stream keeps the channel awake. Health checks and load reports do not.
    ///
    /// The calls are looked at eight times in each timeout, so the channel may enter idleness up to an
    /// eighth of it late. See also [`Channel::enter_idle`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use trunkline_channel::Channel;
    ///
    /// let channel = Channel::builder("ipv4:127.0.0.1:50051")
    ///     .plaintext()
    ///     .idle_timeout(Duration::from_secs(300))
    /// #   .runtime(trunkline_sim::Sim::new(1).runtime())
    ///     .build()?;
    /// # Ok::<(), trunkline_channel::BuildError>(())
    /// ```
    ///
    /// Source: [gRFC A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md).
    ///
    /// [`Channel::connect`]: crate::Channel::connect
    /// [`Channel::enter_idle`]: crate::Channel::enter_idle
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.life.idle_timeout = Some(timeout);
        self
    }

    /// Keeps the channel from entering idleness by itself: connections and resolver stay, however
    /// long no call uses them.
    ///
    /// ```
    /// # let sim = trunkline_sim::Sim::new(1);
    /// let channel = trunkline_channel::Channel::builder("ipv4:127.0.0.1:50051")
    ///     .plaintext()
    ///     .disable_idle_timeout()
    /// #   .runtime(sim.runtime())
    ///     .build()?;
    /// # Ok::<(), trunkline_channel::BuildError>(())
    /// ```
    pub fn disable_idle_timeout(mut self) -> Self {
        self.life.idle_timeout = None;
        self
    }

    /// Sets the timeout of calls that have none. Default: none.
    ///
    /// The first of these that exists counts: the `grpc-timeout` of the call (tonic: `set_timeout`),
    /// which the `timeout` of its method in the service config can only shorten; that `timeout`; this
    /// one. While the name is being resolved, the method's is not known, and this one counts.
    ///
    /// It is the time to the end of the response. So give a stream that lasts longer a timeout of its
    /// own.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let channel = trunkline_channel::Channel::builder("ipv4:127.0.0.1:50051")
    ///     .plaintext()
    ///     .call_timeout(Duration::from_secs(10))
    /// #   .runtime(trunkline_sim::Sim::new(1).runtime())
    ///     .build()?;
    /// # Ok::<(), trunkline_channel::BuildError>(())
    /// ```
    pub fn call_timeout(mut self, timeout: Duration) -> Self {
        self.life.call_timeout = Some(timeout);
        self
    }

    /// Sets whether calls wait while there is no connection, or fail at once. Default: they fail.
    ///
    /// The first of these that exists counts: [`WaitForReady`](crate::WaitForReady) of the call; the
    /// `waitForReady` of its method in the service config; this one. The timeout of the call bounds the
    /// wait.
    ///
    /// ```
    /// let channel = trunkline_channel::Channel::builder("ipv4:127.0.0.1:50051")
    ///     .plaintext()
    ///     .wait_for_ready(true)
    /// #   .runtime(trunkline_sim::Sim::new(1).runtime())
    ///     .build()?;
    /// # Ok::<(), trunkline_channel::BuildError>(())
    /// ```
    ///
    /// Source: [wait for ready](https://github.com/grpc/grpc/blob/master/doc/wait-for-ready.md).
    pub fn wait_for_ready(mut self, waits: bool) -> Self {
        self.life.wait_for_ready = waits;
        self
    }

    /// Sets the most connections to one address, whatever the service config asks for. Default: 10.
    ///
    /// By default a channel has one connection to each address that it uses. The service config asks for
    /// more by `connectionScaling`: while all connections to an address have as many calls as their server
    /// allows (`MAX_CONCURRENT_STREAMS`), and more calls wait, one more connection is made, up to
    /// `maxConnectionsPerSubchannel`. Numbers above this limit are lowered to it; 0 counts as 1.
    ///
    /// ```
    /// use trunkline_channel::Channel;
    ///
    /// let channel = Channel::builder("ipv4:127.0.0.1:50051")
    ///     .plaintext()
    ///     .default_service_config(r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 20}}"#)
    ///     .max_connections_per_subchannel_limit(20)
    /// #   .runtime(trunkline_sim::Sim::new(1).runtime())
    ///     .build()?;
    /// # Ok::<(), trunkline_channel::BuildError>(())
    /// ```
    ///
    /// Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max_concurrent_streams-connection-scaling.md).
    pub fn max_connections_per_subchannel_limit(mut self, limit: u32) -> Self {
        self.life.connections_limit = limit;
        self
    }

    /// Limits the calls that wait until they can be sent, and their bytes. Default: no limits. See
    /// [`QueueLimits`].
    pub fn queue_limits(mut self, limits: QueueLimits) -> Self {
        self.life.queue_limits = limits;
        self
    }
}
