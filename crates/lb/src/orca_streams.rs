//! Load reports out of band: a stream over the connection of each backend.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use trunkline_backoff::Rng;

use crate::control::Control;
use crate::orca::LoadReport;
use crate::protobuf::{put_bytes, put_varint};
use crate::repeated_watch::{Progress, RepeatedWatch};
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{Watch, WatchEvent, WatchId};

/// The path of the method that streams reports.
const PATH: &str = "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics";

/// The number of `OrcaLoadReportRequest.report_interval`.
const REPORT_INTERVAL: u64 = 1;

// The numbers of the fields of `google.protobuf.Duration`.
const SECONDS: u64 = 1;
const NANOS: u64 = 2;

/// The out-of-band load reports of the backends of a policy.
///
/// It keeps one stream of reports over the connection of each subchannel that is ready: a
/// [`Watch`] of `xds.service.orca.v3.OpenRcaService/StreamCoreMetrics`. A stream that
/// ends starts again with back-off, until the connection is lost. A backend without the service
/// (`UNIMPLEMENTED`) is not asked again on that connection, and the application is notified
/// ([`Action::ReportLoadsUnsupported`](crate::Action)).
///
/// Any policy can hold one: one with an endpoint for each backend, or one over policies that know
/// nothing of load. It hands each event to the method of the same name, *before* it hands it to its
/// children. Each holder has streams of its own, with its own interval.
///
/// # Examples
///
/// A policy around another one, which records the utilization of each backend:
///
/// ```
/// use std::collections::BTreeMap;
/// use std::time::{Duration, Instant};
/// use trunkline_lb::{
///     Child, Control, OldList, OutOfBandReports, Policy, PolicyNode, PolicyOptions, Published,
///     SubchannelId, SubchannelState, Update, WatchEvent, WatchId,
/// };
/// use trunkline_status::Status;
///
/// #[derive(Debug)]
/// struct Recorder {
///     child: Child<Box<dyn Policy>>,
///     reports: OutOfBandReports,
///     cpu: BTreeMap<SubchannelId, f64>,
/// }
///
/// impl Recorder {
///     fn new(child: Box<dyn Policy>, options: &PolicyOptions) -> Self {
///         let reports = OutOfBandReports::new(Duration::from_secs(1), options.seed);
///         Self { child: Child::new(child), reports, cpu: BTreeMap::new() }
///     }
///
///     /// Hands an event to the child, and publishes what the child publishes.
///     fn forward<R>(
///         &mut self,
///         control: &mut Control<'_>,
///         event: impl FnOnce(&mut dyn Policy, &mut Control<'_>) -> R,
///     ) -> R {
///         let (result, published) =
///             self.child.handle(control, |child, control| event(&mut **child, control));
///         if let Some(Published { state, picker }) = published {
///             control.publish(state, picker);
///         }
///         result
///     }
/// }
///
/// impl Policy for Recorder {
///     fn handle_subchannel(
///         &mut self,
///         id: SubchannelId,
///         state: SubchannelState,
///         control: &mut Control<'_>,
///     ) {
///         if self.child.owns(id) {
///             self.reports.handle_subchannel(id, &state, control);
///             self.forward(control, |child, control| child.handle_subchannel(id, state, control));
///         }
///     }
///
///     fn handle_watch(
///         &mut self,
///         watch: WatchId,
///         id: SubchannelId,
///         event: WatchEvent,
///         control: &mut Control<'_>,
///     ) {
///         if !self.reports.owns(watch, id) {
///             self.forward(control, |child, control| child.handle_watch(watch, id, event, control));
///         } else if let Some(report) = self.reports.handle_watch(watch, id, event, control) {
///             self.cpu.insert(id, report.cpu_utilization);
///         }
///     }
///
///     fn handle_timeout(&mut self, control: &mut Control<'_>) {
///         self.reports.handle_timeout(control);
///         self.forward(control, |child, control| child.handle_timeout(control));
///     }
///
///     fn poll_timeout(&self) -> Option<Instant> {
///         let child = self.child.policy().poll_timeout();
///         child.into_iter().chain(self.reports.poll_timeout()).min()
///     }
///
///     fn settle(&mut self, control: &mut Control<'_>) {
///         self.forward(control, |child, control| child.settle(control));
///         self.reports.settle(control);
///     }
///
///     fn reset_backoff(&mut self) {
///         self.child.policy_mut().reset_backoff();
///         self.reports.reset_backoff();
///     }
///
///     fn inspect(&self, now: Instant) -> PolicyNode {
///         let child = self.child.policy().inspect(now);
///         PolicyNode::new("recorder", child.state).with_child(child)
///     }
///
///     // The others go to the child alone.
/// #    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
/// #        self.forward(control, |child, control| child.handle_update(update, control))
/// #    }
/// #
/// #    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
/// #        self.forward(control, |child, control| child.handle_resolver_error(error, old, control));
/// #    }
/// #
/// #    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
/// #        self.forward(control, |child, control| child.handle_ejection(id, ejected, control));
/// #    }
/// #
/// #    fn exit_idle(&mut self, control: &mut Control<'_>) {
/// #        self.forward(control, |child, control| child.exit_idle(control));
/// #    }
/// }
///
/// // With the feature `testing`:
/// use trunkline_lb::testing::{FakeChannel, check_parent, check_policy};
/// use trunkline_lb::{LoadReport, PickFirst, PickFirstConfig};
///
/// let options = PolicyOptions::new(1);
/// let policy = Recorder::new(Box::new(PickFirst::new(&options)), &options);
/// let mut channel = FakeChannel::new(policy);
/// channel.update("192.0.2.1:443")?;
/// channel.ready("192.0.2.1:443");
/// let id = channel.id("192.0.2.1:443");
/// let report = LoadReport::default().with_cpu_utilization(0.25);
/// channel.watch_message(channel.watches_of(id)[0], report.encode());
/// assert_eq!(channel.policy.cpu[&id], 0.25);
///
/// check_parent(std::sync::Arc::new(()), |child| {
///     Box::new(Recorder::new(child.build(&PolicyOptions::new(1)), &PolicyOptions::new(1)))
/// });
/// check_policy(std::sync::Arc::new(PickFirstConfig::default()), |options| {
///     Box::new(Recorder::new(Box::new(PickFirst::new(options)), options))
/// });
/// # Ok::<(), Status>(())
/// ```
///
/// Source: [gRFC A51](https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md),
/// "out-of-band". Where it joins the streams of several policies into one, with the shortest
/// interval, each policy has its own here: they would have to know of each other.
#[derive(Debug)]
pub struct OutOfBandReports {
    interval: Duration,
    /// Makes the seeds of the streams' back-off.
    rng: Rng,
    /// The stream over each connection.
    streams: BTreeMap<SubchannelId, RepeatedWatch>,
    /// When each stream that waits for the end of its back-off starts again.
    deadlines: BTreeSet<(Instant, SubchannelId)>,
    /// Whether back-off was ended: streams may start at the next `settle`.
    is_reset: bool,
    /// How many subchannels of the tree of policies had been removed at the last `settle`.
    removals: u64,
}

impl OutOfBandReports {
    /// Creates reports that ask each backend for one report each `interval`. A backend may send them
    /// less often. `seed` is for the jitter of the back-off.
    #[must_use]
    pub fn new(interval: Duration, seed: u64) -> Self {
        Self {
            interval,
            rng: Rng::from_seed(seed),
            streams: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            is_reset: false,
            removals: 0,
        }
    }

    /// Returns the interval that backends are asked for.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Changes the interval: the streams start again, over the same connections. Does nothing if it
    /// is the same.
    pub fn set_interval(&mut self, interval: Duration, control: &mut Control<'_>) {
        if self.interval == interval {
            return;
        }
        self.interval = interval;
        for stream in self.streams.values_mut() {
            if control.exists(stream.id()) {
                stream.replace_call(stream_call(interval), control);
            }
        }
    }

    /// Starts the stream of a ready subchannel. Does nothing if it has one.
    ///
    /// For a policy that begins to ask for reports while it has connections. Otherwise
    /// [`handle_subchannel`](Self::handle_subchannel) is enough.
    pub fn start(&mut self, id: SubchannelId, control: &mut Control<'_>) {
        if !self.streams.contains_key(&id) {
            let (call, seed) = (stream_call(self.interval), self.rng.next_seed());
            let stream = RepeatedWatch::start(id, call, seed, control);
            self.streams.insert(id, stream);
        }
    }

    /// Ends all streams.
    pub fn stop(mut self, control: &mut Control<'_>) {
        for (_, stream) in std::mem::take(&mut self.streams) {
            stream.stop(control);
        }
    }

    /// Handles a new state of a subchannel: starts its stream when it is connected, and ends it when
    /// the connection is lost.
    pub fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: &SubchannelState,
        control: &mut Control<'_>,
    ) {
        if *state == SubchannelState::Ready {
            self.start(id, control);
        } else if let Some(stream) = self.streams.remove(&id) {
            self.forget_deadline(&stream);
            stream.stop(control);
        }
    }

    /// Returns true if the watch is the stream of the subchannel `id`: then its events are for
    /// [`handle_watch`](Self::handle_watch), and for no child.
    #[must_use]
    pub fn owns(&self, watch: WatchId, id: SubchannelId) -> bool {
        let stream = self.streams.get(&id);
        stream.is_some_and(|stream| stream.owns(watch))
    }

    /// Handles an event of a stream. Returns the report that came, if it is one.
    ///
    /// A report that cannot be decoded counts as the end of the stream.
    pub fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) -> Option<LoadReport> {
        let stream = self.streams.get_mut(&id)?;
        let mut progress = stream.handle_watch(watch, event, control)?;
        if let Progress::Message(message) = &progress {
            if let Some(report) = LoadReport::decode(message) {
                stream.accept_message();
                return Some(report);
            }
            progress = stream.reject_message("the load report cannot be decoded", control);
        }
        if let Some(until) = stream.poll_timeout() {
            self.deadlines.insert((until, id));
        }
        if let Progress::Unimplemented(status) = progress {
            control.report_loads_unsupported(id, status);
        }
        None
    }

    /// Starts the streams whose back-off is over.
    pub fn handle_timeout(&mut self, control: &mut Control<'_>) {
        while let Some(&(until, id)) = self.deadlines.first()
            && until <= control.now()
        {
            self.deadlines.pop_first();
            if let Some(stream) = self.streams.get_mut(&id)
                && control.exists(id)
            {
                stream.handle_timeout(control);
            }
        }
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Ends the back-off of the streams. They start at the next [`settle`](Self::settle).
    pub fn reset_backoff(&mut self) {
        self.is_reset = true;
        self.deadlines.clear();
        for stream in self.streams.values_mut() {
            stream.reset_backoff();
        }
    }

    /// Ends a batch of events: forgets the subchannels that were removed, and starts the streams
    /// whose back-off was ended. Call it after the children have settled.
    pub fn settle(&mut self, control: &mut Control<'_>) {
        if std::mem::replace(&mut self.removals, control.removals()) != self.removals {
            let gone = |id: &SubchannelId| !control.exists(*id);
            self.deadlines.retain(|(_, id)| !gone(id));
            self.streams.retain(|id, _| !gone(id));
        }
        if std::mem::take(&mut self.is_reset) {
            for stream in self.streams.values_mut() {
                stream.settle(control);
            }
        }
    }

    fn forget_deadline(&mut self, stream: &RepeatedWatch) {
        if let Some(until) = stream.poll_timeout() {
            self.deadlines.remove(&(until, stream.id()));
        }
    }
}

/// Returns the call that streams the reports of a backend, one each `interval` or less often.
fn stream_call(interval: Duration) -> Watch {
    let mut duration = Vec::new();
    put_varint(&mut duration, SECONDS, interval.as_secs());
    put_varint(&mut duration, NANOS, interval.subsec_nanos().into());
    let mut request = Vec::new();
    put_bytes(&mut request, REPORT_INTERVAL, &duration);
    Watch::new(PathAndQuery::from_static(PATH), request.into())
}
