//! What a program can set.

/// What a [`Channelz`](crate::Channelz) keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelzOptions {
    /// How many trace events are kept for each channel and for each subchannel: the last ones. 0
    /// keeps none. Default: 30.
    ///
    /// An event takes about 100 bytes, at most 350. A subchannel that was removed is kept as long as
    /// an event of its channel refers to it, so this is also the most removed subchannels that a
    /// channel keeps.
    ///
    /// Source: [gRFC A3](https://github.com/grpc/proposal/blob/master/A3-channel-tracing.md); the
    /// default is that of grpc-go.
    pub trace_events: usize,
}

impl Default for ChannelzOptions {
    fn default() -> Self {
        Self { trace_events: 30 }
    }
}

impl ChannelzOptions {
    /// Sets how many trace events are kept for each channel and for each subchannel.
    #[must_use]
    pub fn with_trace_events(mut self, most: usize) -> Self {
        self.trace_events = most;
        self
    }
}
