//! Route configurations.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use trunkline_service_config::RetryPolicy;

use super::fraction::Fraction;
use super::http_filter::FilterOverrides;
use super::matcher::{Pattern, StringMatcher};

/// A route configuration: the virtual hosts of a listener.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfiguration {
    /// Its name; may be empty where it is part of a listener.
    pub name: Arc<str>,
    /// Its virtual hosts, in order.
    pub virtual_hosts: Vec<Arc<VirtualHost>>,
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

/// A pattern of domains. ASCII case is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// `*`: all.
    Any,
    /// `*suffix`, without the star: at least one character, then this text.
    Suffix(Box<str>),
    /// `prefix*`, without the star: this text, then at least one character.
    Prefix(Box<str>),
    /// This one.
    Exact(Box<str>),
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

/// A condition on a path, `/package.Service/Method`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatcher {
    /// Starts with this text; the empty text and `/` match every path.
    Prefix {
        /// The text.
        text: Box<str>,
        /// Whether ASCII case is ignored.
        ignore_case: bool,
    },
    /// Equal to this text.
    Exact {
        /// The text.
        text: Box<str>,
        /// Whether ASCII case is ignored.
        ignore_case: bool,
    },
    /// Matches this pattern as a whole.
    Regex(Pattern),
}

/// A condition on a header of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatcher {
    /// The name of the header, in lower case. A text, because names that a call cannot have
    /// (pseudo-headers) are allowed, and count as absent.
    pub name: Box<str>,
    /// The condition.
    pub condition: HeaderCondition,
    /// Whether the condition must not hold. An absent header never matches, except
    /// [`Present`](HeaderCondition::Present).
    pub invert: bool,
}

/// A condition on the value of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderCondition {
    /// The header is there, or with `false` is not.
    Present(bool),
    /// A decimal integer from `start` up to, and not including, `end`.
    Range {
        /// The first integer that matches.
        start: i64,
        /// The first integer after those that match.
        end: i64,
    },
    /// A condition on the text.
    Text(StringMatcher),
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
        /// The pattern that is replaced everywhere in the value, and its replacement in the syntax of
        /// the crate `regex`.
        rewrite: Option<(Pattern, Box<str>)>,
    },
    /// The channel.
    ChannelId,
    /// Something that gRPC does not know; never yields a hash.
    Unsupported,
}
