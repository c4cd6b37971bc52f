//! Counts how calls ended.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tonic::{Code, Status};
use trunkline::PeerAddr;

use super::counter::CallCounts;
use super::errors::ErrorCounts;
use super::latency::Latencies;
use crate::failure::Failure;
use crate::out::{Line, Out, Style};
use crate::show;

/// How a call ended, how long it took, and which backend answered.
pub(super) struct FinishedCall {
    pub(super) result: Result<(), Status>,
    /// The backend that answered, also if its answer is an error status. So the counts by backend
    /// are complete for servers without the health service, too.
    pub(super) peer: Option<PeerAddr>,
    pub(super) took: Duration,
}

/// Counts of calls by result, backend and error, with their latencies.
#[derive(Default)]
pub(super) struct Tally {
    ok: u64,
    failed: u64,
    codes: BTreeMap<String, u64>,
    backends: BTreeMap<String, u64>,
    errors: ErrorCounts,
    latencies: Latencies,
    pub(super) counts: CallCounts,
    /// Whether a call counts as made when it was answered, with `--any-status`.
    any_status: bool,
    pub(super) elapsed: Duration,
    /// Calls that the command line asks for and that were not made, because `--for` or `--timeout`
    /// ran out.
    pub(super) unmade: u64,
}

impl Tally {
    pub(super) fn new(any_status: bool) -> Self {
        Self {
            any_status,
            ..Self::default()
        }
    }

    /// Returns the number of calls that make the command fail.
    fn bad(&self) -> u64 {
        if self.any_status {
            (self.ok + self.failed).saturating_sub(self.counts.answered)
        } else {
            self.failed
        }
    }

    pub(super) fn add(&mut self, ended: FinishedCall) {
        self.latencies.add(ended.took);
        if let Some(peer) = ended.peer {
            *self.backends.entry(peer.to_string()).or_insert(0) += 1;
        }
        let code = match ended.result {
            Ok(()) => {
                self.ok += 1;
                Code::Ok
            }
            Err(status) => {
                self.failed += 1;
                self.errors.add(code_name(status.code()), status.message());
                status.code()
            }
        };
        *self.codes.entry(code_name(code)).or_insert(0) += 1;
    }

    pub(super) fn print(self, out: &Out) -> Result<(), Failure> {
        let object = self.describe();
        if !out.is_json() {
            for line in self.table() {
                out.line(line);
            }
            for part in self.counts.ignored.iter() {
                out.warn(&format!("of the service config, {part}"));
            }
        }
        if self.bad() == 0 && self.unmade == 0 {
            if out.is_json() {
                out.object(&Value::Object(object));
            }
            return Ok(());
        }
        if self.bad() == 0 {
            let (unmade, calls) = (self.unmade, self.ok + self.failed + self.unmade);
            let text = format!("the time ran out before {unmade} of {calls} calls were made");
            let hint = "give --timeout or --for more time, or --concurrency more calls at once";
            return Err(Failure::operation("deadline", text)
                .suggest(Some(hint))
                .beside(object));
        }
        let (code, message, count) = self.errors.most_frequent().unwrap_or_default();
        let share = if count > self.failed / 2 {
            "mostly"
        } else {
            "such as"
        };
        let calls = self.ok + self.failed;
        let (bad, failed) = (self.bad(), self.failed);
        let error = with_message(code, message);
        let text = if self.any_status {
            format!(
                "{bad} of {calls} calls were not answered with a status; {failed} failed, {share} \
                 {error}"
            )
        } else {
            format!("{failed} of {calls} calls failed; {share} {error}")
        };
        Err(Failure::operation("call", text)
            .suggest(hint(code, message))
            .beside(object))
    }

    fn describe(&self) -> Map<String, Value> {
        let fields = [
            ("calls", json!(self.ok + self.failed)),
            ("ok", json!(self.ok)),
            ("failed", json!(self.failed)),
            ("answered", json!(self.counts.answered)),
            ("attempts", self.attempts()),
            ("codes", json!(self.codes)),
            ("backends", json!(self.backends)),
            ("errors", self.errors.to_json()),
            ("warnings", self.warnings()),
            (
                "latency_ms",
                json!({
                    "min": self.quantile(0.0),
                    "p50": self.quantile(0.5),
                    "p90": self.quantile(0.9),
                    "p99": self.quantile(0.99),
                    "max": self.quantile(1.0),
                }),
            ),
            ("elapsed_ms", show::millis(self.elapsed)),
        ];
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Returns the parts of the service config that have no effect.
    fn warnings(&self) -> Value {
        let ignored = self.counts.ignored.iter();
        ignored.map(show::ignored_part).collect()
    }

    /// Returns the calls by the number of their attempts.
    fn attempts(&self) -> Value {
        let attempts = self.counts.attempts.iter();
        Value::Object(
            attempts
                .map(|(attempts, calls)| (attempts.to_string(), json!(calls)))
                .collect(),
        )
    }

    /// Returns the line about attempts; `None` when no call was sent twice.
    fn attempts_line(&self) -> Option<Line> {
        let attempts = &self.counts.attempts;
        attempts.range(2..).next()?;
        let texts = attempts
            .iter()
            .map(|(attempts, calls)| format!("{attempts}: {calls}"));
        let texts = texts.collect::<Vec<_>>().join(", ");
        Some(Line::styled(
            Style::Weak,
            format!("calls by attempts: {texts}"),
        ))
    }

    fn quantile(&self, share: f64) -> Value {
        self.latencies
            .quantile(share)
            .map_or(Value::Null, show::millis)
    }

    /// Returns the lines of the table for people.
    pub(super) fn table(&self) -> Vec<Line> {
        let answered: u64 = self.backends.values().sum();
        let backends = self.backends.iter().map(|(backend, count)| {
            let share = *count as f64 / answered as f64 * 100.0;
            Line::styled(Style::Strong, format!("{count:>8}"))
                .and(format!(" {share:>4.0} %  {backend}"))
        });
        let errors = self.errors.iter().map(|(code, message, count)| {
            Line::from(format!("{count:>8}  "))
                .and_styled(Style::Bad, code)
                .and(with_message("", message))
        });
        let calls = self.ok + self.failed;
        let unit = if calls == 1 { "call" } else { "calls" };
        let answered = if self.any_status {
            format!(", {} answered", self.counts.answered)
        } else {
            String::new()
        };
        let seconds = self.elapsed.as_secs_f64();
        let sum = format!(
            "{calls} {unit}, {} ok, {} failed{answered} in {seconds:.1} s ({:.0}/s); ms: p50 {}, p99 {}, max {}",
            self.ok,
            self.failed,
            calls as f64 / seconds.max(1e-9),
            self.quantile(0.5),
            self.quantile(0.99),
            self.quantile(1.0),
        );
        backends
            .chain(errors)
            .chain(self.attempts_line())
            .chain([Line::styled(Style::Weak, sum)])
            .collect()
    }
}

/// Returns the name of a status code as the gRPC documents have it, such as `NOT_FOUND`.
fn code_name(code: Code) -> String {
    let number = u32::try_from(i32::from(code)).ok();
    number
        .and_then(trunkline::Code::from_number)
        .unwrap_or(trunkline::Code::Unknown)
        .to_string()
}

/// Returns the code and the message, as far as there is a message.
fn with_message(code: &str, message: &str) -> String {
    if message.is_empty() {
        code.to_owned()
    } else {
        format!("{code}: {message}")
    }
}

/// The channel's text about a server that speaks TLS.
const TLS_PEER: &str = "the peer speaks TLS";

/// The channel's texts about backends that fail their health checks.
const NOT_HEALTHY: &str = "not healthy: ";
const UNKNOWN_TO_HEALTH: &str = "not healthy: SERVICE_UNKNOWN";

/// The part of a message that names the client to the operators of a control plane.
const XDS_NODE: &str = "; xDS node ";

/// The channel's text about an answer that has an HTTP status in place of a gRPC status.
const HTTP_ANSWER: &str = " answered HTTP ";

/// Returns what the user can do about calls that fail with this code and message.
fn hint(code: &str, message: &str) -> Option<&'static str> {
    Some(match code {
        _ if message.contains(HTTP_ANSWER) => {
            "check that the address is the server's own, or that the proxy there forwards gRPC"
        }
        _ if message.contains(XDS_NODE) => {
            "`trunkline xds TARGET` shows the resources of the control plane, and with --path \
             /package.Service/Method the route of a call"
        }
        "UNIMPLEMENTED" => {
            "the server has no health service; the answers still show which backends are called: \
             with --any-status that is a success"
        }
        "UNAVAILABLE" if message.contains(TLS_PEER) => {
            "give --tls, and --ca for a server whose issuer the platform does not trust"
        }
        "UNAVAILABLE" if message.contains(UNKNOWN_TO_HEALTH) => {
            "the backends do not know the --health service: give its full name, such as shop.Orders"
        }
        "UNAVAILABLE" if message.contains(NOT_HEALTHY) => {
            "`trunkline watch TARGET --health SERVICE` shows the health of each backend"
        }
        "UNAVAILABLE" => {
            "`trunkline resolve TARGET` shows the addresses, `trunkline connect ADDR` tries one"
        }
        "DEADLINE_EXCEEDED" => "give --timeout more time, or look with `trunkline watch TARGET`",
        "NOT_FOUND" => "the server does not know this --service",
        _ => "`trunkline watch TARGET` shows what happens to the channel",
    })
}
