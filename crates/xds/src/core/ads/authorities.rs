//! The authorities of a client.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::authority::Authority;
use super::counts::ResourceCounts;
use super::dump::AuthorityDump;
use super::entry::Entry;
use super::ids::LinkId;
use super::links::Links;
use super::outbox::Outbox;
use crate::core::bootstrap::Bootstrap;
use crate::core::names::{AuthorityName, ResourceName};
use crate::core::resource_type::ResourceType;

/// The name that asks for all resources of a type. It is never sent.
const WILDCARD: &str = "*";

/// Names of resources of one type.
pub(super) type Names = BTreeSet<ResourceName>;

/// The authorities of a client that have watched resources.
#[derive(Debug)]
pub(super) struct Authorities {
    bootstrap: Arc<Bootstrap>,
    authorities: BTreeMap<AuthorityName, Authority>,
}

impl Authorities {
    pub(super) fn new(bootstrap: Arc<Bootstrap>) -> Self {
        Self {
            bootstrap,
            authorities: BTreeMap::new(),
        }
    }

    /// Returns a name in canonical form, or why it cannot be used.
    pub(super) fn usable(&self, kind: ResourceType, name: &str) -> Result<ResourceName, String> {
        let parsed = ResourceName::parse(kind, name).map_err(|error| error.to_string())?;
        if parsed.as_str() == WILDCARD {
            return Err(format!("name {name:?}: it asks for all resources"));
        }
        match self.bootstrap.servers_of(parsed.authority()) {
            Some(_) => Ok(parsed),
            None => Err(format!(
                "name {name:?}: authority \"{}\" is not in the bootstrap",
                parsed.authority()
            )),
        }
    }

    /// Returns the entry of a resource that is watched from now on. The bootstrap has its authority.
    pub(super) fn watched(&mut self, kind: ResourceType, name: &ResourceName) -> &mut Entry {
        let (bootstrap, authority) = (&self.bootstrap, name.authority());
        let of_name = self.authorities.entry(authority.clone());
        let authority = of_name.or_insert_with(|| {
            let servers = bootstrap.servers_of(authority).unwrap_or_default();
            let on_reachability_only = bootstrap.falls_back_on_reachability_only(authority);
            Authority::new(authority.clone(), servers.to_vec(), on_reachability_only)
        });
        authority.watched(kind, &name.as_str().into())
    }

    /// Returns the link that is asked for a resource; `None` if there is none yet.
    pub(super) fn asked(&self, name: &ResourceName) -> Option<LinkId> {
        let authority = self.authorities.get(name.authority())?;
        authority.links().last().copied()
    }

    /// Returns the authority with this name, if it has watched resources.
    pub(super) fn get_mut(&mut self, name: &AuthorityName) -> Option<&mut Authority> {
        self.authorities.get_mut(name)
    }

    /// Returns an entry.
    pub(super) fn entry(&mut self, kind: ResourceType, name: &ResourceName) -> Option<&mut Entry> {
        let authority = self.authorities.get_mut(name.authority())?;
        authority.entry(kind, name.as_str())
    }

    /// Returns the authorities that use a link.
    pub(super) fn using(&mut self, link: LinkId) -> impl Iterator<Item = &mut Authority> {
        self.authorities
            .values_mut()
            .filter(move |authority| authority.links().contains(&link))
    }

    /// Returns the entry of a resource that a link was asked for, if no server has answered yet.
    pub(super) fn awaited(
        &mut self,
        link: LinkId,
        kind: ResourceType,
        name: &str,
    ) -> Option<&mut Entry> {
        self.using(link)
            .find_map(|authority| authority.entry(kind, name))
            .filter(|entry| entry.is_awaited())
    }

    /// Makes the links that are needed, and passes on to watchers that no server can be asked.
    pub(super) fn connect(&mut self, links: &mut Links, outbox: &mut Outbox, now: Instant) {
        for authority in self.authorities.values_mut() {
            authority.connect(links, outbox, now);
        }
    }

    /// Handles a response over a link. Returns the authorities that could not be asked before it.
    pub(super) fn handle_response(
        &mut self,
        link: LinkId,
        links: &mut Links,
        outbox: &mut Outbox,
    ) -> Vec<AuthorityName> {
        let mut reached = Vec::new();
        for authority in self.using(link) {
            if authority.handle_response(link, links, outbox) {
                reached.push(authority.name.clone());
            }
        }
        reached
    }

    /// Delivers what a message changed: `touched` of `kind`, and all resources of `reached`.
    pub(super) fn deliver(
        &mut self,
        touched: Option<(ResourceType, Names)>,
        reached: &[AuthorityName],
        link: LinkId,
        outbox: &mut Outbox,
    ) {
        for name in reached {
            if let Some(authority) = self.authorities.get_mut(name) {
                authority.deliver_all(outbox, Some(link));
            }
        }
        let Some((kind, names)) = touched else {
            return;
        };
        for name in names {
            if let Some(entry) = self.entry(kind, &name) {
                outbox.deliver_changes(kind, entry, Some(link));
            }
        }
    }

    /// Brings the subscriptions up to date with the watches, and drops the links without any.
    pub(super) fn subscribe(&mut self, links: &mut Links, outbox: &mut Outbox) {
        self.authorities
            .retain(|_, authority| authority.subscribe(links));
        let all = self.authorities.values();
        let used = all.flat_map(|authority| authority.links().iter().copied());
        links.retain(&used.collect(), outbox);
    }

    /// Returns the number of watched resources by authority, type and label of the state.
    pub(super) fn counts(&self) -> ResourceCounts {
        let mut counts = ResourceCounts::new();
        for authority in self.authorities.values() {
            for (kind, _, entry) in authority.entries() {
                let label = entry.state().label(entry.cached().is_some());
                let key = (authority.name.clone(), kind, label);
                *counts.entry(key).or_default() += 1;
            }
        }
        counts
    }

    /// Returns the state of the authorities that have watched resources.
    pub(super) fn dump(&self, links: &Links) -> Vec<AuthorityDump> {
        self.authorities
            .values()
            .map(|authority| AuthorityDump::of(authority, links))
            .filter(|authority| !authority.resources.is_empty())
            .collect()
    }
}
