//! The links of a client.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use trunkline_backoff::Rng;

use super::event::AdsEvent;
use super::ids::{LinkId, StreamId};
use super::link::Link;
use super::outbox::Outbox;
use super::output::AdsOutput;
use crate::core::server::ServerConfig;

/// The links of a client: one for each server that is in use.
#[derive(Debug)]
pub(super) struct Links {
    links: BTreeMap<LinkId, Link>,
    next: u32,
    rng: Rng,
}

impl Links {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            links: BTreeMap::new(),
            next: 0,
            rng: Rng::from_seed(seed),
        }
    }

    pub(super) fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    /// Returns the link with this current stream.
    pub(super) fn of_stream(&mut self, stream: StreamId) -> Option<&mut Link> {
        self.links
            .get_mut(&stream.link)
            .filter(|link| link.has_stream(stream))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.links.values_mut()
    }

    /// Returns the link to a server, which is made if there is none.
    pub(super) fn link_to(
        &mut self,
        server: &Arc<ServerConfig>,
        outbox: &mut Outbox,
        now: Instant,
    ) -> LinkId {
        if let Some(link) = self.iter().find(|link| link.server == *server) {
            return link.id;
        }
        let id = LinkId(self.next);
        self.next += 1;
        let link = Link::new(id, Arc::clone(server), self.rng.next_seed(), now);
        self.links.insert(id, link);
        outbox.push(AdsOutput::Connect {
            link: id,
            server: Arc::clone(server),
        });
        id
    }

    /// Starts the streams whose time has come.
    pub(super) fn start_streams(&mut self, outbox: &mut Outbox, now: Instant) {
        for link in self.links.values_mut() {
            let Some(stream) = link.start_stream(now) else {
                continue;
            };
            outbox.push(AdsOutput::StartStream { stream });
            if stream.number == 0 && link.failure().is_none() {
                outbox.report(AdsEvent::Connected {
                    server: Arc::clone(&link.server),
                });
            }
        }
    }

    /// Drops the links that are not among `used`.
    pub(super) fn retain(&mut self, used: &BTreeSet<LinkId>, outbox: &mut Outbox) {
        self.links.retain(|id, link| {
            let is_used = used.contains(id);
            if !is_used {
                outbox.push(AdsOutput::Disconnect { link: *id });
                outbox.report(AdsEvent::Disconnected {
                    server: Arc::clone(&link.server),
                });
            }
            is_used
        });
    }
}
