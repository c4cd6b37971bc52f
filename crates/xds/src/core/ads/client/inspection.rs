//! What a client knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AdsClient;
use crate::core::ads::dump::{AdsDump, ServerDump};
use crate::core::ads::ids::LinkId;
use crate::core::ads::link::Link;
use crate::core::ads::progress::ServerProgress;
use crate::core::names::{AuthorityName, ResourceName};
use crate::core::resource_type::ResourceType;
use crate::core::server::ServerConfig;

impl AdsClient {
    /// Returns the server that is asked for a resource, and how far it is with that; `None` if no server is
    /// asked yet. The answer is of use for a watched resource that is not there.
    #[must_use]
    pub fn progress(
        &self,
        kind: ResourceType,
        name: &str,
    ) -> Option<(Arc<ServerConfig>, ServerProgress)> {
        let name = ResourceName::parse(kind, name).ok()?;
        let link = self.links.get(self.authorities.asked(&name)?)?;
        Some((Arc::clone(&link.server), link.progress()))
    }

    /// Returns how far the server of a link is; `None` if there is no such link.
    #[must_use]
    pub fn progress_of(&self, link: LinkId) -> Option<ServerProgress> {
        self.links.get(link).map(Link::progress)
    }

    /// Returns the state of the client.
    #[must_use]
    pub fn dump(&self) -> AdsDump {
        let servers = self.links.iter().map(|link| ServerDump {
            server: Arc::clone(&link.server),
            failure: link.failure().cloned(),
            is_held: self.outbox.holds(link.id),
        });
        AdsDump {
            servers: servers.collect(),
            authorities: self.authorities.dump(&self.links),
        }
    }

    /// Returns the number of watched resources of each authority, type and state; the state is the label
    /// of [`ResourceState::label`](crate::core::ads::ResourceState::label): the gauge `grpc.xds_client.resources`.
    #[must_use]
    pub fn resource_counts(&self) -> BTreeMap<(AuthorityName, ResourceType, &'static str), u64> {
        self.authorities.counts()
    }

    /// Adds an [event](crate::core::ads::AdsEvent::Resources) for each of these numbers that has changed since the last
    /// call. Call it for observers, when [`poll_output`](Self::poll_output) has returned `None`.
    pub fn report_resources(&mut self) {
        let events = self.counts.report(|| self.authorities.counts());
        for event in events {
            self.outbox.report(event);
        }
    }
}
