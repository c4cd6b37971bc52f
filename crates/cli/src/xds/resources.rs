//! The resources of a client, and its control planes.

use std::time::Instant;

use serde_json::{Value, json};
use trunkline::xds::ClientDump;
use trunkline::xds::core::ResourceType;
use trunkline::xds::core::ads::{NoFallback, ResourceDump, ResourceState};

use crate::out::{Line, Style};
use crate::show;

/// Returns the resources as JSON, in the order in which they name each other.
pub(super) fn json(clients: &[ClientDump], now: Instant) -> Value {
    let resources = resources(clients);
    resources
        .map(|resource| {
            let facts = Facts::of(resource, now);
            json!({
                "type": short_type(resource.kind),
                "name": &*resource.name,
                "state": resource.state.to_string().to_ascii_lowercase(),
                "version": facts.version,
                "age_ms": facts.age.map(show::millis),
                "error": facts.error,
                "server": facts.server,
            })
        })
        .collect()
}

/// Returns a line for each resource and each control plane.
pub(super) fn lines(clients: &[ClientDump], now: Instant) -> Vec<Line> {
    let mut lines = Vec::new();
    for client in clients {
        lines.push(Line::from(format!(
            "{}  node {:?}",
            client.target, client.node.id
        )));
        for server in &client.ads.servers {
            let (style, words) = match (&server.failure, server.is_held) {
                (Some(failure), _) => (Style::Bad, failure.to_string()),
                (None, true) => (
                    Style::Weak,
                    "is not read, until its answers are used".to_owned(),
                ),
                (None, false) => (Style::Good, "no failure".to_owned()),
            };
            let line = Line::from(format!("control plane {}  ", server.server.uri));
            lines.push(line.and_styled(style, words));
        }
        for authority in &client.ads.authorities {
            // A server that works needs no other.
            if let Some(reason) = &authority.no_fallback
                && *reason != NoFallback::ServerWorks
            {
                let text = format!(
                    "{}: no other control plane is asked: {reason}",
                    authority.name
                );
                lines.push(Line::styled(Style::Weak, text));
            }
        }
    }
    for resource in resources(clients) {
        lines.extend(of_resource(resource, now));
    }
    lines
}

/// Returns the lines of a resource: what it is, then each line of its error.
fn of_resource(resource: &ResourceDump, now: Instant) -> Vec<Line> {
    let facts = Facts::of(resource, now);
    let style = match resource.state {
        ResourceState::Acked => Style::Good,
        ResourceState::Requested => Style::Weak,
        _ => Style::Bad,
    };
    let indent = "  ".repeat(depth(resource.kind));
    let mut words = String::new();
    if let Some(version) = &facts.version {
        words.push_str(&format!("  version {version:?}"));
    }
    if let Some(age) = facts.age {
        words.push_str(&format!(", {:.1} s ago", age.as_secs_f64()));
    }
    if let Some(server) = &facts.server {
        words.push_str(&format!(", from {server}"));
    }
    let first = Line::from(format!("{indent}{} {}  ", resource.kind, resource.name))
        .and_styled(style, resource.state.to_string())
        .and(words);
    let error = facts.error.iter().flat_map(|error| error.lines());
    let error = error.map(|line| Line::styled(Style::Bad, format!("{indent}  {line}")));
    std::iter::once(first).chain(error).collect()
}

fn resources(clients: &[ClientDump]) -> impl Iterator<Item = &ResourceDump> {
    let mut all: Vec<_> = clients
        .iter()
        .flat_map(|client| &client.ads.authorities)
        .flat_map(|authority| &authority.resources)
        .collect();
    all.sort_by_key(|resource| (resource.kind, &resource.name));
    all.into_iter()
}

/// What is printed of a resource.
struct Facts {
    version: Option<String>,
    age: Option<std::time::Duration>,
    error: Option<String>,
    server: Option<String>,
}

impl Facts {
    fn of(resource: &ResourceDump, now: Instant) -> Self {
        let cached = resource.cached.as_ref();
        let error = resource.error.as_ref();
        let at = cached.map(|cached| cached.updated);
        let at = at.or_else(|| error.map(|error| error.at));
        let server = cached.map(|cached| &cached.server);
        let server = server.or_else(|| error.map(|error| &error.server));
        Self {
            version: cached.map(|cached| cached.version.to_string()),
            age: at.map(|at| now.saturating_duration_since(at)),
            error: error.map(|error| error.error.to_string()),
            server: server.map(|server| server.uri.clone()),
        }
    }
}

/// Returns the name that the transport protocol has for a type.
fn short_type(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Listener => "listener",
        ResourceType::RouteConfiguration => "route_configuration",
        ResourceType::Cluster => "cluster",
        ResourceType::Endpoints => "endpoints",
    }
}

fn depth(kind: ResourceType) -> usize {
    match kind {
        ResourceType::Listener => 0,
        ResourceType::RouteConfiguration => 1,
        ResourceType::Cluster => 2,
        ResourceType::Endpoints => 3,
    }
}
