//! What the handles and the streams of a control plane share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use trunkline_runtime::{Lock, PeerAddr};
use trunkline_xds_proto::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use trunkline_xds_proto::envoy::service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse};

use super::cache::{Cache, Subscriptions};
use super::framing::framed;
use super::received::{Log, Received, Reports, Requests};
use crate::world::SharedWorld;

/// The kind of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamKind {
    /// Discovery of resources.
    Discovery,
    /// Load reports.
    Load,
}

/// What a stream sends next.
pub(super) enum Outgoing {
    /// A message with its prefix.
    Message(Bytes),
    /// The status, which ends the stream.
    End {
        /// The gRPC status code.
        code: u32,
        /// The status message.
        message: String,
    },
}

/// The state, and the world in which it lives.
pub(super) struct Plane {
    pub(super) world: Arc<SharedWorld>,
    pub(super) address: PeerAddr,
    content: Lock<Content>,
}

/// The state of a control plane.
pub(super) struct Content {
    pub(super) cache: Cache,
    pub(super) requests: Requests,
    pub(super) reports: Reports,
    pub(super) load_response: Option<LoadStatsResponse>,
    pub(super) reads: bool,
    pub(super) answers: bool,
    pub(super) delay: Duration,
    /// How many streams there were.
    pub(super) started: u64,
    /// The open streams.
    pub(super) streams: BTreeMap<u64, PlaneStream>,
    now: Duration,
    /// The tasks that wait for a change.
    wakers: Vec<Waker>,
}

/// An open stream.
pub(super) struct PlaneStream {
    pub(super) kind: StreamKind,
    subscriptions: Subscriptions,
    /// What is to be sent, with the time from which it may be.
    outgoing: VecDeque<(Duration, Outgoing)>,
    /// Whether the client has been sent the first response to its load reports.
    welcomed: bool,
}

impl Plane {
    pub(super) fn new(world: Arc<SharedWorld>, address: PeerAddr) -> Self {
        Self {
            world,
            address,
            content: Lock::new(Content {
                cache: Cache::default(),
                requests: Log::default(),
                reports: Log::default(),
                load_response: None,
                reads: true,
                answers: true,
                delay: Duration::ZERO,
                started: 0,
                streams: BTreeMap::new(),
                now: Duration::ZERO,
                wakers: Vec::new(),
            }),
        }
    }

    /// Changes the state, and wakes all tasks that wait for a change.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Content) -> R) -> R {
        let now = self.world.with(|world| world.now);
        let (wakers, result) = {
            let mut content = self.content.lock();
            content.now = now;
            let result = change(&mut content);
            (std::mem::take(&mut content.wakers), result)
        };
        for waker in wakers {
            waker.wake();
        }
        result
    }

    /// Reads the state.
    pub(super) fn read<R>(&self, read: impl FnOnce(&Content) -> R) -> R {
        read(&self.content.lock())
    }

    /// Reads the state, or waits for the next change of it if there is nothing to read.
    ///
    /// `poll` changes only what no other task waits for.
    pub(super) fn poll<R>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Content) -> Option<R>,
    ) -> Poll<R> {
        let mut content = self.content.lock();
        match poll(&mut content) {
            Some(result) => Poll::Ready(result),
            None => {
                let wakers = &mut content.wakers;
                if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

impl Content {
    /// Adds a stream; returns its number.
    pub(super) fn start(&mut self, kind: StreamKind) -> u64 {
        self.started += 1;
        let stream = PlaneStream {
            kind,
            subscriptions: Subscriptions::default(),
            outgoing: VecDeque::new(),
            welcomed: false,
        };
        self.streams.insert(self.started, stream);
        self.started
    }

    /// Handles a request that arrived on a stream of discovery.
    pub(super) fn handle_request(&mut self, stream: u64, message: DiscoveryRequest) {
        let type_url = message.type_url.clone();
        let open = self.streams.get_mut(&stream);
        let current = open.is_some_and(|open| open.subscriptions.handle_request(&message));
        self.requests.all.push(Received {
            at: self.now,
            stream,
            message,
        });
        if current {
            self.answer(stream, &type_url);
        }
    }

    /// Handles a report that arrived on a stream of load reports.
    pub(super) fn handle_report(&mut self, stream: u64, message: LoadStatsRequest) {
        self.reports.all.push(Received {
            at: self.now,
            stream,
            message,
        });
        self.welcome(stream);
    }

    /// Sends the first response of a stream of load reports, if there is one.
    fn welcome(&mut self, stream: u64) {
        let received = self.reports.all.iter().any(|it| it.stream == stream);
        let Some(response) = self.load_response.clone().filter(|_| received) else {
            return;
        };
        let Some(open) = self.streams.get_mut(&stream) else {
            return;
        };
        if !std::mem::replace(&mut open.welcomed, true) {
            self.send(stream, &response);
        }
    }

    /// Sends what is due on all streams.
    pub(super) fn answer_all(&mut self) {
        for (stream, kind, types) in self
            .streams
            .iter()
            .map(|(id, stream)| (*id, stream.kind, stream.subscriptions.types()))
            .collect::<Vec<_>>()
        {
            match kind {
                StreamKind::Discovery => types.iter().for_each(|it| self.answer(stream, it)),
                StreamKind::Load => self.welcome(stream),
            }
        }
    }

    /// Sends what is due for one type on one stream.
    fn answer(&mut self, stream: u64, type_url: &str) {
        let Some(open) = self.streams.get_mut(&stream).filter(|_| self.answers) else {
            return;
        };
        if let Some(response) = open.subscriptions.answer(type_url, &self.cache) {
            self.send(stream, &response);
        }
    }

    /// Sends a response of the test's own.
    pub(super) fn send_scripted(&mut self, stream: u64, response: &DiscoveryResponse) {
        if let Some(open) = self.streams.get_mut(&stream) {
            open.subscriptions.handle_sent(response);
        }
        self.send(stream, response);
    }

    /// Sends a message, after the delay.
    pub(super) fn send(&mut self, stream: u64, message: &impl Message) {
        self.push(stream, Outgoing::Message(framed(message)));
    }

    /// Adds to what a stream sends.
    pub(super) fn push(&mut self, stream: u64, outgoing: Outgoing) {
        if let Some(open) = self.streams.get_mut(&stream) {
            open.outgoing.push_back((self.now + self.delay, outgoing));
        }
    }

    /// Returns what the stream sends next, and from when on it may be sent.
    pub(super) fn next_outgoing(&mut self, stream: u64, now: Duration) -> Next {
        let Some(open) = self.streams.get_mut(&stream) else {
            return Next::Nothing;
        };
        match open.outgoing.front() {
            None => Next::Nothing,
            Some((at, _)) if *at > now => Next::At(*at),
            Some(_) => open
                .outgoing
                .pop_front()
                .map_or(Next::Nothing, |(_, outgoing)| Next::Now(outgoing)),
        }
    }

    /// Returns the newest open stream of a kind.
    pub(super) fn newest(&self, kind: StreamKind) -> Option<u64> {
        let mut open = self.streams.iter().rev();
        open.find(|(_, stream)| stream.kind == kind)
            .map(|(id, _)| *id)
    }
}

/// What a stream sends next.
pub(super) enum Next {
    /// This, now.
    Now(Outgoing),
    /// Something, from this time on.
    At(Duration),
    /// Nothing yet.
    Nothing,
}
