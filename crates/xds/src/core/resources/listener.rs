//! Listeners.

use std::sync::Arc;
use std::time::Duration;

use super::http_filter::HttpFilter;
use super::route::RouteConfiguration;

/// A listener: the entry of a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// Its name.
    pub name: Arc<str>,
    /// What it has for clients; `None` for a listener of servers (one with a socket).
    pub api: Option<ApiListener>,
}

/// What a listener has for clients.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiListener {
    /// Where its routes are.
    pub routes: RouteSource,
    /// The longest time of a call whose route has none of its own; `None` or 0 for no limit.
    pub max_stream_duration: Option<Duration>,
    /// The filters, in order; the last one is the router.
    pub http_filters: Vec<HttpFilter>,
}

/// Where the routes of a listener are.
#[derive(Clone, Debug, PartialEq)]
pub enum RouteSource {
    /// In the route configuration with this name.
    Rds(Arc<str>),
    /// In the listener.
    Inline(Arc<RouteConfiguration>),
}
