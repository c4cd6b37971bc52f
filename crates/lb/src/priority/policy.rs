//! How `priority` handles events, and which child it chooses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trunkline_status::Status;

use super::split::{Part, Split};
use crate::children::{KEEP_UNUSED, NamedChild, NamedChildren};
use crate::connectivity::ConnectivityState;
use crate::control::{Control, Published};
use crate::errors::resolver_error;
use crate::inspection::PolicyNode;
use crate::picker::Pick;
use crate::policy::{OldList, Policy, Update};
use crate::registry::PolicyOptions;
use crate::subchannel::{SubchannelId, SubchannelState};
use crate::watch::{WatchEvent, WatchId};

/// How long a child may connect before the next one gets its chance (gRFC A56).
const FAILOVER_AFTER: Duration = Duration::from_secs(10);

/// Sends all calls to the first child that works.
///
/// Its configuration is a [`PriorityConfig`](crate::PriorityConfig), with children by name, or a
/// [`PriorityGroupsConfig`](crate::PriorityGroupsConfig), with a child for each number that the
/// endpoints have. In the order of their priority:
///
/// - The first child that is ready or idle gets the calls. Those below it are unused: each is
///   removed after 15 minutes, unless it is needed again before.
/// - A child that has been connecting for less than 10 seconds, without a failure since it was ready,
///   idle or created, gets the calls too: they wait for it.
/// - A child that is needed and does not exist yet is created. So the children below the chosen one
///   are not created before they are needed.
/// - Where no child is chosen so far, the first one that is connecting is, or else the last.
///
/// A child that the configuration no longer names is removed at once (gRFC A115). A child keeps its
/// connections when its priority changes.
///
/// Source: [gRFC A56](https://github.com/grpc/proposal/blob/master/A56-priority-lb-policy.md),
/// [gRFC A37](https://github.com/grpc/proposal/blob/master/A37-xds-aggregate-and-logical-dns-clusters.md)
/// (`ignoreReresolutionRequests`).
#[derive(Debug)]
pub struct Priority {
    /// The children that were created, by name.
    children: NamedChildren,
    /// All children in the order of their priority, with what a child gets that is created later.
    parts: Vec<Part>,
    /// When the unused children are removed, by name.
    unused: BTreeMap<Arc<str>, Instant>,
    /// The child that gets the calls.
    chosen: Option<Arc<str>>,
    /// The error of calls while there are no children.
    no_children: Status,
    /// Whether the resolver has dropped the list: then no child is created before the next list.
    is_dropped: bool,
    /// Whether the choice is out of date, whatever the children do.
    is_stale: bool,
    /// When the policy was woken last.
    woken: Option<Instant>,
    /// What was published last.
    published: Option<Published>,
}

impl Priority {
    /// Creates a policy that waits for its first update.
    #[must_use]
    pub fn new(options: &PolicyOptions) -> Self {
        Self {
            children: NamedChildren::new(options),
            parts: Vec::new(),
            unused: BTreeMap::new(),
            chosen: None,
            no_children: Status::unavailable("there is no list of endpoints yet"),
            is_dropped: false,
            is_stale: false,
            woken: None,
            published: None,
        }
    }

    /// Returns the name of the child that gets the calls.
    #[must_use]
    pub fn chosen(&self) -> Option<&str> {
        self.chosen.as_deref()
    }

    /// Creates the child at `at`, or hands it its part of the last update.
    fn update_child(&mut self, at: usize, control: &mut Control<'_>) -> Result<(), Status> {
        let Part { child, update } = &self.parts[at];
        let ignore = child.ignore_reresolution_requests;
        let mark = control.mark();
        let (name, choice) = (&child.name, &child.child_policy);
        let result = self
            .children
            .handle_update(name, choice, update.clone(), control);
        if ignore {
            control.retract_reresolution(mark);
        }
        self.children.ignore_reresolution(name, ignore);
        result
    }

    /// Returns the index of the child to use; creates the children that have to be tried. Those
    /// that were tried are in use again, and a child that works makes those below it unused.
    fn choose(&mut self, control: &mut Control<'_>) -> Option<usize> {
        for at in 0..self.parts.len() {
            let name = Arc::clone(&self.parts[at].child.name);
            if self.children.get(&name).is_none() {
                if self.is_dropped {
                    continue;
                }
                // An error of the child is in its picker.
                let _ = self.update_child(at, control);
                let _ = self.children.settle(control);
            }
            self.unused.remove(&name);
            let Some(child) = self.children.get(&name) else {
                continue;
            };
            if is_usable(child) {
                self.release_after(at, control.now());
                return Some(at);
            }
            if failover(child).is_some_and(|due| control.now() < due) {
                return Some(at);
            }
        }
        let existing = |at: &usize| Some((*at, self.children.get(&self.parts[*at].child.name)?));
        let mut children = (0..self.parts.len()).filter_map(|at| existing(&at));
        let connecting = children.find(|(_, child)| child.state() == ConnectivityState::Connecting);
        let last = || (0..self.parts.len()).rev().find_map(|at| existing(&at));
        connecting.or_else(last).map(|(at, _)| at)
    }

    /// Makes the children after the one at `at` unused.
    fn release_after(&mut self, at: usize, now: Instant) {
        for part in &self.parts[at + 1..] {
            let name = &part.child.name;
            if self.children.get(name).is_some() {
                let unused = self.unused.entry(Arc::clone(name));
                unused.or_insert(now + KEEP_UNUSED);
            }
        }
    }

    /// Chooses a child, and publishes its state and picker if they are new.
    fn publish(&mut self, control: &mut Control<'_>) {
        let chosen = self.choose(control);
        self.chosen = chosen.map(|at| Arc::clone(&self.parts[at].child.name));
        let child = self
            .chosen
            .as_ref()
            .and_then(|name| self.children.get(name));
        let published = match child {
            Some(child) => Published {
                state: child.state(),
                picker: Arc::clone(child.picker()),
            },
            None => Published {
                state: ConnectivityState::TransientFailure,
                picker: Arc::new(Pick::Fail(self.no_children.clone())),
            },
        };
        let is_same = |before: &Published| {
            before.state == published.state && Arc::ptr_eq(&before.picker, &published.picker)
        };
        if !self.published.as_ref().is_some_and(is_same) {
            control.publish(published.state, Arc::clone(&published.picker));
            self.published = Some(published);
        }
    }

    /// Returns when the chosen child has been connecting for too long; `None` if it is not, or if
    /// that time has come already.
    fn failover_due(&self) -> Option<Instant> {
        let due = failover(self.children.get(self.chosen.as_ref()?)?)?;
        (self.woken < Some(due)).then_some(due)
    }
}

/// Returns whether a child can get calls: it is ready, or connects when one comes.
fn is_usable(child: &NamedChild) -> bool {
    matches!(
        child.state(),
        ConnectivityState::Ready | ConnectivityState::Idle
    )
}

/// Returns when a child that connects has been connecting for too long.
fn failover(child: &NamedChild) -> Option<Instant> {
    Some(child.connecting_since()? + FAILOVER_AFTER)
}

impl Policy for Priority {
    /// Hands each child that exists its part of the list, and creates the first one.
    ///
    /// # Errors
    ///
    /// The first error of a child, if each child that exists refuses its part and the others get no
    /// endpoints; `UNAVAILABLE` for a list without endpoints that is grouped by their numbers;
    /// `INTERNAL` if the configuration belongs to another policy.
    fn handle_update(&mut self, update: Update, control: &mut Control<'_>) -> Result<(), Status> {
        let split = Split::new(&update)?;
        self.parts = split.parts;
        self.no_children = split.if_empty;
        self.is_dropped = false;
        self.is_stale = true;
        let parts = &self.parts;
        let is_named = |name: &str| parts.iter().any(|part| *part.child.name == *name);
        self.unused.retain(|name, _| is_named(name));
        self.children.retain(is_named, control);
        let mut refused = None;
        let mut is_accepted = false;
        for at in 0..self.parts.len() {
            let part = &self.parts[at];
            if at > 0 && self.children.get(&part.child.name).is_none() {
                is_accepted |= !part.update.endpoints.is_empty();
                continue;
            }
            match self.update_child(at, control) {
                Ok(()) => is_accepted = true,
                Err(error) => drop(refused.get_or_insert(error)),
            }
        }
        if self.parts.is_empty() && split.refuses_empty {
            return Err(self.no_children.clone());
        }
        match refused {
            Some(error) if !is_accepted => Err(error),
            _ => Ok(()),
        }
    }

    fn handle_resolver_error(&mut self, error: Status, old: OldList, control: &mut Control<'_>) {
        self.children.handle_resolver_error(&error, old, control);
        self.is_dropped |= old == OldList::DropList;
        if self.parts.is_empty() {
            self.no_children = resolver_error(&error);
            self.is_stale = true;
        }
    }

    fn handle_subchannel(
        &mut self,
        id: SubchannelId,
        state: SubchannelState,
        control: &mut Control<'_>,
    ) {
        self.children.handle_subchannel(id, state, control);
    }

    fn handle_watch(
        &mut self,
        watch: WatchId,
        id: SubchannelId,
        event: WatchEvent,
        control: &mut Control<'_>,
    ) {
        self.children.handle_watch(watch, id, event, control);
    }

    fn handle_ejection(&mut self, id: SubchannelId, ejected: bool, control: &mut Control<'_>) {
        self.children.handle_ejection(id, ejected, control);
    }

    fn handle_timeout(&mut self, control: &mut Control<'_>) {
        let now = control.now();
        self.is_stale |= self.failover_due().is_some_and(|due| due <= now);
        self.woken = Some(now);
        let is_over = |(name, due): (&Arc<str>, &Instant)| (*due <= now).then(|| Arc::clone(name));
        let over: Vec<Arc<str>> = self.unused.iter().filter_map(is_over).collect();
        for name in over {
            self.unused.remove(&name);
            self.children.remove(&name, control);
        }
        self.children.handle_timeout(control);
    }

    fn settle(&mut self, control: &mut Control<'_>) {
        let has_news = self.children.settle(control);
        if std::mem::take(&mut self.is_stale) || has_news {
            self.publish(control);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let unused = self.unused.values().copied();
        let deadlines = unused.chain(self.failover_due());
        deadlines.chain(self.children.poll_timeout()).min()
    }

    /// Makes the child that gets the calls leave idleness.
    fn exit_idle(&mut self, control: &mut Control<'_>) {
        if let Some(name) = &self.chosen {
            self.children.exit_idle_of(name, control);
        }
    }

    fn reset_backoff(&mut self) {
        self.children.reset_backoff();
    }

    /// Describes the children that exist, in the order of their priority, which begins at 0.
    fn inspect(&self, now: Instant) -> PolicyNode {
        let state = self.published.as_ref().map(|published| published.state);
        let state = state.unwrap_or(ConnectivityState::Connecting);
        let mut node = PolicyNode::new("priority_experimental", state);
        node = node.with_fact("priorities", self.parts.len());
        if let Some(name) = &self.chosen {
            node = node.with_fact("chosen", name.to_string());
        }
        let existing = self
            .parts
            .iter()
            .enumerate()
            .filter_map(|(priority, part)| {
                let name = &part.child.name;
                let child = self.children.get(name)?.inspect(name, now);
                let child = child.with_fact("priority", priority);
                Some(match self.unused.get(name) {
                    Some(due) => {
                        child.with_fact("removed_in_secs", due.saturating_duration_since(now))
                    }
                    None => child,
                })
            });
        node.with_children(existing.collect())
    }
}
