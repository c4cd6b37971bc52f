//! A link to one server, and its stream.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_xds_proto::envoy::config::core::v3::Node;
use trunkline_xds_proto::envoy::service::discovery::v3::DiscoveryRequest;

use super::ids::{LinkId, StreamId};
use super::progress::ServerProgress;
use super::subscription::{Answer, Subscription};
use super::timers::Timers;
use crate::core::resource_type::ResourceType;
use crate::core::restarts::Restarts;
use crate::core::server::ServerConfig;

/// How long a server has to send a resource.
///
/// Source: [gRFC A57](https://github.com/grpc/proposal/blob/master/A57-xds-client-failure-mode-behavior.md).
const RESOURCE_TIME: Duration = Duration::from_secs(15);

/// The same for a server with the feature `resource_timer_is_transient_error`.
const RESOURCE_TIME_TRANSIENT: Duration = Duration::from_secs(30);

/// A link to one server: a channel, and one stream after the other over it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) server: Arc<ServerConfig>,
    subscriptions: BTreeMap<ResourceType, Subscription>,
    phase: Phase,
    restarts: Restarts,
    /// Why the server cannot be asked; `None` from each response on.
    failure: Option<Arc<str>>,
    /// The number of the next stream.
    next_stream: u64,
}

#[derive(Debug)]
enum Phase {
    /// A stream is open, or is to open once the channel is connected.
    Streaming(Stream),
    /// The next stream starts at this time.
    Waiting(Instant),
}

#[derive(Debug)]
struct Stream {
    id: StreamId,
    started: Instant,
    is_answered: bool,
    /// Whether the connection took a request.
    is_written: bool,
    has_sent_node: bool,
    /// Whether the next message may be read.
    is_read: bool,
    timers: Timers,
    /// The requests that the connection has not taken yet: the type and the new names of each.
    unwritten: VecDeque<(ResourceType, Vec<Arc<str>>)>,
}

impl Link {
    pub(super) fn new(id: LinkId, server: Arc<ServerConfig>, seed: u64, now: Instant) -> Self {
        Self {
            id,
            server,
            subscriptions: BTreeMap::new(),
            phase: Phase::Waiting(now),
            restarts: Restarts::new(seed),
            failure: None,
            next_stream: 0,
        }
    }

    /// Returns how long the server has to send a resource.
    pub(super) fn resource_time(&self) -> Duration {
        if self.server.features.resource_timer_is_transient_error {
            RESOURCE_TIME_TRANSIENT
        } else {
            RESOURCE_TIME
        }
    }

    /// Returns why the server cannot be asked.
    pub(super) fn failure(&self) -> Option<&Arc<str>> {
        self.failure.as_ref()
    }

    /// Returns how far the server is with what it was asked for.
    pub(super) fn progress(&self) -> ServerProgress {
        if let Some(failure) = &self.failure {
            return ServerProgress::Failed(Arc::clone(failure));
        }
        match self.stream() {
            Some(stream) if stream.is_answered => ServerProgress::Answering,
            Some(stream) if stream.is_written => ServerProgress::NotAnswered,
            _ => ServerProgress::NotConnected,
        }
    }

    /// Returns whether `stream` is the current stream of the link.
    pub(super) fn has_stream(&self, stream: StreamId) -> bool {
        self.stream().is_some_and(|current| current.id == stream)
    }

    /// Returns what is asked for of a type; `None` if nothing ever was.
    pub(super) fn subscription(&self, kind: ResourceType) -> Option<&Subscription> {
        self.subscriptions.get(&kind)
    }

    /// Asks for a resource.
    pub(super) fn subscribe(&mut self, kind: ResourceType, name: &Arc<str>) {
        self.subscriptions.entry(kind).or_default().add(name);
    }

    /// Stops asking for a resource.
    pub(super) fn unsubscribe(&mut self, kind: ResourceType, name: &str) {
        let deadline = self
            .subscriptions
            .get_mut(&kind)
            .and_then(|subscription| subscription.remove(name));
        self.stop_deadline(deadline, kind, name);
    }

    /// Handles that the channel cannot connect, and returns whether that is a new failure.
    pub(super) fn handle_connect_failed(&mut self, text: &str) -> bool {
        let is_new = self.failure.is_none();
        if self.failure.as_deref() != Some(text) {
            self.failure = Some(text.into());
        }
        is_new
    }

    /// Handles the arrival of a message. It is a response, unless the stream is ended for it.
    pub(super) fn handle_message(&mut self, now: Instant) {
        if let Phase::Streaming(stream) = &mut self.phase {
            stream.is_read = false;
            stream.timers.pause(now);
        }
    }

    /// Handles a response. Returns whether a failure is over.
    pub(super) fn handle_response(&mut self) -> bool {
        if let Phase::Streaming(stream) = &mut self.phase
            && !stream.is_answered
        {
            stream.is_answered = true;
            self.restarts.handle_answer();
        }
        self.failure.take().is_some()
    }

    /// Handles the end of the stream by the server or the connection. `text` is why.
    ///
    /// Returns whether the server had answered on it, and whether that is a new failure.
    pub(super) fn handle_stream_ended(&mut self, text: &str, now: Instant) -> (bool, bool) {
        if let Some(stream) = self.stream()
            && stream.is_answered
        {
            self.end_stream(Restarts::after_answer(stream.started, now));
            return (true, false);
        }
        let text = format!("stream ended without a response: {text}");
        (false, self.handle_stream_failed(&text, now))
    }

    /// Handles that the stream has failed, or is given up because the server broke a rule of the
    /// protocol. Returns whether that is a new failure.
    pub(super) fn handle_stream_failed(&mut self, text: &str, now: Instant) -> bool {
        let failed = self.handle_connect_failed(text);
        let started = self.stream().map_or(now, |stream| stream.started);
        let next = self.restarts.after_failure(started, now);
        self.end_stream(next);
        failed
    }

    /// Ends the stream; another one starts at `next`.
    fn end_stream(&mut self, next: Instant) {
        self.phase = Phase::Waiting(next);
        for subscription in self.subscriptions.values_mut() {
            subscription.handle_stream_end();
        }
    }

    /// Starts the next stream if its time has come.
    pub(super) fn start_stream(&mut self, now: Instant) -> Option<StreamId> {
        let Phase::Waiting(at) = self.phase else {
            return None;
        };
        if now < at {
            return None;
        }
        let id = StreamId {
            link: self.id,
            number: self.next_stream,
        };
        self.next_stream += 1;
        self.phase = Phase::Streaming(Stream {
            id,
            started: now,
            is_answered: false,
            is_written: false,
            has_sent_node: false,
            is_read: false,
            timers: Timers::default(),
            unwritten: VecDeque::new(),
        });
        Some(id)
    }

    /// Returns whether `kind` was asked for on the current stream.
    pub(super) fn was_requested(&self, kind: ResourceType) -> bool {
        self.subscriptions
            .get(&kind)
            .is_some_and(Subscription::was_requested)
    }

    /// Returns whether a response of this type waits for its answer, which is due from now on.
    pub(super) fn hurry_answer(&mut self, kind: ResourceType) -> bool {
        self.subscriptions
            .get_mut(&kind)
            .is_some_and(Subscription::hurry_answer)
    }

    /// Handles a response of a type that was asked for.
    pub(super) fn owe_answer(
        &mut self,
        kind: ResourceType,
        version: &str,
        nonce: String,
        answer: Answer,
        now: Instant,
    ) {
        let subscription = self.subscriptions.entry(kind).or_default();
        subscription.handle_response(version, nonce, answer, now);
    }

    /// Returns the requests that are due, in the order of the types.
    pub(super) fn take_requests(
        &mut self,
        node: &Node,
        now: Instant,
    ) -> Vec<(StreamId, DiscoveryRequest)> {
        let Phase::Streaming(stream) = &mut self.phase else {
            return Vec::new();
        };
        let mut requests = Vec::new();
        for (kind, subscription) in &mut self.subscriptions {
            let Some(mut request) = subscription.take_request(*kind, now) else {
                continue;
            };
            if !stream.has_sent_node {
                stream.has_sent_node = true;
                request.message.node = Some(node.clone());
            }
            stream.unwritten.push_back((*kind, request.new_names));
            requests.push((stream.id, request.message));
        }
        requests
    }

    /// Handles that the connection took the oldest request that it had not taken yet. Returns the
    /// type and the new names of that request.
    pub(super) fn handle_written(&mut self) -> Option<(ResourceType, Vec<Arc<str>>)> {
        match &mut self.phase {
            Phase::Streaming(stream) => {
                stream.is_written = true;
                stream.unwritten.pop_front()
            }
            Phase::Waiting(_) => None,
        }
    }

    /// Starts the timer of a resource.
    pub(super) fn start_timer(&mut self, kind: ResourceType, name: &Arc<str>, now: Instant) {
        let length = self.resource_time();
        if let Phase::Streaming(stream) = &mut self.phase
            && let Some(subscription) = self.subscriptions.get_mut(&kind)
            && subscription.has(name)
        {
            let deadline = stream.timers.start(kind, name, length, now);
            let old = subscription.set_deadline(name, Some(deadline));
            if let Some(old) = old.filter(|old| *old != deadline) {
                stream.timers.stop(old, kind, name);
            }
        }
    }

    /// Stops the timer of a resource.
    pub(super) fn stop_timer(&mut self, kind: ResourceType, name: &str) {
        let deadline = self
            .subscriptions
            .get_mut(&kind)
            .and_then(|subscription| subscription.set_deadline(name, None));
        self.stop_deadline(deadline, kind, name);
    }

    fn stop_deadline(&mut self, deadline: Option<Duration>, kind: ResourceType, name: &str) {
        if let (Some(deadline), Phase::Streaming(stream)) = (deadline, &mut self.phase) {
            stream.timers.stop(deadline, kind, name);
        }
    }

    /// Returns the resources whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(ResourceType, Arc<str>)> {
        let Phase::Streaming(stream) = &mut self.phase else {
            return Vec::new();
        };
        let expired = stream.timers.expire(now);
        for (kind, name) in &expired {
            if let Some(subscription) = self.subscriptions.get_mut(kind) {
                subscription.set_deadline(name, None);
            }
        }
        expired
    }

    /// Returns the stream that may be read now, and was not before.
    pub(super) fn read(&mut self, now: Instant) -> Option<StreamId> {
        match &mut self.phase {
            Phase::Streaming(stream) if !stream.is_read => {
                stream.is_read = true;
                stream.timers.resume(now);
                Some(stream.id)
            }
            Phase::Streaming(_) | Phase::Waiting(_) => None,
        }
    }

    /// Returns when the link has something to do.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Streaming(stream) => {
                let answers = self.subscriptions.values();
                let answers = answers.filter_map(Subscription::next_answer);
                answers.chain(stream.timers.next()).min()
            }
            Phase::Waiting(at) => Some(*at),
        }
    }

    fn stream(&self) -> Option<&Stream> {
        match &self.phase {
            Phase::Streaming(stream) => Some(stream),
            Phase::Waiting(_) => None,
        }
    }
}
