//! A channel's events, as `watch` and `-v` print them.

use std::time::Instant;

use serde_json::{Map, Value, json};
use trunkline::lb::WeightsUpdate;
use trunkline::{ChannelEvent, Ejection, Endpoint, EventLevel, Health, Observer, SubchannelState};

use crate::out::Style;
use crate::show;

/// Logs each event by `tracing`, for `-v`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracer {
    /// The policy where a service config names none.
    pub(crate) default_policy: &'static str,
}

impl Observer for Tracer {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        let (name, _, words, _) = describe(event, self.default_policy);
        match event.level() {
            _ if is_step(event) => tracing::debug!("{name}: {words}"),
            EventLevel::Warn => tracing::warn!("{name}: {words}"),
            _ => tracing::info!("{name}: {words}"),
        }
    }
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The name of an event, its fields in JSON, its text for people, and the style of its name.
type Described = (&'static str, Map<String, Value>, String, Style);

/// Describes an event. `default_policy` is the policy where a service config names none.
pub(crate) fn describe(event: &ChannelEvent, default_policy: &str) -> Described {
    let words = || event.to_string();
    match event {
        ChannelEvent::Endpoints(endpoints) => {
            // The text of the event is cut after the first endpoints.
            let lines: Vec<String> = endpoints.iter().map(show::endpoint_line).collect();
            let object = fields([("endpoints", show::endpoints(endpoints))]);
            ("endpoints", object, lines.join(" | "), Style::Strong)
        }
        ChannelEvent::ResolverError(error) => {
            let object = json!({
                "kind": show::resolve_error_kind(error.kind()), "message": error.to_string(), "suggestion": null,
            });
            (
                "resolver_error",
                fields([("error", object)]),
                words(),
                Style::Bad,
            )
        }
        ChannelEvent::ResolverWaiting {
            waits,
            waited,
            has_list,
        } => (
            "waiting",
            fields([
                ("waits", json!(waits.as_deref())),
                ("waited_ms", show::millis(*waited)),
                ("has_list", json!(has_list)),
            ]),
            words(),
            if *has_list { Style::Weak } else { Style::Bad },
        ),
        ChannelEvent::Config { config, .. } => {
            let policy = config.policy().map(|choice| choice.name.to_string());
            let words = match &policy {
                Some(policy) => format!("policy {policy}"),
                None => format!("policy {default_policy} (the default)"),
            };
            (
                "config",
                fields([("policy", json!(policy))]),
                words,
                Style::Strong,
            )
        }
        ChannelEvent::ConfigIgnored(parts) => {
            let object = fields([("parts", parts.iter().map(show::ignored_part).collect())]);
            ("config_ignored", object, words(), Style::Bad)
        }
        ChannelEvent::State(state) => {
            let state = state.to_string();
            (
                "channel",
                fields([("state", json!(state))]),
                state,
                Style::Strong,
            )
        }
        ChannelEvent::Subchannel { address, state, .. } => {
            let (state, error, style) = match state {
                SubchannelState::Idle => ("IDLE", None, Style::Weak),
                SubchannelState::Connecting => ("CONNECTING", None, Style::Weak),
                SubchannelState::Ready => ("READY", None, Style::Good),
                SubchannelState::TransientFailure(status) => (
                    "TRANSIENT_FAILURE",
                    Some(status.message().to_owned()),
                    Style::Bad,
                ),
            };
            (
                "subchannel",
                subchannel(&address.to_string(), state, error),
                words(),
                style,
            )
        }
        ChannelEvent::ConnectionScaling {
            address,
            connections,
            ..
        } => (
            "scaling",
            fields([
                ("address", json!(address.to_string())),
                ("connections", json!(connections)),
            ]),
            words(),
            Style::Weak,
        ),
        ChannelEvent::Lost {
            address,
            connections,
            why,
            ..
        } => {
            // The event of the subchannel's new state follows, if that is another one; this event has
            // the reason.
            let state = if *connections == 0 { "IDLE" } else { "READY" };
            let object = subchannel(&address.to_string(), state, Some(why.to_string()));
            ("subchannel", object, words(), Style::Bad)
        }
        ChannelEvent::Health {
            address,
            service,
            health,
            ..
        } => described_health(&address.to_string(), service, health, words()),
        ChannelEvent::Ejection { endpoint, ejection } => {
            described_ejection(endpoint, ejection, words())
        }
        ChannelEvent::Weights(update) => described_weights(update, words()),
        ChannelEvent::LoadReportsUnsupported {
            address, status, ..
        } => (
            "load_reports",
            fields([
                ("address", json!(address.to_string())),
                ("error", error("load_reports", &status.to_string())),
            ]),
            words(),
            Style::Bad,
        ),
        ChannelEvent::ServerNameIgnored { address, .. } => {
            let name = address.server_name().unwrap_or_default();
            let object = fields([
                ("address", json!(address.to_string())),
                ("server_name", json!(name)),
            ]);
            ("server_name_ignored", object, words(), Style::Bad)
        }
        ChannelEvent::KeepaliveRaised { time } => (
            "keepalive",
            fields([("time_ms", show::millis(*time))]),
            words(),
            Style::Bad,
        ),
        ChannelEvent::SubchannelRemoved { address, .. } => (
            "subchannel",
            subchannel(&address.to_string(), "SHUTDOWN", None),
            words(),
            Style::Weak,
        ),
        _ => {
            let name = event.name();
            (name, step(event), words(), Style::Weak)
        }
    }
}

/// Returns whether an event is a step of the work of a channel, which is printed only where that is asked
/// for.
pub(crate) fn is_step(event: &ChannelEvent) -> bool {
    matches!(
        event,
        ChannelEvent::IdleEntered
            | ChannelEvent::IdleLeft
            | ChannelEvent::Policy { .. }
            | ChannelEvent::ResolutionAccepted { .. }
            | ChannelEvent::Resolver(_)
            | ChannelEvent::SubchannelCreated { .. }
            | ChannelEvent::ConnectStarted { .. }
            | ChannelEvent::AddressTried { .. }
            | ChannelEvent::ConnectCancelled { .. }
            | ChannelEvent::ConnectFailed { .. }
            | ChannelEvent::Connected { .. }
    )
}

/// Returns the fields of a step of the work of a channel.
fn step(event: &ChannelEvent) -> Map<String, Value> {
    let mut object = fields([("message", json!(event.to_string()))]);
    let mut add = |name: &str, value: Value| object.insert(name.to_owned(), value);
    match event {
        ChannelEvent::Policy { name, replaced } => {
            add("policy", json!(**name));
            add("replaced", json!(replaced.as_deref()));
        }
        ChannelEvent::ResolutionAccepted {
            endpoints,
            addresses,
        } => {
            add("endpoints", json!(endpoints));
            add("addresses", json!(addresses));
        }
        ChannelEvent::SubchannelCreated { address, .. } => {
            add("address", json!(address.to_string()));
        }
        ChannelEvent::ConnectStarted {
            address,
            connection,
            ..
        }
        | ChannelEvent::ConnectCancelled {
            address,
            connection,
            ..
        }
        | ChannelEvent::Connected {
            address,
            connection,
            ..
        } => {
            add("address", json!(address.to_string()));
            add("connection", json!(connection.get()));
        }
        ChannelEvent::AddressTried {
            address,
            connection,
            fate,
            ..
        } => {
            add("address", json!(address.to_string()));
            add("connection", json!(connection.get()));
            add("tried", json!(fate.address.to_string()));
            add("outcome", json!(fate.outcome.to_string()));
            add("elapsed_ms", show::millis(fate.elapsed));
        }
        ChannelEvent::ConnectFailed {
            failure,
            connection,
            ..
        } => {
            add("address", json!(failure.address().to_string()));
            add("connection", json!(connection.get()));
            add("error", error("connection", &failure.to_string()));
        }
        _ => {}
    }
    object
}

/// Describes the health of a backend.
fn described_health(address: &str, service: &str, health: &Health, words: String) -> Described {
    let (name, style) = match health {
        Health::Checking => ("checking", Style::Weak),
        Health::Healthy => ("healthy", Style::Good),
        Health::Unhealthy(_) => ("unhealthy", Style::Bad),
        Health::Failed(_) => ("failed", Style::Bad),
        Health::Unchecked(_) => ("unchecked", Style::Bad),
        _ => ("unknown", Style::Bad),
    };
    let error = matches!(style, Style::Bad).then(|| error("health", &health.to_string()));
    let object = fields([
        ("address", json!(address)),
        ("service", json!(service)),
        ("health", json!(name)),
        ("error", json!(error)),
    ]);
    ("health", object, words, style)
}

/// Describes a decision of outlier detection.
fn described_ejection(endpoint: &Endpoint, ejection: &Ejection, words: String) -> Described {
    let (name, style) = match ejection {
        Ejection::Ejected { .. } => ("ejected", Style::Bad),
        Ejection::NotEjected { .. } => ("not_ejected", Style::Weak),
        Ejection::Returned => ("returned", Style::Good),
        _ => ("unknown", Style::Weak),
    };
    let object = fields([
        ("endpoint", show::endpoint(endpoint)),
        ("ejection", json!(name)),
        ("message", json!(ejection.to_string())),
    ]);
    ("ejection", object, words, style)
}

fn described_weights(update: &WeightsUpdate, words: String) -> Described {
    let object = fields([
        ("weights", json!(&*update.weights)),
        ("not_yet_usable", json!(update.not_yet_usable)),
        ("stale", json!(update.stale)),
        ("is_fallback", json!(update.is_fallback)),
    ]);
    ("weights", object, words, Style::Weak)
}

/// Returns an error without a suggestion.
fn error(kind: &str, message: &str) -> Value {
    json!({ "kind": kind, "message": message, "suggestion": null })
}

fn subchannel(address: &str, state: &str, message: Option<String>) -> Map<String, Value> {
    let error = message.map(|message| error("connection", &message));
    fields([
        ("address", json!(address)),
        ("state", json!(state)),
        ("error", json!(error)),
    ])
}
