//! What happens to the calls of a route, prepared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use trunkline_endpoint::Attributes;
use trunkline_lb::{PerThread, PickRng, RequestHash};
use trunkline_service_config::{AttemptPolicy, CallConfig, CallInfo, MethodConfig};

use super::options::SelectorOptions;
use super::{fault_injection, request_hash};
use crate::core::call_attributes::AutoHostRewrite;
use crate::core::cluster_hold::{ClusterHold, ClusterOfCall};
use crate::core::resources::{FaultConfig, FilterOverrides, ForwardAction, HashPolicy, HttpFilter};

/// Where the calls of a route go, and how.
#[derive(Debug)]
pub(super) struct Forward {
    /// The configuration of the calls.
    pub(super) method: MethodConfig,
    /// The clusters, each with the sum of the weights up to its own.
    clusters: Box<[(u32, Destination)]>,
    hash_policies: Box<[HashPolicy]>,
}

/// A cluster of a route.
#[derive(Debug)]
struct Destination {
    /// The place of the call's attributes in [`CallAttributes`].
    attributes: usize,
    /// Whether a call needs a hash also if the route yields none.
    needs_hash: bool,
    /// The filters that delay and abort calls.
    faults: Arc<[FaultConfig]>,
}

/// The attributes of calls, prepared for each cluster.
///
/// The threads have copies of their own, so that they share no reference count. So many copies would
/// take much memory on a large machine, therefore at most [`COPIES`](Self::COPIES) exist.
#[derive(Debug)]
pub(super) struct CallAttributes {
    of_thread: PerThread<Arc<[Attributes]>>,
    uses: Box<[Use]>,
}

/// A cluster as the calls of some routes use it.
#[derive(Clone, Debug)]
struct Use {
    hold: ClusterHold,
    rewrites_authority: bool,
}

impl CallAttributes {
    const COPIES: usize = 16;

    /// Returns the attributes of a call, with those of the application.
    fn of(&self, at: usize, application: &Attributes) -> Attributes {
        if application.is_empty() {
            self.of_thread.get()[at].clone()
        } else {
            self.uses[at].add_to(application)
        }
    }
}

impl Use {
    fn add_to(&self, attributes: &Attributes) -> Attributes {
        let attributes = attributes.with::<ClusterOfCall>(self.hold.clone());
        if self.rewrites_authority {
            attributes.with::<AutoHostRewrite>(())
        } else {
            attributes
        }
    }
}

/// Prepares the actions of routes.
pub(super) struct Preparation<'a> {
    default_timeout: Option<Duration>,
    /// The filters of the listener, and what the virtual host changes about them.
    filters: (&'a [HttpFilter], &'a FilterOverrides),
    hold: &'a mut dyn FnMut(&Arc<str>) -> ClusterHold,
    needs_hash: &'a dyn Fn(&str) -> bool,
    places: BTreeMap<(Arc<str>, bool), usize>,
    uses: Vec<Use>,
}

impl<'a> Preparation<'a> {
    /// Begins with no action. `default_timeout` is that of routes without their own.
    pub(super) fn new(
        default_timeout: Option<Duration>,
        filters: (&'a [HttpFilter], &'a FilterOverrides),
        hold: &'a mut dyn FnMut(&Arc<str>) -> ClusterHold,
        needs_hash: &'a dyn Fn(&str) -> bool,
    ) -> Self {
        Self {
            default_timeout,
            filters,
            hold,
            needs_hash,
            places: BTreeMap::new(),
            uses: Vec::new(),
        }
    }

    /// Prepares the action of a route. `overrides` is what the route changes about filters.
    pub(super) fn prepare(
        &mut self,
        action: &ForwardAction,
        overrides: &FilterOverrides,
    ) -> Forward {
        let timeout = action.max_stream_duration.or(self.default_timeout);
        let mut method = MethodConfig::default();
        // 0 is no limit.
        method.timeout = timeout.filter(|timeout| !timeout.is_zero());
        method.attempts = action.retry.clone().map(AttemptPolicy::Retry);
        let mut sum = 0;
        let clusters = action.clusters.iter().map(|cluster| {
            sum += cluster.weight;
            let destination = Destination {
                attributes: self.place(&cluster.name, action.auto_host_rewrite),
                needs_hash: (self.needs_hash)(&cluster.name),
                faults: fault_injection::filters(
                    self.filters.0,
                    [&cluster.filter_overrides, overrides, self.filters.1],
                ),
            };
            (sum, destination)
        });
        Forward {
            method,
            clusters: clusters.collect(),
            hash_policies: action.hash_policies.clone().into(),
        }
    }

    fn place(&mut self, cluster: &Arc<str>, rewrites_authority: bool) -> usize {
        let key = (Arc::clone(cluster), rewrites_authority);
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        // All uses of a cluster share a hold.
        let other = self.places.get(&(Arc::clone(cluster), !rewrites_authority));
        let hold = match other {
            Some(&other) => self.uses[other].hold.clone(),
            None => (self.hold)(cluster),
        };
        self.uses.push(Use {
            hold,
            rewrites_authority,
        });
        self.places.insert(key, self.uses.len() - 1);
        self.uses.len() - 1
    }

    /// Returns the attributes of the calls of all actions.
    pub(super) fn finish(self) -> CallAttributes {
        let mut copies: Vec<Arc<[Attributes]>> = Vec::new();
        let uses: Box<[Use]> = self.uses.into();
        let empty = Attributes::new();
        let of_thread = PerThread::new(|slot| {
            if let Some(copy) = copies.get(slot % CallAttributes::COPIES) {
                return Arc::clone(copy);
            }
            let copy: Arc<[Attributes]> = uses.iter().map(|one| one.add_to(&empty)).collect();
            copies.push(Arc::clone(&copy));
            copy
        });
        CallAttributes { of_thread, uses }
    }
}

impl Forward {
    /// Returns the configuration of a call: its cluster, drawn by weight, its hash, if the cluster
    /// needs one, and its fault.
    pub(super) fn config<'a>(
        &'a self,
        call: &CallInfo<'_>,
        prepared: &CallAttributes,
        options: &SelectorOptions,
    ) -> CallConfig<'a> {
        let rng = &*options.rng;
        let destination = self.draw(rng);
        let mut attributes = prepared.of(destination.attributes, call.attributes);
        if destination.needs_hash || !self.hash_policies.is_empty() {
            // All attempts of a call have one hash, also a random one.
            let channel = options.channel_id;
            let hash = request_hash::hash(&self.hash_policies, call.metadata, channel);
            attributes = attributes.with::<RequestHash>(hash.unwrap_or_else(|| rng.next_number()));
        }
        let config = CallConfig::new(Some(&self.method)).with_attributes(attributes);
        if destination.faults.is_empty() {
            return config;
        }
        let active = options.active_faults.as_deref();
        let faults = &destination.faults;
        config.with_fault(fault_injection::draw(faults, call.metadata, rng, active))
    }

    fn draw(&self, rng: &PickRng) -> &Destination {
        let (last, rest) = match &*self.clusters {
            [rest @ .., last] if !rest.is_empty() => (last, rest),
            clusters => return &clusters[0].1,
        };
        let draw = rng.below(last.0 as usize);
        let at = rest.partition_point(|(sum, _)| *sum as usize <= draw);
        &self.clusters[at].1
    }
}
