//! `trunkline call`: health checks through a channel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value, json};
use tonic::{Code, Request, Status};
use trunkline::{Channel, PeerAddr, Runtime, WaitForReady};

use crate::args::{CallArgs, ChannelArgs, Common};
use crate::failure::Failure;
use crate::health::{HealthCheckRequest, HealthClient, ServingStatus};
use crate::out::{Out, Style};
use crate::run::block_on;
use crate::show;
use crate::tap::Tap;

pub(crate) fn run(args: &CallArgs, common: &Common, out: &Out) -> Result<(), Failure> {
    args.channel.dns.check()?;
    block_on(common.runtime, |runtime| async move {
        let channel = channel(&args.channel, Arc::clone(&runtime), None)?;
        let tally = Load {
            args,
            runtime,
            channel,
        }
        .run()
        .await;
        tally.print(out)
    })
}

/// A channel as the command line asks for it.
pub(crate) fn channel(
    args: &ChannelArgs,
    runtime: Arc<dyn Runtime>,
    observer: Option<crate::watch::Printer>,
) -> Result<Channel, Failure> {
    let mut dns = args.dns.options();
    dns.pacing.min_interval = args.min_resolution_interval;
    let mut builder = Channel::builder(args.target.as_str())
        .plaintext()
        .runtime(runtime)
        .dns(dns);
    if let Some(policy) = &args.lb {
        let config = json!({ "loadBalancingConfig": [{ policy.as_str(): {} }] });
        builder = builder.default_service_config(config.to_string());
    }
    if let Some(config) = &args.service_config {
        builder = builder.default_service_config(config.as_str());
    }
    if let Some(authority) = &args.authority {
        builder = builder.authority(authority.as_str());
    }
    if let Some(observer) = observer {
        builder = builder.observer(observer);
    }
    builder.build().map_err(|error| {
        Failure::unusable(build_kind(&error), error.to_string()).suggest(build_hint(&error))
    })
}

fn build_kind(error: &trunkline::BuildError) -> &'static str {
    use trunkline::BuildErrorKind as Kind;
    match error.kind() {
        Kind::Target | Kind::Scheme => "invalid_target",
        Kind::Authority => "invalid_authority",
        Kind::ServiceConfig => "invalid_service_config",
        _ => "invalid_channel",
    }
}

fn build_hint(error: &trunkline::BuildError) -> Option<&'static str> {
    use trunkline::BuildErrorKind as Kind;
    Some(match error.kind() {
        Kind::Target => "`trunkline target TARGET` shows the parts of a target",
        Kind::Scheme => "give a target such as `dns:///orders.prod.svc:50051`",
        Kind::Authority => "give another with --authority",
        Kind::ServiceConfig => "give --lb round_robin or --lb pick_first, or valid JSON",
        _ => return None,
    })
}

/// The calls to make.
struct Load<'a> {
    args: &'a CallArgs,
    runtime: Arc<dyn Runtime>,
    channel: Channel,
}

/// How one call ended, when, and who answered.
struct Ended {
    result: Result<(), Status>,
    /// Who answered, also with an error: a server without the health service shows balancing too.
    peer: Option<PeerAddr>,
    took: Duration,
}

impl Load<'_> {
    async fn run(&self) -> Tally {
        let args = self.args;
        let started = self.runtime.now();
        let count = args
            .count
            .unwrap_or_else(|| args.duration.map_or(1, |_| u64::MAX));
        let end = args
            .duration
            .and_then(|duration| started.checked_add(duration));
        let gap = args.qps.map(|qps| Duration::from_secs_f64(1.0 / qps));
        let mut tally = Tally::new();
        let mut running = FuturesUnordered::new();
        let mut made = 0_u64;
        loop {
            let now = self.runtime.now();
            let may_start = made < count && end.is_none_or(|end| now < end);
            let has_room = running.len() < args.concurrency as usize;
            let due = gap
                .map(|gap| started + gap.mul_f64(made as f64))
                .filter(|due| *due > now);
            if may_start && has_room && due.is_none() {
                running.push(self.one());
                made += 1;
                continue;
            }
            // Wait for a call to end, or for the time of the next one.
            let wait = due.filter(|_| may_start && has_room);
            match (running.is_empty(), wait) {
                (true, None) => break,
                (true, Some(due)) => self.runtime.sleep_until(due).await,
                (false, None) => {
                    if let Some(ended) = running.next().await {
                        tally.add(ended);
                    }
                }
                (false, Some(due)) => {
                    let sleep = self.runtime.sleep_until(due);
                    match futures_util::future::select(running.next(), sleep).await {
                        futures_util::future::Either::Left((Some(ended), _)) => tally.add(ended),
                        _ => continue,
                    }
                }
            }
        }
        tally.elapsed = self.runtime.now() - started;
        tally
    }

    async fn one(&self) -> Ended {
        let started: Instant = self.runtime.now();
        let service = self.args.service.clone();
        let mut request = Request::new(HealthCheckRequest { service });
        request.set_timeout(self.args.timeout);
        if self.args.wait_for_ready {
            request.extensions_mut().insert(WaitForReady(true));
        }
        let tap = Tap::new(self.channel.clone());
        let result = HealthClient::new(tap.clone()).check(request).await;
        let took = self.runtime.now() - started;
        let peer = tap.peer();
        let result = result.and_then(|response| match response.get_ref().status() {
            ServingStatus::Serving | ServingStatus::Unknown => Ok(()),
            other => {
                let peer = peer
                    .as_ref()
                    .map_or_else(String::new, |peer| format!("{peer}: "));
                let text = format!("{peer}the service says {}", other.as_str_name());
                Err(Status::unavailable(text))
            }
        });
        Ended { result, peer, took }
    }
}

/// What came of the calls.
struct Tally {
    ok: u64,
    failed: u64,
    codes: BTreeMap<String, u64>,
    backends: BTreeMap<String, u64>,
    errors: BTreeMap<(String, String), u64>,
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Tally {
    fn new() -> Self {
        Self {
            ok: 0,
            failed: 0,
            codes: BTreeMap::new(),
            backends: BTreeMap::new(),
            errors: BTreeMap::new(),
            latencies: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    fn add(&mut self, ended: Ended) {
        self.latencies.push(ended.took);
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
                let key = (code_name(status.code()), status.message().to_owned());
                *self.errors.entry(key).or_insert(0) += 1;
                status.code()
            }
        };
        *self.codes.entry(code_name(code)).or_insert(0) += 1;
    }

    fn print(mut self, out: &Out) -> Result<(), Failure> {
        self.latencies.sort_unstable();
        let object = self.describe();
        if !out.is_json() {
            self.table(out);
        }
        if self.failed == 0 {
            if out.is_json() {
                out.object(&Value::Object(object));
            }
            return Ok(());
        }
        let most = self.errors.iter().max_by_key(|(_, count)| **count);
        let (code, message) = most.map(|(error, _)| error.clone()).unwrap_or_default();
        let calls = self.ok + self.failed;
        let text = format!(
            "{} of {calls} calls failed; mostly {code}: {message}",
            self.failed
        );
        Err(Failure::operation("call", text)
            .suggest(hint(&code))
            .beside(object))
    }

    fn describe(&self) -> Map<String, Value> {
        let errors: Vec<Value> = self
            .errors
            .iter()
            .map(|((code, message), count)| {
                json!({ "code": code, "message": message, "count": count })
            })
            .collect();
        let fields = [
            ("calls", json!(self.ok + self.failed)),
            ("ok", json!(self.ok)),
            ("failed", json!(self.failed)),
            ("codes", json!(self.codes)),
            ("backends", json!(self.backends)),
            ("errors", Value::Array(errors)),
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

    fn quantile(&self, share: f64) -> Value {
        let last = self.latencies.len().saturating_sub(1) as f64;
        let at = (last * share).round() as usize;
        self.latencies
            .get(at)
            .map_or(Value::Null, |latency| show::millis(*latency))
    }

    fn table(&self, out: &Out) {
        for (backend, count) in &self.backends {
            out.line(&format!(
                "{:>8}  {backend}",
                out.paint(Style::Strong, &count.to_string())
            ));
        }
        for ((code, message), count) in &self.errors {
            let code = out.paint(Style::Bad, code);
            out.line(&format!("{count:>8}  {code}: {message}"));
        }
        let rate = (self.ok + self.failed) as f64 / self.elapsed.as_secs_f64().max(1e-9);
        out.line(&out.paint(
            Style::Weak,
            &format!(
                "{} calls, {} ok, {} failed in {:.1} s ({rate:.0}/s); ms: p50 {}, p99 {}, max {}",
                self.ok + self.failed,
                self.ok,
                self.failed,
                self.elapsed.as_secs_f64(),
                self.quantile(0.5),
                self.quantile(0.99),
                self.quantile(1.0),
            ),
        ));
    }
}

/// The name that the gRPC documents print.
fn code_name(code: Code) -> String {
    let number = u32::try_from(i32::from(code)).ok();
    number
        .and_then(trunkline::Code::from_number)
        .unwrap_or(trunkline::Code::Unknown)
        .to_string()
}

/// What to do next.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "UNIMPLEMENTED" => {
            "the server has no health service; what it answered still shows who answers"
        }
        "UNAVAILABLE" => {
            "`trunkline resolve TARGET` shows the addresses, `trunkline connect ADDR` tries one"
        }
        "DEADLINE_EXCEEDED" => "give --timeout more time, or look with `trunkline watch TARGET`",
        "NOT_FOUND" => "the server does not know this --service",
        _ => "`trunkline watch TARGET` shows what happens to the channel",
    })
}
