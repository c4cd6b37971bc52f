//! An authority: its servers, and the watched resources that it has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use super::entry::Entry;
use super::event::AdsEvent;
use super::ids::LinkId;
use super::links::Links;
use super::outbox::Outbox;
use crate::core::names::AuthorityName;
use crate::core::resource_type::ResourceType;
use crate::core::server::ServerConfig;

/// The watched resources whose names have one authority, and the links to its servers.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) name: AuthorityName,
    /// Its servers, best first.
    pub(super) servers: Vec<Arc<ServerConfig>>,
    falls_back_on_reachability_only: bool,
    /// The links to the first servers. The last of them is the active one; those before it failed.
    links: Vec<LinkId>,
    entries: BTreeMap<ResourceType, BTreeMap<Arc<str>, Entry>>,
    /// The resources that were added, or that lost their last watcher, since the last
    /// [`subscribe`](Self::subscribe).
    changed: BTreeSet<(ResourceType, Arc<str>)>,
    /// Why no server can be asked, as the entries have it. It stays until a server answers.
    failure: Option<Arc<str>>,
    /// Whether there are entries that may not have `failure`.
    has_new_entries: bool,
}

/// Why the next server of an authority is not asked.
///
/// `Display` prints a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoFallback {
    /// The server in use has not failed.
    ServerWorks,
    /// The server in use failed, but every watched resource was answered before that.
    NothingAwaited,
    /// There is no further server.
    NoFurtherServer,
}

impl fmt::Display for NoFallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerWorks => "the server in use has not failed",
            Self::NothingAwaited => {
                "the server in use failed, but it had answered for every watched resource"
            }
            Self::NoFurtherServer => "there is no further server",
        })
    }
}

impl Authority {
    pub(super) fn new(
        name: AuthorityName,
        servers: Vec<Arc<ServerConfig>>,
        falls_back_on_reachability_only: bool,
    ) -> Self {
        Self {
            name,
            servers,
            falls_back_on_reachability_only,
            links: Vec::new(),
            entries: BTreeMap::new(),
            changed: BTreeSet::new(),
            failure: None,
            has_new_entries: false,
        }
    }

    /// Returns the links in use, best first.
    pub(super) fn links(&self) -> &[LinkId] {
        &self.links
    }

    /// Returns the entries of a type, by name.
    pub(super) fn entries_of(
        &mut self,
        kind: ResourceType,
    ) -> impl Iterator<Item = (&Arc<str>, &mut Entry)> {
        self.entries
            .get_mut(&kind)
            .into_iter()
            .flat_map(BTreeMap::iter_mut)
    }

    /// Returns all watched entries.
    pub(super) fn entries(&self) -> impl Iterator<Item = (ResourceType, &Arc<str>, &Entry)> {
        self.entries
            .iter()
            .flat_map(|(kind, entries)| entries.iter().map(|(name, entry)| (*kind, name, entry)))
            .filter(|(_, _, entry)| entry.is_watched())
    }

    /// Returns an entry.
    pub(super) fn entry(&mut self, kind: ResourceType, name: &str) -> Option<&mut Entry> {
        self.entries.get_mut(&kind)?.get_mut(name)
    }

    /// Returns the entry of a resource that is watched from now on.
    pub(super) fn watched(&mut self, kind: ResourceType, name: &Arc<str>) -> &mut Entry {
        self.changed.insert((kind, Arc::clone(name)));
        self.has_new_entries = true;
        let entries = self.entries.entry(kind).or_default();
        entries.entry(Arc::clone(name)).or_default()
    }

    /// Handles that a resource may have lost its last watcher.
    pub(super) fn handle_unwatched(&mut self, kind: ResourceType, name: &Arc<str>) {
        self.changed.insert((kind, Arc::clone(name)));
    }

    /// Makes the links that are needed, and passes on to watchers that no server can be asked.
    pub(super) fn connect(&mut self, links: &mut Links, outbox: &mut Outbox, now: Instant) {
        if self.entries().next().is_none() {
            return;
        }
        if self.links.is_empty()
            && let Some(first) = self.servers.first()
        {
            let link = links.link_to(first, outbox, now);
            self.add_link(link, links);
        }
        while self.no_fallback(links).is_none() {
            let [.., from, to] = &self.servers[..=self.links.len()] else {
                break;
            };
            outbox.report(AdsEvent::FellBack {
                authority: self.name.clone(),
                from: Arc::clone(from),
                to: Arc::clone(to),
            });
            let link = links.link_to(to, outbox, now);
            self.add_link(link, links);
        }
        self.pass_failure(links, outbox);
    }

    /// Returns why the next server is not asked; `None` if it is to be.
    pub(super) fn no_fallback(&self, links: &Links) -> Option<NoFallback> {
        let active = self.links.last().and_then(|link| links.get(*link));
        if active.is_none_or(|link| link.failure().is_none()) {
            return Some(NoFallback::ServerWorks);
        }
        if self.links.len() >= self.servers.len() {
            return Some(NoFallback::NoFurtherServer);
        }
        let is_due = self.falls_back_on_reachability_only
            || self.entries().any(|(_, _, entry)| entry.is_awaited());
        (!is_due).then_some(NoFallback::NothingAwaited)
    }

    fn add_link(&mut self, id: LinkId, links: &mut Links) {
        self.links.push(id);
        let Some(link) = links.get_mut(id) else {
            return;
        };
        for (kind, name, _) in self.entries() {
            link.subscribe(kind, name);
        }
    }

    /// Passes on to watchers that the last server failed too, if that is so.
    fn pass_failure(&mut self, links: &Links, outbox: &mut Outbox) {
        let has_new_entries = std::mem::take(&mut self.has_new_entries);
        let Some(failure) = self.current_failure(links) else {
            return;
        };
        let is_known = self.failure.as_deref() == Some(&*failure);
        if is_known && !has_new_entries {
            return;
        }
        let failure: Arc<str> = failure.into();
        for (kind, entries) in &mut self.entries {
            for entry in entries.values_mut() {
                entry.set_unreachable(Some(&failure));
                outbox.deliver_changes(*kind, entry, None);
            }
        }
        self.failure = Some(failure);
    }

    /// Returns why no server can be asked: each server, and how it failed. `None` while one works.
    fn current_failure(&self, links: &Links) -> Option<String> {
        let mut text = String::new();
        for id in &self.links {
            let link = links.get(*id)?;
            if !text.is_empty() {
                text.push_str("; ");
            }
            let written = write!(text, "{}: {}", link.server.uri, link.failure()?);
            debug_assert!(written.is_ok(), "a string takes any text");
        }
        Some(text)
    }

    /// Handles a response over one of the links: the server works, and those after it are not asked any
    /// more. Returns whether the watchers of all entries may have something to know.
    pub(super) fn handle_response(
        &mut self,
        link: LinkId,
        links: &mut Links,
        outbox: &mut Outbox,
    ) -> bool {
        let Some(at) = self.links.iter().position(|id| *id == link) else {
            return false;
        };
        let dropped = self.links.split_off(at + 1);
        if !dropped.is_empty() {
            outbox.report(AdsEvent::Recovered {
                authority: self.name.clone(),
                server: Arc::clone(&self.servers[at]),
            });
        }
        for id in dropped.into_iter().filter(|id| *id != link) {
            let Some(link) = links.get_mut(id) else {
                continue;
            };
            for (kind, entries) in &self.entries {
                for name in entries.keys() {
                    link.unsubscribe(*kind, name);
                }
            }
        }
        if self.failure.take().is_none() {
            return false;
        }
        for entry in self.entries.values_mut().flat_map(BTreeMap::values_mut) {
            entry.set_unreachable(None);
        }
        true
    }

    /// Delivers to the watchers of all entries what they do not know yet.
    pub(super) fn deliver_all(&mut self, outbox: &mut Outbox, cause: Option<LinkId>) {
        for (kind, entries) in &mut self.entries {
            for entry in entries.values_mut() {
                outbox.deliver_changes(*kind, entry, cause);
            }
        }
    }

    /// Brings the subscriptions of the links up to date, and drops the entries without watchers.
    /// Returns whether there are entries.
    pub(super) fn subscribe(&mut self, links: &mut Links) -> bool {
        for (kind, name) in std::mem::take(&mut self.changed) {
            let Some(entries) = self.entries.get_mut(&kind) else {
                continue;
            };
            let is_watched = entries.get(&name).is_some_and(|entry| entry.is_watched());
            if !is_watched {
                entries.remove(&name);
            }
            for id in &self.links {
                let Some(link) = links.get_mut(*id) else {
                    continue;
                };
                if is_watched {
                    link.subscribe(kind, &name);
                } else {
                    link.unsubscribe(kind, &name);
                }
            }
        }
        self.entries.values().any(|entries| !entries.is_empty())
    }
}
