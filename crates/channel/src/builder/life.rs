//! How long a channel and its calls last.

use std::time::Duration;

use crate::builder::ChannelBuilder;

/// The time without calls after which a channel enters idleness, unless the application sets
/// another.
///
/// Source: [gRFC A62](https://github.com/grpc/proposal/blob/master/A62-pick-first.md).
const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How long a channel and its calls last.
#[derive(Debug)]
pub(super) struct LifeOptions {
    /// `None` if the channel never enters idleness by itself.
    pub(super) idle_timeout: Option<Duration>,
}

impl Default for LifeOptions {
    fn default() -> Self {
        Self {
            idle_timeout: Some(IDLE_TIMEOUT),
        }
    }
}

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
}
