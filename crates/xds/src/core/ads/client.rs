//! One client: its watches, and the servers that it asks.

mod inspection;
mod responses;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use trunkline_status::Status;
use trunkline_xds_proto::envoy::config::core::v3::Node;

use super::authorities::Authorities;
use super::counts::ReportedCounts;
use super::decoder::ResourceDecoder;
use super::entry::Origin;
use super::event::AdsEvent;
use super::ids::{DeliveryId, LinkId, StreamId, WatchId};
use super::links::Links;
use super::nack::cut;
use super::outbox::Outbox;
use super::output::{AdsOutput, Update};
use super::state::ResourceState;
use crate::core::bootstrap::Bootstrap;
use crate::core::names::ResourceName;
use crate::core::resource_error::ResourceErrorKind;
use crate::core::resource_type::ResourceType;

/// The most bytes of a text about a failed server.
const LONGEST_FAILURE: usize = 1024;

/// A client of control planes, without any I/O: it asks servers for the resources that are watched,
/// keeps them, and passes on to watchers what changes.
///
/// - **Watches**: [`watch`](Self::watch), [`unwatch`](Self::unwatch). They can be made while
///   outputs are performed.
/// - **What happened**: the `handle_*` methods.
/// - **What to do**: after each of these, call [`poll_output`](Self::poll_output) until it returns
///   `None`. Requests come after deliveries, so that the watches which follow from a delivery are in
///   the request that answers it. Then wait for the next event or for
///   [`poll_timeout`](Self::poll_timeout), whichever is first. When that time has come, read what the
///   streams have first, and then call [`handle_timeout`](Self::handle_timeout).
/// - **What it knows**: [`dump`](Self::dump).
///
/// `now` never goes backwards. The same inputs and the same seed give the same outputs.
///
/// A server is not trusted: what the client keeps is bounded by what is watched and by the size of
/// one message.
///
/// Source: [the xDS transport protocol](https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol),
/// gRFCs [A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md),
/// [A46](https://github.com/grpc/proposal/blob/master/A46-xds-nack-semantics.md),
/// [A47](https://github.com/grpc/proposal/blob/master/A47-xds-federation.md),
/// [A57](https://github.com/grpc/proposal/blob/master/A57-xds-client-failure-mode-behavior.md),
/// [A71](https://github.com/grpc/proposal/blob/master/A71-xds-fallback.md),
/// [A88](https://github.com/grpc/proposal/blob/master/A88-xds-data-error-handling.md).
#[derive(Debug)]
pub struct AdsClient {
    /// Sent in the first request of each stream.
    node: Node,
    decoder: Arc<dyn ResourceDecoder>,
    /// The open watches, and the resource of each; `None` for a name that cannot be used.
    watches: BTreeMap<WatchId, Option<(ResourceType, ResourceName)>>,
    next_watch: u64,
    authorities: Authorities,
    links: Links,
    outbox: Outbox,
    counts: ReportedCounts,
}

impl AdsClient {
    /// Creates a client without watches. `node` describes it to the servers, `seed` is for the jitter
    /// of back-offs.
    #[must_use]
    pub fn new(
        bootstrap: Arc<Bootstrap>,
        node: Node,
        decoder: Arc<dyn ResourceDecoder>,
        seed: u64,
    ) -> Self {
        Self {
            node,
            decoder,
            watches: BTreeMap::new(),
            next_watch: 0,
            authorities: Authorities::new(bootstrap),
            links: Links::new(seed),
            outbox: Outbox::default(),
            counts: ReportedCounts::default(),
        }
    }

    /// Starts a watch of a resource. What is known of it is delivered; a name that cannot be used is
    /// delivered as an error, too.
    pub fn watch(&mut self, kind: ResourceType, name: &str) -> WatchId {
        let watch = WatchId(self.next_watch);
        self.next_watch += 1;
        self.counts.handle_change();
        let given: Arc<str> = name.into();
        let updates = match self.authorities.usable(kind, name) {
            Ok(name) => {
                let entry = self.authorities.watched(kind, &name);
                let updates = entry.add_watcher(watch, Arc::clone(&given));
                self.watches.insert(watch, Some((kind, name)));
                updates
            }
            Err(text) => {
                self.watches.insert(watch, None);
                let error = ResourceErrorKind::InvalidName(text.into());
                vec![Update::Changed(Err(error.into()))]
            }
        };
        for update in updates {
            self.outbox.deliver(watch, kind, &given, update, None);
        }
        watch
    }

    /// Ends a watch: nothing is delivered to it any more. A resource without watches is not asked for
    /// any more, and forgotten.
    pub fn unwatch(&mut self, watch: WatchId) {
        let Some(watched) = self.watches.remove(&watch) else {
            return;
        };
        self.outbox.end_watch(watch);
        self.counts.handle_change();
        let Some((kind, name)) = watched else {
            return;
        };
        let Some(authority) = self.authorities.get_mut(name.authority()) else {
            return;
        };
        if let Some(entry) = authority.entry(kind, name.as_str()) {
            entry.remove_watcher(watch);
            if !entry.is_watched() {
                authority.handle_unwatched(kind, &name.as_str().into());
            }
        }
    }

    /// Handles that the channel of a link is in TRANSIENT_FAILURE. `text` is the channel's error.
    ///
    /// The stream goes on waiting.
    pub fn handle_connect_failed(&mut self, link: LinkId, text: &str) {
        let text = cut(text.to_owned(), LONGEST_FAILURE);
        if let Some(link) = self.links.get_mut(link)
            && link.handle_connect_failed(&text)
        {
            self.outbox.report(AdsEvent::Failed {
                server: Arc::clone(&link.server),
                text: text.into(),
            });
        }
    }

    /// Handles that the connection of a stream took the oldest request that it had not taken yet.
    pub fn handle_written(&mut self, stream: StreamId, now: Instant) {
        let Some(link) = self.links.of_stream(stream) else {
            return;
        };
        let Some((kind, names)) = link.handle_written() else {
            return;
        };
        for name in names {
            if self.authorities.awaited(link.id, kind, &name).is_some() {
                link.start_timer(kind, &name, now);
            }
        }
    }

    /// Handles the end of a stream, by the server or by the connection.
    pub fn handle_stream_ended(&mut self, stream: StreamId, status: &Status, now: Instant) {
        let Some(link) = self.links.of_stream(stream) else {
            return;
        };
        let server = Arc::clone(&link.server);
        let text = format!("{}: {}", status.code(), status.message());
        let text = cut(text, LONGEST_FAILURE);
        let (is_answered, has_failed) = link.handle_stream_ended(&text, now);
        let text: Arc<str> = text.into();
        self.outbox.report(AdsEvent::StreamEnded {
            server: Arc::clone(&server),
            text: Arc::clone(&text),
            is_answered,
        });
        if has_failed {
            self.outbox.report(AdsEvent::Failed { server, text });
        }
    }

    /// Handles that a watcher has taken a delivery: all that follows from it is done.
    ///
    /// The next message of a link is not read before all deliveries of the last one are settled.
    /// Those of ended watches count as settled.
    pub fn handle_settled(&mut self, delivery: DeliveryId) {
        self.outbox.settle(delivery);
    }

    /// Handles that the time which [`poll_timeout`](Self::poll_timeout) returned has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        for link in self.links.iter_mut() {
            let time = link.resource_time();
            let (state, error) = if link.server.features.resource_timer_is_transient_error {
                (ResourceState::Timeout, ResourceErrorKind::TimedOut(time))
            } else {
                (
                    ResourceState::DoesNotExist,
                    ResourceErrorKind::NotSent(time),
                )
            };
            for (kind, name) in link.expire(now) {
                let Some(entry) = self.authorities.awaited(link.id, kind, &name) else {
                    continue;
                };
                let origin = Origin {
                    server: Arc::clone(&link.server),
                    version: "".into(),
                    at: now,
                };
                entry.handle_error(state, error.clone(), origin);
                self.counts.handle_change();
                self.outbox.deliver_changes(kind, entry, None);
            }
        }
    }

    /// Returns the next action; `None` if there is nothing to do before the next event.
    pub fn poll_output(&mut self, now: Instant) -> Option<AdsOutput> {
        if let Some(output) = self.next_queued() {
            return Some(output);
        }
        self.authorities
            .connect(&mut self.links, &mut self.outbox, now);
        self.links.start_streams(&mut self.outbox, now);
        if self.outbox.is_empty() {
            self.authorities
                .subscribe(&mut self.links, &mut self.outbox);
            self.send(now);
            self.read(now);
        }
        self.next_queued()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) and then
    /// [`poll_output`](Self::poll_output); `None` if only an event can change something.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.links
            .iter()
            .filter_map(|link| link.next_timeout())
            .min()
    }

    /// Returns the next action of the outbox that still matters.
    fn next_queued(&mut self) -> Option<AdsOutput> {
        loop {
            match self.outbox.pop()? {
                AdsOutput::Deliver(delivery)
                    if !self.watches.contains_key(&delivery.id.watch()) => {}
                output => return Some(output),
            }
        }
    }

    /// Sends the requests that are due.
    fn send(&mut self, now: Instant) {
        for link in self.links.iter_mut() {
            for (stream, request) in link.take_requests(&self.node, now) {
                self.outbox.push(AdsOutput::Send {
                    stream,
                    request: Box::new(request),
                });
            }
        }
    }

    /// Allows the next message of each link whose watchers have taken the last one.
    fn read(&mut self, now: Instant) {
        for link in self.links.iter_mut() {
            if self.outbox.holds(link.id) {
                continue;
            }
            if let Some(stream) = link.read(now) {
                self.outbox.push(AdsOutput::Read { stream });
            }
        }
    }
}
