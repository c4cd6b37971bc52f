//! Which parts of a channel an inspection shows.

/// The most endpoints, and the most subchannels, of one inspection. Higher numbers are lowered to it.
pub(super) const MOST_ITEMS: usize = 10_000;

/// Which parts of a channel an inspection shows, and how much of the long lists.
///
/// By default an inspection shows all parts, and of each list the first 10,000 items.
///
/// # Examples
///
/// All subchannels of a large channel, a page at a time:
///
/// ```
/// use trunkline_channel::{Channel, InspectOptions, SubchannelInspection};
///
/// async fn subchannels(channel: &Channel) -> Vec<SubchannelInspection> {
///     let mut all = Vec::new();
///     let mut first = Some(0);
///     while let Some(index) = first {
///         let options = InspectOptions::none().with_subchannels(index, 500);
///         let page = channel.inspect_with(options).await.subchannels;
///         all.extend(page.items);
///         first = page.next;
///     }
///     all
/// }
/// # let sim = trunkline_sim::Sim::new(1);
/// # let channel = Channel::builder("ipv4:192.0.2.1:50051").plaintext().runtime(sim.runtime());
/// # let channel = channel.build().expect("a channel");
/// # assert!(sim.run(async move { subchannels(&channel).await }).is_empty());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectOptions {
    /// Whether the tree of policies is shown. Default: true.
    pub policy: bool,
    /// The position of the first endpoint that is shown, in the order of the resolver. Default: 0.
    pub first_endpoint: usize,
    /// The most endpoints that are shown. Default, and at most: 10,000.
    pub most_endpoints: usize,
    /// The index ([`SubchannelId::index`](trunkline_lb::SubchannelId::index)) of the first subchannel
    /// that is shown. Default: 0.
    pub first_subchannel: usize,
    /// The most subchannels that are shown. Default, and at most: 10,000.
    pub most_subchannels: usize,
    /// The most events that are shown, the last ones. Default, and at most: 100.
    pub most_events: usize,
}

impl Default for InspectOptions {
    fn default() -> Self {
        Self {
            policy: true,
            first_endpoint: 0,
            most_endpoints: MOST_ITEMS,
            first_subchannel: 0,
            most_subchannels: MOST_ITEMS,
            most_events: MOST_ITEMS,
        }
    }
}

impl InspectOptions {
    /// Returns options that show neither the policies, nor endpoints, subchannels and events. The
    /// numbers of endpoints and subchannels are shown.
    #[must_use]
    pub fn none() -> Self {
        Self {
            policy: false,
            most_endpoints: 0,
            most_subchannels: 0,
            most_events: 0,
            ..Self::default()
        }
    }

    /// Sets [`policy`](Self::policy).
    #[must_use]
    pub fn with_policy(mut self, policy: bool) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the first endpoint, and the most endpoints, that are shown.
    #[must_use]
    pub fn with_endpoints(mut self, first: usize, most: usize) -> Self {
        self.first_endpoint = first;
        self.most_endpoints = most;
        self
    }

    /// Sets the index of the first subchannel, and the most subchannels, that are shown.
    #[must_use]
    pub fn with_subchannels(mut self, first: usize, most: usize) -> Self {
        self.first_subchannel = first;
        self.most_subchannels = most;
        self
    }

    /// Sets [`most_events`](Self::most_events).
    #[must_use]
    pub fn with_most_events(mut self, most: usize) -> Self {
        self.most_events = most;
        self
    }

    /// Returns the options with numbers that are at most what an inspection can show.
    pub(crate) fn bounded(mut self) -> Self {
        self.most_endpoints = self.most_endpoints.min(MOST_ITEMS);
        self.most_subchannels = self.most_subchannels.min(MOST_ITEMS);
        self
    }
}
