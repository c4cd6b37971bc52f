//! `trunkline watch`: what happens to a channel.

use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};
use trunkline::{ChannelEvent, Observer, ResolveErrorKind, SubchannelState};

use crate::args::{Common, WatchArgs};
use crate::call::channel;
use crate::failure::Failure;
use crate::out::{Out, Style};
use crate::run::block_on;
use crate::show;

pub(crate) fn run(args: &WatchArgs, common: &Common, out: &Out) -> Result<(), Failure> {
    args.channel.dns.check()?;
    block_on(common.runtime, |runtime| async move {
        let started = runtime.now();
        let printer = Printer {
            out: Arc::new(Out::new(common)),
            started,
        };
        let channel = channel(&args.channel, Arc::clone(&runtime), printer)?;
        channel
            .connect()
            .map_err(|status| Failure::operation("runtime", status.message().to_owned()))?;
        if out.is_live() {
            out.line(&out.paint(Style::Weak, "watching; end with Ctrl-C"));
        }
        let end = args
            .duration
            .or(args.timeout)
            .and_then(|duration| started.checked_add(duration));
        match end {
            Some(end) => runtime.sleep_until(end).await,
            None => pending().await,
        }
        Ok(())
    })
}

/// Prints each event on a line.
#[derive(Debug)]
pub(crate) struct Printer {
    out: Arc<Out>,
    started: Instant,
}

impl Observer for Printer {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        let at = at.saturating_duration_since(self.started);
        let Some((name, fields, words, style)) = describe(event) else {
            return;
        };
        if self.out.is_json() {
            let mut object = fields;
            object.insert("at_ms".to_owned(), show::millis(at));
            object.insert("event".to_owned(), json!(name));
            self.out.object(&Value::Object(object));
        } else {
            let time = self
                .out
                .paint(Style::Weak, &format!("{:>10.1} ms", at.as_secs_f64() * 1e3));
            let name = self.out.paint(style, &format!("{name:<14}"));
            self.out.line(&format!("{time}  {name}  {words}"));
        }
    }
}

/// Tells of each event by tracing, for `-v`.
#[derive(Debug)]
pub(crate) struct Tracer;

impl Observer for Tracer {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        if let Some((name, _, words, _)) = describe(event) {
            tracing::info!("{name}: {words}");
        }
    }
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn describe(event: &ChannelEvent) -> Option<(&'static str, Map<String, Value>, String, Style)> {
    Some(match event {
        ChannelEvent::Endpoints(endpoints) => {
            let lines: Vec<String> = endpoints.iter().map(show::endpoint_line).collect();
            let object = fields([("endpoints", show::endpoints(endpoints))]);
            ("endpoints", object, lines.join(" | "), Style::Strong)
        }
        ChannelEvent::ResolverError(error) => {
            let object = json!({
                "kind": kind(error.kind()), "message": error.to_string(), "suggestion": null,
            });
            (
                "resolver_error",
                fields([("error", object)]),
                error.to_string(),
                Style::Bad,
            )
        }
        ChannelEvent::Config(config) => {
            let policy = config.policy().map(|choice| choice.name.to_string());
            let words = format!(
                "policy {}",
                policy.as_deref().unwrap_or("pick_first (the default)")
            );
            (
                "config",
                fields([("policy", json!(policy))]),
                words,
                Style::Strong,
            )
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
        ChannelEvent::Subchannel { address, state } => {
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
            let words = match &error {
                Some(error) => format!("{address} {state}: {error}"),
                None => format!("{address} {state}"),
            };
            (
                "subchannel",
                subchannel(&address.to_string(), state, error),
                words,
                style,
            )
        }
        ChannelEvent::Lost { address, why } => {
            // The subchannel's own event follows; this one says why.
            let object = subchannel(&address.to_string(), "IDLE", Some(why.clone()));
            (
                "subchannel",
                object,
                format!("{address} lost: {why}"),
                Style::Bad,
            )
        }
        _ => return None,
    })
}

fn subchannel(address: &str, state: &str, error: Option<String>) -> Map<String, Value> {
    let error = error
        .map(|message| json!({ "kind": "connection", "message": message, "suggestion": null }));
    fields([
        ("address", json!(address)),
        ("state", json!(state)),
        ("error", json!(error)),
    ])
}

fn kind(kind: ResolveErrorKind) -> &'static str {
    crate::resolve::kind_code(kind)
}
