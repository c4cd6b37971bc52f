//! The state machine of load reports to one server.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_xds_proto::envoy::config::core::v3::Node;
use trunkline_xds_proto::envoy::service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse};

use super::report::{Reported, since};
use crate::core::load_totals::ClusterTotals;
use crate::core::restarts::Restarts;

/// The shortest time between two reports.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// The longest time between two reports: what a `google.protobuf.Duration` can have, cut to what the
/// clock can.
const LONGEST_INTERVAL: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long the last report may take.
const LAST_REPORT: Duration = Duration::from_secs(1);

/// The client feature of load reports, beside those of each request.
const SEND_ALL_CLUSTERS: &str = "envoy.lrs.supports_send_all_clusters";

/// Reports the load of clusters to one server, without doing any I/O.
///
/// Report what happens with the `handle_*` methods; after each, call
/// [`poll_output`](Self::poll_output) until it returns `None`, then wait for the next event or for
/// [`poll_timeout`](Self::poll_timeout). `now` never goes backwards.
///
/// A report has the difference between the totals of this moment and those of the last report that the
/// connection took, so that one which is lost loses no call.
#[derive(Debug)]
pub struct LoadReporter {
    node: Node,
    restarts: Restarts,
    stage: Stage,
    /// What the server knows, by cluster and name of its endpoints.
    reported: BTreeMap<Key, Reported>,
    /// The totals of a report that the connection has not taken yet.
    in_flight: Option<Vec<(Key, Reported)>>,
    /// Clusters that nothing uses any more, and whose last calls are reported.
    finished: Vec<ClusterTotals>,
    /// Until when the last report may take; `None` while more follow.
    last_until: Option<Instant>,
    outputs: VecDeque<LoadOutput>,
}

type Key = (Arc<str>, Arc<str>);

#[derive(Debug)]
enum Stage {
    /// A stream starts at this time.
    Waiting(Instant),
    /// A stream has started at this time, and the server has not answered.
    Started(Instant),
    /// The server has answered: it wants a report at this time.
    Reporting {
        started: Instant,
        selection: Selection,
        interval: Duration,
        next: Instant,
    },
    /// Nothing is reported. The next stream starts no earlier than at this time.
    Ended(Instant),
}

/// Which clusters a server wants.
#[derive(Debug)]
enum Selection {
    All,
    Named(BTreeSet<String>),
}

/// An action for the shell of load reports. Actions are performed in order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LoadOutput {
    /// Start a stream: one call of `StreamLoadStats` that waits until the channel is connected.
    Start,
    /// Cancel the stream.
    End,
    /// Send a message. Report with [`LoadReporter::handle_written`] that the connection took it.
    Send(Box<LoadStatsRequest>),
    /// A report is due: hand in the totals of all clusters ([`LoadReporter::handle_totals`]).
    Collect,
    /// The last report is sent, or cannot be: drop the stream.
    Finished,
}

impl LoadReporter {
    /// Creates a reporter for a client that describes itself with `node`. Its first stream starts at
    /// once.
    #[must_use]
    pub fn new(mut node: Node, seed: u64, now: Instant) -> Self {
        node.client_features.push(SEND_ALL_CLUSTERS.to_owned());
        Self {
            node,
            restarts: Restarts::new(seed),
            stage: Stage::Waiting(now),
            reported: BTreeMap::new(),
            in_flight: None,
            finished: Vec::new(),
            last_until: None,
            outputs: VecDeque::new(),
        }
    }

    /// Handles a message of the server: which clusters it wants, and how often.
    pub fn handle_message(&mut self, message: LoadStatsResponse, now: Instant) {
        let (Stage::Started(started) | Stage::Reporting { started, .. }) = self.stage else {
            return;
        };
        self.restarts.handle_answer();
        let interval = interval(message.load_reporting_interval);
        self.stage = Stage::Reporting {
            started,
            selection: if message.send_all_clusters {
                Selection::All
            } else {
                Selection::Named(message.clusters.into_iter().collect())
            },
            interval,
            next: now + interval,
        };
    }

    /// Handles that the connection took a message.
    pub fn handle_written(&mut self) {
        let Some(sent) = self.in_flight.take() else {
            return;
        };
        for (key, reported) in sent {
            let is_finished = !reported.totals.is_in_use
                && reported
                    .totals
                    .localities
                    .values()
                    .all(|locality| locality.in_progress() == 0);
            if is_finished {
                self.finished.push(reported.totals.clone());
            }
            self.reported.insert(key, reported);
        }
        if self.last_until.is_some() {
            self.finish();
        }
    }

    /// Handles the end of the stream. What it did not take is in the next report.
    pub fn handle_stream_ended(&mut self, now: Instant) {
        self.in_flight = None;
        if self.last_until.is_some() {
            return self.finish();
        }
        let again = match &self.stage {
            Stage::Reporting { started, .. } => Restarts::after_answer(*started, now),
            Stage::Started(started) => self.restarts.after_failure(*started, now),
            Stage::Waiting(_) | Stage::Ended(_) => return,
        };
        self.stage = Stage::Waiting(again);
    }

    /// Handles the totals of all clusters, which [`LoadOutput::Collect`] asked for.
    pub fn handle_totals(&mut self, totals: Vec<ClusterTotals>, now: Instant) {
        let Stage::Reporting { selection, .. } = &self.stage else {
            return;
        };
        // The counts of a cluster can be gone without notice, where nothing uses it.
        let there: BTreeSet<Key> = totals.iter().map(key).collect();
        self.reported.retain(|key, _| there.contains(key));
        let mut cluster_stats = Vec::new();
        let mut sent = Vec::new();
        for totals in totals {
            if !selection.has(&totals.cluster) {
                continue;
            }
            let key = key(&totals);
            cluster_stats.extend(since(&totals, self.reported.get(&key), now));
            sent.push((key, Reported { totals, at: now }));
        }
        self.in_flight = Some(sent);
        let report = LoadStatsRequest {
            node: None,
            cluster_stats,
        };
        self.outputs.push_back(LoadOutput::Send(Box::new(report)));
    }

    /// Handles that nothing is to be reported any more: the last report is sent, if the server has asked
    /// for reports, and nothing after it, unless reports are [resumed](Self::handle_resume).
    pub fn handle_stop(&mut self, now: Instant) {
        if self.last_until.is_some() {
            return;
        }
        self.last_until = Some(now + LAST_REPORT);
        match self.stage {
            Stage::Reporting { .. } if self.in_flight.is_none() => {
                self.outputs.push_back(LoadOutput::Collect);
            }
            Stage::Reporting { .. } => {}
            Stage::Started(started) => {
                // The server has not answered, as where the stream fails.
                self.stage = Stage::Waiting(self.restarts.after_failure(started, now));
                self.finish();
            }
            Stage::Waiting(_) | Stage::Ended(_) => self.finish(),
        }
    }

    /// Handles that there is something to report again, after [`LoadOutput::Finished`]: a stream starts at
    /// once, or when the back-off ends and the last start was a second ago. What the server knows already is
    /// not reported again.
    pub fn handle_resume(&mut self, now: Instant) {
        if let Stage::Ended(again) = self.stage {
            self.stage = Stage::Waiting(again.max(now));
            self.in_flight = None;
            self.last_until = None;
        }
    }

    /// Handles the arrival of a deadline.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.last_until.is_some_and(|until| until <= now) {
            return self.finish();
        }
        match &mut self.stage {
            Stage::Waiting(at) if *at <= now => {
                self.stage = Stage::Started(now);
                self.outputs.push_back(LoadOutput::Start);
                let first = LoadStatsRequest {
                    node: Some(self.node.clone()),
                    cluster_stats: Vec::new(),
                };
                self.outputs.push_back(LoadOutput::Send(Box::new(first)));
            }
            Stage::Reporting { interval, next, .. } if *next <= now => {
                *next = now + *interval;
                // A connection that takes nothing gets no more: its report has grown by the next time.
                if self.in_flight.is_none() && self.last_until.is_none() {
                    self.outputs.push_back(LoadOutput::Collect);
                }
            }
            _ => {}
        }
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.last_until.is_some() {
            return match self.stage {
                Stage::Ended(_) => None,
                _ => self.last_until,
            };
        }
        match &self.stage {
            Stage::Waiting(at) => Some(*at),
            Stage::Reporting { next, .. } => Some(*next),
            Stage::Started(_) | Stage::Ended(_) => None,
        }
    }

    /// Returns the next action for the shell.
    pub fn poll_output(&mut self) -> Option<LoadOutput> {
        self.outputs.pop_front()
    }

    /// Returns the clusters that nothing uses any more and whose last calls are reported. The shell
    /// forgets their counts, unless they are used again by now, and reports that with
    /// [`handle_forgotten`](Self::handle_forgotten).
    pub fn take_finished(&mut self) -> Vec<ClusterTotals> {
        std::mem::take(&mut self.finished)
    }

    /// Handles that the counts of a cluster are gone: they begin at 0 if it is used again.
    pub fn handle_forgotten(&mut self, cluster: &ClusterTotals) {
        self.reported.remove(&key(cluster));
    }

    fn finish(&mut self) {
        let again = match self.stage {
            Stage::Waiting(again) => again,
            Stage::Started(started) | Stage::Reporting { started, .. } => {
                Restarts::after_answer(started, started)
            }
            Stage::Ended(_) => return,
        };
        self.stage = Stage::Ended(again);
        self.outputs.push_back(LoadOutput::End);
        self.outputs.push_back(LoadOutput::Finished);
    }
}

impl Selection {
    fn has(&self, cluster: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(cluster),
        }
    }
}

fn key(totals: &ClusterTotals) -> Key {
    (
        Arc::clone(&totals.cluster),
        Arc::clone(&totals.service_name),
    )
}

/// Returns the time between two reports. One that is too short or invalid counts as a second.
fn interval(given: Option<prost_types::Duration>) -> Duration {
    let given = given.and_then(|given| Duration::try_from(given).ok());
    given
        .unwrap_or(SHORTEST_INTERVAL)
        .clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
}
