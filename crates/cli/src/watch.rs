//! `trunkline watch`: prints what happens to a channel.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trunkline::{ChannelEvent, Observer};
use trunkline_runtime::Lock;

use crate::args::{AttemptArgs, CommonArgs, IdleTimeout, WatchArgs};
use crate::channel;
use crate::endpoint_changes::EndpointChanges;
use crate::event::{describe, is_step};
use crate::failure::Failure;
use crate::out::{Line, Out, Style};
use crate::run::block_on;
use crate::show;

pub(crate) fn run(args: &WatchArgs, common: &CommonArgs, out: &Out) -> Result<(), Failure> {
    let duration = args.duration.or(args.timeout);
    let files = args.channel.open(duration)?;
    block_on(common.runtime, |runtime| async move {
        let started = runtime.now();
        let printer = Printer {
            out: Arc::new(Out::new(common)),
            started,
            default_policy: args.channel.default_policy(),
            shows_steps: common.json || common.verbose > 0,
            changes: Lock::default(),
        };
        let attempts = AttemptArgs::default();
        let tasks = Arc::clone(&runtime);
        let idle = IdleTimeout::Never;
        let channel = channel::build(&args.channel, &attempts, files, idle, tasks, printer)?;
        channel
            .connect()
            .map_err(|status| Failure::operation("runtime", status.message().to_owned()))?;
        if out.is_live() {
            out.line(Line::styled(Style::Weak, "watching; end with Ctrl-C"));
        }
        let end = duration.and_then(|duration| started.checked_add(duration));
        match end {
            Some(end) => runtime.sleep_until(end).await,
            None => pending().await,
        }
        if args.inspect {
            show::inspection(&channel.inspect().await, out)?;
        }
        // Waits, so that the last events are always printed.
        channel.close(Duration::ZERO).await;
        Ok(())
    })
}

/// Prints each event on a line, except a list of endpoints that equals the last.
#[derive(Debug)]
pub(crate) struct Printer {
    out: Arc<Out>,
    started: Instant,
    default_policy: &'static str,
    /// Whether the steps of the channel's work are printed too.
    shows_steps: bool,
    changes: Lock<EndpointChanges>,
}

impl Observer for Printer {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        let at = at.saturating_duration_since(self.started);
        if is_step(event) && !self.shows_steps {
            return;
        }
        let (name, mut fields, mut words, style) = describe(event, self.default_policy);
        match event {
            ChannelEvent::Endpoints(list) => {
                let Some(removed) = self.changes.lock().handle_list(list) else {
                    return;
                };
                fields.insert("removed".to_owned(), show::endpoints(&removed));
                if !removed.is_empty() {
                    let removed: Vec<String> = removed.iter().map(show::endpoint_line).collect();
                    words.push_str(&format!("; removed: {}", removed.join(" | ")));
                }
            }
            ChannelEvent::ResolverError(error) if error.is_authoritative() => {
                self.changes.lock().handle_drop();
            }
            _ => {}
        }
        if self.out.is_json() {
            let mut object = fields;
            object.insert("at_ms".to_owned(), show::millis(at));
            object.insert("event".to_owned(), json!(name));
            self.out.object(&Value::Object(object));
        } else {
            let time = format!("{:>10.1} ms", at.as_secs_f64() * 1e3);
            self.out.line(
                Line::styled(Style::Weak, time)
                    .and("  ")
                    .and_styled(style, format!("{name:<14}"))
                    .and(format!("  {words}")),
            );
        }
    }
}
