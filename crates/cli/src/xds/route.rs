//! The route of a call, and the endpoints behind it.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Value, json};
use trunkline::Weight;
use trunkline::xds::core::resources::{LocalityEndpoints, LocalityName};
use trunkline::xds::core::{
    ClusterShare, LeafEndpoints, ResolvedCluster, RouteExplanation, RouteVerdict, XdsConfig,
    explain,
};

use crate::failure::Failure;
use crate::out::{Line, Style};

/// What happens to a call.
pub(super) struct Route {
    path: String,
    virtual_host: Arc<str>,
    /// The routes in order, up to the one that takes the call.
    routes: Vec<RouteExplanation>,
    /// The clusters of the route, each with its backends.
    clusters: Vec<(ClusterShare, Result<Vec<Backend>, String>)>,
}

/// An endpoint of a cluster.
struct Backend {
    addresses: Vec<String>,
    locality: String,
    priority: usize,
    weight: u32,
}

impl Backend {
    /// Returns its weight as a fraction of that of its priority (gRFC A113). Only policies that use the
    /// weights of endpoints share calls by it.
    fn fraction(&self) -> f64 {
        f64::from(self.weight) / f64::from(1_u32 << 31)
    }
}

impl Route {
    /// Finds the route of a call of the method at `path` with these headers.
    pub(super) fn of(config: &XdsConfig, path: &str, headers: &HeaderMap) -> Self {
        let explanation = explain(&config.virtual_host, path, headers);
        let taken = explanation.routes.iter().rev();
        let clusters = taken
            .filter_map(|route| match &route.verdict {
                RouteVerdict::Taken { clusters, .. } => clusters.as_ref(),
                _ => None,
            })
            .next();
        let clusters = clusters.into_iter().flatten().map(|share| {
            let backends = backends(config, &share.name);
            (share.clone(), backends)
        });
        Self {
            path: path.to_owned(),
            virtual_host: Arc::clone(&config.virtual_host.name),
            clusters: clusters.collect(),
            routes: explanation.routes,
        }
    }

    /// Returns the route that takes the call.
    fn taken(&self) -> Option<&RouteExplanation> {
        let last = self.routes.last()?;
        matches!(last.verdict, RouteVerdict::Taken { .. }).then_some(last)
    }

    /// Returns why the call fails; `None` if it goes to a cluster.
    pub(super) fn failure(&self) -> Option<Failure> {
        let Some(route) = self.taken() else {
            let text = format!(
                "no route of virtual host {:?} matches {}",
                self.virtual_host, self.path
            );
            return Some(Failure::operation("no_route", text));
        };
        if self.clusters.is_empty() {
            let text = format!(
                "the route {} for {} is not for clients",
                name(route),
                self.path
            );
            return Some(Failure::operation("no_route", text));
        }
        let mut errors = self.clusters.iter().map(|(_, found)| found.as_ref().err());
        let first = errors.next().flatten()?;
        errors
            .all(|error| error.is_some())
            .then(|| Failure::operation("unavailable", first.as_str()))
    }

    /// Returns the route as JSON: `null` if no route takes the call.
    pub(super) fn json(&self) -> Value {
        let Some(route) = self.taken() else {
            return Value::Null;
        };
        let shares = self.clusters.iter().map(|(share, found)| {
            json!({ "name": &*share.name, "weight": share.weight, "error": found.as_ref().err() })
        });
        let endpoints = self.clusters.iter().flat_map(|(share, found)| {
            let backends = found.iter().flatten();
            backends.map(|backend| {
                json!({
                    "cluster": &*share.name,
                    "addresses": backend.addresses,
                    "locality": backend.locality,
                    "priority": backend.priority,
                    "weight": backend.weight,
                    // The others are left out when the resource is read.
                    "health": "healthy",
                })
            })
        });
        let cluster = match &self.clusters[..] {
            [(only, _)] => Some(&*only.name),
            _ => None,
        };
        let earlier = self
            .routes
            .split_last()
            .map_or(&[][..], |(_, earlier)| earlier);
        json!({
            "virtual_host": &*self.virtual_host,
            "route": name(route),
            "cluster": cluster,
            "clusters": shares.collect::<Value>(),
            "endpoints": endpoints.collect::<Value>(),
            "earlier": earlier
                .iter()
                .map(|route| json!({ "route": name(route), "reason": route.verdict.to_string() }))
                .collect::<Value>(),
        })
    }

    /// Returns the lines for people.
    pub(super) fn lines(&self) -> Vec<Line> {
        let mut lines = vec![Line::from(format!(
            "{} in virtual host {:?}:",
            self.path, self.virtual_host
        ))];
        for route in &self.routes {
            let style = match route.verdict {
                RouteVerdict::Taken { .. } => Style::Good,
                _ => Style::Weak,
            };
            let text = format!("  route {}: {}", name(route), route.verdict);
            lines.push(Line::styled(style, text));
        }
        for (share, found) in &self.clusters {
            lines.push(Line::from(format!(
                "  cluster {} (weight {})",
                share.name, share.weight
            )));
            match found {
                Err(error) => lines.push(Line::styled(Style::Bad, format!("    {error}"))),
                Ok(backends) => lines.extend(backends.iter().map(|backend| {
                    Line::from(format!(
                        "    {}  {}  priority {}  weight {:.3}",
                        backend.addresses.join(", "),
                        backend.locality,
                        backend.priority,
                        backend.fraction()
                    ))
                })),
            }
        }
        lines
    }
}

/// Returns how a route is named: its name, or its index.
fn name(route: &RouteExplanation) -> String {
    if route.name.is_empty() {
        format!("[{}]", route.index)
    } else {
        format!("[{}] {:?}", route.index, route.name)
    }
}

/// Returns the endpoints of a cluster, or why it has none.
fn backends(config: &XdsConfig, cluster: &str) -> Result<Vec<Backend>, String> {
    match config.clusters.get(cluster) {
        None => Err(format!("cluster {cluster:?} is not in the configuration")),
        Some(Err(error)) => Err(error.to_string()),
        Some(Ok(resolved)) => match &**resolved {
            ResolvedCluster::Aggregate { leaves, .. } => {
                let mut all = Vec::new();
                for leaf in leaves.iter() {
                    let first = all.iter().map(|backend: &Backend| backend.priority + 1);
                    let first = first.max().unwrap_or_default();
                    let below = backends(config, leaf)?.into_iter();
                    all.extend(below.map(|backend| Backend {
                        priority: backend.priority + first,
                        ..backend
                    }));
                }
                Ok(all)
            }
            ResolvedCluster::Leaf { endpoints, .. } => of_leaf(endpoints),
        },
    }
}

fn of_leaf(endpoints: &LeafEndpoints) -> Result<Vec<Backend>, String> {
    match endpoints {
        LeafEndpoints::Missing(why) => Err(why.to_string()),
        LeafEndpoints::LogicalDns(endpoint) => Ok(endpoint
            .iter()
            .map(|endpoint| Backend {
                addresses: endpoint
                    .addresses()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                locality: LocalityName::default().to_string(),
                priority: 0,
                weight: 1 << 31,
            })
            .collect()),
        LeafEndpoints::Eds(endpoints) => {
            let localities = endpoints.priorities.iter().enumerate();
            let localities = localities.flat_map(|(priority, localities)| {
                localities.iter().map(move |locality| (priority, locality))
            });
            Ok(localities
                .flat_map(|(priority, locality)| of_locality(priority, locality))
                .collect())
        }
    }
}

fn of_locality(priority: usize, locality: &LocalityEndpoints) -> impl Iterator<Item = Backend> {
    locality.endpoints.iter().map(move |endpoint| Backend {
        addresses: endpoint
            .addresses()
            .iter()
            .map(ToString::to_string)
            .collect(),
        locality: locality.name.to_string(),
        priority,
        weight: endpoint
            .attributes()
            .get::<Weight>()
            .copied()
            .unwrap_or(locality.weight),
    })
}
