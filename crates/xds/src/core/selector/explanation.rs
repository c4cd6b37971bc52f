//! Which route a call takes, for people.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;

use crate::core::resources::{Fraction, HeaderMatcher, Route, RouteAction, VirtualHost};

/// Which routes of a virtual host a call can take, and why not the others before them.
///
/// `Display` prints a line for each route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// The routes in order, up to the first one that takes all calls which reach it.
    pub routes: Vec<RouteExplanation>,
}

/// What one route does with the call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteExplanation {
    /// Its index in the virtual host as the control plane sent it.
    pub index: usize,
    /// Its name; may be empty.
    pub name: Arc<str>,
    /// What it does.
    pub verdict: RouteVerdict,
}

/// What a route does with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteVerdict {
    /// The route is left out, for this reason.
    Skipped(String),
    /// The path does not meet its condition.
    Path,
    /// A header does not meet this condition.
    Header(Box<HeaderMatcher>),
    /// It takes the call, or this share of such calls.
    Taken {
        /// The share; `None` for all calls.
        share: Option<Fraction>,
        /// The clusters; `None` if the route is not for clients, and the call fails.
        clusters: Option<Vec<ClusterShare>>,
    },
}

/// A cluster of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterShare {
    /// Its name.
    pub name: Arc<str>,
    /// Its share of the calls, relative to the others.
    pub weight: u32,
}

/// Explains which route the calls of the method at `path` take with this metadata.
#[must_use]
pub fn explain(host: &VirtualHost, path: &str, metadata: &HeaderMap) -> Explanation {
    let mut skipped = host.skipped_routes.iter().peekable();
    let mut routes = Vec::new();
    let mut is_taken = false;
    for route in &host.routes {
        while let Some(one) = skipped.next_if(|one| one.index < route.index) {
            routes.push(left_out(one.index, &one.reason));
        }
        let verdict = judge(route, path, metadata);
        is_taken = matches!(verdict, RouteVerdict::Taken { share, .. }
            if share.is_none_or(|share| share == Fraction::ALL));
        routes.push(RouteExplanation {
            index: route.index,
            name: Arc::clone(&route.name),
            verdict,
        });
        if is_taken {
            break;
        }
    }
    if !is_taken {
        routes.extend(skipped.map(|one| left_out(one.index, &one.reason)));
    }
    Explanation { routes }
}

fn left_out(index: usize, reason: &str) -> RouteExplanation {
    RouteExplanation {
        index,
        name: Arc::from(""),
        verdict: RouteVerdict::Skipped(reason.to_owned()),
    }
}

fn judge(route: &Route, path: &str, metadata: &HeaderMap) -> RouteVerdict {
    if !route.path.matches(path) {
        return RouteVerdict::Path;
    }
    if let Some(header) = route
        .headers
        .iter()
        .find(|header| !header.matches(metadata))
    {
        return RouteVerdict::Header(Box::new(header.clone()));
    }
    let clusters = match &route.action {
        RouteAction::NotForClients => None,
        RouteAction::Forward(action) => {
            let clusters = action.clusters.iter().map(|cluster| ClusterShare {
                name: Arc::clone(&cluster.name),
                weight: cluster.weight,
            });
            Some(clusters.collect())
        }
    };
    RouteVerdict::Taken {
        share: route.fraction,
        clusters,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.routes.is_empty() {
            return f.write_str("the virtual host has no routes");
        }
        for (at, route) in self.routes.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{route}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RouteExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {}", self.index)?;
        if !self.name.is_empty() {
            write!(f, " {:?}", self.name)?;
        }
        write!(f, ": {}", self.verdict)
    }
}

impl fmt::Display for RouteVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(reason) => write!(f, "left out: {reason}"),
            Self::Path => f.write_str("does not match the path"),
            Self::Header(header) => write!(f, "does not match the header: {header}"),
            Self::Taken { share, clusters } => {
                match share {
                    None => f.write_str("takes the call")?,
                    Some(share) => write!(f, "takes {share} of such calls")?,
                }
                match clusters.as_deref() {
                    None => f.write_str(", which then fails: the route is not for clients"),
                    Some([one]) => write!(f, ", to cluster {:?}", one.name),
                    Some(clusters) => {
                        f.write_str(", to clusters by weight:")?;
                        for cluster in clusters {
                            write!(f, " {:?} ({})", cluster.name, cluster.weight)?;
                        }
                        Ok(())
                    }
                }
            }
        }
    }
}
