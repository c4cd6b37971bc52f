//! Route configurations.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use trunkline_service_config::RetryPolicy;

use super::call_match::{HeaderMatcher, PathMatcher};
use super::domain::{self, Domain};
use super::fraction::Fraction;
use super::http_filter::FilterOverrides;
use super::rewrite::Rewrite;

/// A route configuration: the virtual hosts of a listener.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfiguration {
    /// Its name; may be empty where it is part of a listener.
    pub name: Arc<str>,
    /// Its virtual hosts, in order.
    pub virtual_hosts: Vec<Arc<VirtualHost>>,
}

impl RouteConfiguration {
    /// Returns the virtual host of an authority, with its port if it has one.
    ///
    /// An equal domain is better than the longest `*suffix`, that than the longest `prefix*`, and that
    /// than `*`. Of equal domains the first one counts. ASCII case is ignored.
    ///
    /// Source: [gRFC A27](https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md);
    /// grpc-go compares with the case.
    #[must_use]
    pub fn virtual_host(&self, authority: &str) -> Option<&Arc<VirtualHost>> {
        let mut best = None;
        for host in &self.virtual_hosts {
            let rank = host
                .domains
                .iter()
                .filter_map(|domain| domain.rank(authority));
            let Some(rank) = rank.max() else {
                continue;
            };
            if best.is_none_or(|(other, _)| rank > other) {
                best = Some((rank, host));
            }
        }
        best.map(|(_, host)| host)
    }

    /// Returns why there is no virtual host for `authority`, for people: the configuration's name, and
    /// the domains that it has.
    #[must_use]
    pub fn explain_missing(&self, authority: &str) -> String {
        let domains = self.virtual_hosts.iter().flat_map(|host| &host.domains);
        format!(
            "route configuration {:?} has no virtual host for {authority:?} ({})",
            self.name,
            domain::list(domains)
        )
    }
}

/// The routes of some domains.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualHost {
    /// Its name, for people.
    pub name: Arc<str>,
    /// The domains that it serves; at least one.
    pub domains: Vec<Domain>,
    /// The routes, in order: the first whose match holds is taken.
    pub routes: Vec<Route>,
    /// The routes that are left out, because a client without support for their features must ignore
    /// them.
    pub skipped_routes: Vec<SkippedRoute>,
    /// What it changes about filters.
    pub filter_overrides: FilterOverrides,
}

/// A route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its index in the virtual host as the control plane sent it.
    pub index: usize,
    /// Its name, for people; may be empty.
    pub name: Arc<str>,
    /// The condition on the path of a call.
    pub path: PathMatcher,
    /// The conditions on its metadata; all must hold.
    pub headers: Vec<HeaderMatcher>,
    /// The share of the calls that the route takes; `None` for all.
    pub fraction: Option<Fraction>,
    /// What happens to the calls.
    pub action: RouteAction,
    /// What it changes about filters.
    pub filter_overrides: FilterOverrides,
}

/// A route that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedRoute {
    /// Its index in the virtual host as the control plane sent it.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// What happens to the calls of a route.
#[derive(Clone, Debug, PartialEq)]
pub enum RouteAction {
    /// They are sent to a cluster.
    Forward(ForwardAction),
    /// They fail: the route is for servers, redirects, or answers by itself.
    NotForClients,
}

/// Where the calls of a route go, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct ForwardAction {
    /// The clusters; at least one. None has weight 0.
    pub clusters: Vec<WeightedCluster>,
    /// The longest time of a call; 0 for no limit, `None` for that of the listener.
    pub max_stream_duration: Option<Duration>,
    /// The retries, of the route or its virtual host; `None` for none.
    pub retry: Option<RetryPolicy>,
    /// What the hash of a call is made of, in order.
    pub hash_policies: Vec<HashPolicy>,
    /// Whether the authority of a call becomes the host name of its endpoint. Only from a trusted
    /// server (gRFC A81).
    pub auto_host_rewrite: bool,
}

/// A cluster of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedCluster {
    /// The name of the cluster.
    pub name: Arc<str>,
    /// Its share of the calls, relative to the others of the route; at least 1. The sum fits a `u32`.
    pub weight: u32,
    /// What it changes about filters.
    pub filter_overrides: FilterOverrides,
}

/// A part of the hash of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct HashPolicy {
    /// What is hashed.
    pub source: HashSource,
    /// Whether the policies after this one are left out if there is a hash by now.
    pub is_terminal: bool,
}

/// What is hashed of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum HashSource {
    /// A header.
    Header {
        /// Its name.
        name: HeaderName,
        /// What is replaced in the value, everywhere.
        rewrite: Option<Rewrite>,
    },
    /// The channel.
    ChannelId,
    /// Something that gRPC does not know; never yields a hash.
    Unsupported,
}
