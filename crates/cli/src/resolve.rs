//! `trunkline resolve`: shows the endpoints that a load-balancing policy would get.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::iter::successors;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trunkline::lb::PolicyRegistry;
use trunkline::resolver::LookupReport;
use trunkline::service_config::ServiceConfig;
use trunkline::target::{ErrorKind, ParseError, Schemes, Target};
use trunkline::{
    Resolution, ResolveError, ResolveErrorKind, Resolver, ResolverFactory, ResolverOptions,
    ResolverRegistry, Runtime, ServiceConfigSource, Verdict,
};
use trunkline_dns::{LookupError, ServerAttempt, ServerOutcome};

use crate::args::{CommonArgs, ResolveArgs};
use crate::failure::Failure;
use crate::out::{Line, Out, Style};
use crate::run::block_on;
use crate::{mesh, show, target};

/// The deadline of each resolution, when `--timeout` gives none for all of them.
const EACH: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &ResolveArgs, common: &CommonArgs, out: &Out) -> Result<(), Failure> {
    let files = args.dns.open(args.timeout)?;
    let options = files
        .options()
        .with_resolving_timeout(args.timeout.unwrap_or(EACH))
        .with_sort(!args.no_sort)
        .with_txt_service_config(args.txt);
    let xds = args.bootstrap.open(args.timeout)?;
    let registry = ResolverRegistry::standard()
        .with_dns(options)
        .with(xds.resolver_factory());
    let known: Vec<&str> = registry.schemes().collect();
    let target = Target::parse_with(&args.target, Schemes::new(&known, "dns"))
        .map_err(|error| invalid_target(&args.target, &error))?;
    let factory = registry.get(target.scheme()).cloned().ok_or_else(|| {
        let text = format!("there is no resolver for the scheme `{}`", target.scheme());
        Failure::unusable("invalid_target", text)
    })?;
    factory
        .check(&target)
        .map_err(|error| failure(&error, target.scheme()))?;
    block_on(common.runtime, |runtime| {
        repeat(args, out, runtime, factory, target)
    })
}

/// Makes the error of a target that does not parse, with the kind that `resolve` has for it.
fn invalid_target(text: &str, error: &ParseError) -> Failure {
    let kind = match error.kind() {
        ErrorKind::Host => "invalid_name",
        _ => "invalid_target",
    };
    target::failure(text, error).with_kind(kind)
}

async fn repeat(
    args: &ResolveArgs,
    out: &Out,
    runtime: Arc<dyn Runtime>,
    factory: Arc<dyn ResolverFactory>,
    target: Target,
) -> Result<(), Failure> {
    let mut options = ResolverOptions::new(Arc::clone(&runtime));
    if let Some(authority) = factory.default_authority(&target) {
        options = options.with_authority(authority);
    }
    let mut last = Ok(());
    let mut started = runtime.now();
    let end = args
        .timeout
        .and_then(|timeout| started.checked_add(timeout));
    for round in 0..args.repeat {
        if round > 0 {
            if let Some(next) = started
                .checked_add(args.every)
                .filter(|next| *next > runtime.now())
            {
                runtime
                    .sleep_until(end.map_or(next, |end| end.min(next)))
                    .await;
            }
            started = runtime.now();
            if end.is_some_and(|end| end <= started) {
                let (made, repeat) = (round, args.repeat);
                let text = format!("the deadline passed after {made} of {repeat} resolutions");
                return Err(Failure::operation("deadline", text)
                    .suggest(Some("give --timeout more time, or --every less")));
            }
        }
        // The factory keeps what one resolution leaves for the next: the cache, and what is known
        // of the DNS servers.
        let resolver = factory
            .build(&target, &options)
            .map_err(|error| failure(&error, target.scheme()))?;
        let resolution = resolve(resolver, &*runtime, end.unwrap_or(started + EACH)).await;
        last = print(&resolution, target.scheme(), out, started, runtime.now());
        if let (Err(failure), true) = (&last, round + 1 < args.repeat) {
            if out.is_json() {
                out.object(&failure.to_json());
            } else {
                out.failure(failure);
            }
        }
    }
    last
}

/// Waits for a resolver's first complete result, or for what there is at the deadline.
async fn resolve(
    mut resolver: Box<dyn Resolver>,
    runtime: &dyn Runtime,
    deadline: Instant,
) -> Resolution {
    let mut late = pin!(runtime.sleep_until(deadline));
    let mut best: Option<Resolution> = None;
    poll_fn(|cx| {
        while let Poll::Ready(resolution) = resolver.poll_resolution(cx) {
            resolver.handle_verdict(Verdict::Accepted);
            let is_complete = resolution
                .attributes
                .get::<LookupReport>()
                .is_none_or(|it| it.complete);
            if is_complete || resolution.endpoints.is_err() {
                return Poll::Ready(resolution);
            }
            best = Some(resolution);
        }
        if late.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(best.take().unwrap_or_else(|| {
            let text = "the deadline passed before there was an answer";
            Resolution::from_error(ResolveError::new(ResolveErrorKind::Deadline, text))
        }))
    })
    .await
}

fn print(
    resolution: &Resolution,
    scheme: &str,
    out: &Out,
    started: Instant,
    now: Instant,
) -> Result<(), Failure> {
    let endpoints = match &resolution.endpoints {
        _ if scheme == "xds" => mesh::endpoints(resolution)?,
        Ok(endpoints) => Arc::clone(endpoints),
        Err(error) => return Err(failure(error, scheme)),
    };
    let report = resolution.attributes.get::<LookupReport>();
    let attempts = report.map_or(&[][..], |report| &report.attempts);
    let elapsed = report.map_or(now - started, |report| report.elapsed);
    let server = report
        .and_then(|report| report.server)
        .map(|server| server.to_string());
    let ttl = report.and_then(|report| report.expires).map(|at| {
        // A TTL is whole seconds; the time that remains has a fraction.
        (at.saturating_duration_since(now).as_secs_f64() * 1e3).round() / 1e3
    });
    let partial = report.is_some_and(|report: &LookupReport| report.partial || !report.complete);
    let config = match &resolution.service_config {
        ServiceConfigSource::Json(json) => serde_json::from_str(json).unwrap_or(Value::Null),
        _ => Value::Null,
    };
    // That of a mesh names policies which only its channels have.
    let doubt = (scheme != "xds")
        .then(|| doubt(&resolution.service_config))
        .flatten();
    let note = &*resolution.resolution_note;
    if out.is_json() {
        let mut object = json!({
            "endpoints": show::endpoints(&endpoints),
            "partial": partial,
            "service_config": config,
            "ttl_secs": ttl,
            "server": server,
            "servers": attempts.iter().map(describe).collect::<Value>(),
            "elapsed_ms": show::millis(elapsed),
        });
        let doubt = doubt.map(|message| ("service_config", message));
        let note = Some(("note", note.to_owned())).filter(|(_, note)| !note.is_empty());
        let warnings = doubt.into_iter().chain(note).map(|(kind, message)| {
            json!({ "kind": kind, "at": null, "message": message, "suggestion": null })
        });
        let warnings: Vec<Value> = warnings.collect();
        if !warnings.is_empty() {
            object["warnings"] = warnings.into();
        }
        out.object(&object);
        return Ok(());
    }
    for endpoint in endpoints.iter() {
        out.line(show::endpoint_line(endpoint));
    }
    let mut remark = format!(
        "{} in {:.1} ms",
        count(endpoints.len()),
        elapsed.as_secs_f64() * 1e3
    );
    if let Some(server) = server {
        remark.push_str(&format!(", from {server}"));
    }
    if let Some(ttl) = ttl {
        remark.push_str(&format!(", good for {ttl} s"));
    }
    out.line(Line::styled(Style::Weak, remark));
    if !config.is_null() {
        out.line(format!("service config: {config}"));
    }
    if let Some(message) = doubt {
        out.warn(&message);
    }
    for attempt in attempts
        .iter()
        .filter(|attempt| attempt.ignored > 0 || is_trouble(attempt.outcome))
    {
        out.warn(&attempt.to_string());
    }
    if !note.is_empty() {
        out.warn(note);
    } else if partial {
        out.warn("the answer is incomplete: a part of it could not be looked up in time");
    }
    Ok(())
}

/// Returns why a channel would refuse the service config.
fn doubt(config: &ServiceConfigSource) -> Option<String> {
    match config {
        ServiceConfigSource::Invalid(error) => Some(error.to_string()),
        ServiceConfigSource::Json(json) => {
            let error = ServiceConfig::parse(json, &PolicyRegistry::standard()).err()?;
            Some(format!(
                "a channel with the standard policies refuses the service config: {error}"
            ))
        }
        _ => None,
    }
}

fn count(endpoints: usize) -> String {
    match endpoints {
        1 => "1 endpoint".to_owned(),
        n => format!("{n} endpoints"),
    }
}

fn failure(error: &ResolveError, scheme: &str) -> Failure {
    // For `srv`, the source can be the error of one host, which has the lookup's as its own source.
    let lookup = successors(error.source(), |&error| error.source())
        .find_map(|source| source.downcast_ref::<LookupError>());
    let name = lookup.map(LookupError::name);
    let attempts = lookup.map_or(&[][..], LookupError::attempts);
    let mut failure = match error.kind() {
        ResolveErrorKind::InvalidName => {
            Failure::unusable(show::resolve_error_kind(error.kind()), error.to_string())
        }
        kind => Failure::operation(show::resolve_error_kind(kind), error.to_string()),
    };
    if lookup.is_some() {
        failure = failure.summary(error.summary());
    }
    attempts
        .iter()
        .fold(failure, |failure, attempt| {
            failure.detail(attempt.to_string())
        })
        .field("name", name)
        .field("servers", attempts.iter().map(describe).collect::<Value>())
        .suggest(suggestion(error.kind(), scheme, lookup))
}

/// Returns true for a server's failure that people should know of although another server answered.
fn is_trouble(outcome: ServerOutcome) -> bool {
    use ServerOutcome as O;
    !matches!(
        outcome,
        O::Answered(_) | O::NoData | O::NotFound | O::Truncated | O::NoEdns | O::Abandoned
    )
}

fn describe(attempt: &ServerAttempt) -> Value {
    json!({
        "server": attempt.server.to_string(),
        "transport": attempt.transport.to_string(),
        "name": attempt.name.to_string(),
        "type": attempt.record_type.to_string(),
        "outcome": attempt.outcome.code(),
        "ignored": attempt.ignored,
        "elapsed_ms": show::millis(attempt.elapsed),
    })
}

/// Returns what the user can do about an error of this kind, for a target of this scheme. `lookup` is
/// the failed lookup behind it, if there is one.
fn suggestion(
    kind: ResolveErrorKind,
    scheme: &str,
    lookup: Option<&LookupError>,
) -> Option<&'static str> {
    let is_alias = lookup.is_some_and(|lookup| !lookup.aliases().is_empty());
    let is_declared = lookup.is_some_and(|lookup| lookup.absence().is_declared);
    let is_at_interface =
        lookup.is_some_and(|lookup| lookup.name().contains('%') && lookup.attempts().is_empty());
    Some(match kind {
        _ if is_alias => "correct the last CNAME record, or add the name that it leads to",
        _ if is_declared => "the owner of the zone has turned the service off: check its name",
        ResolveErrorKind::NotFound => {
            "check the spelling and the search list; a name with a dot at its end is not searched"
        }
        ResolveErrorKind::NoData if scheme == "srv" => {
            "the name exists without SRV records: is it a host name (`dns:///HOST:PORT`)?"
        }
        ResolveErrorKind::NoData => {
            "the name exists without addresses: is it a name of SRV records (`srv:///..`)?"
        }
        ResolveErrorKind::InvalidName => "give a host name such as `orders.prod.svc`",
        ResolveErrorKind::Unavailable if is_at_interface => {
            "`ip link` lists the network interfaces"
        }
        ResolveErrorKind::Unavailable if scheme == "srv" && lookup.is_none() => {
            "correct the SRV records: each needs the port of its service"
        }
        _ => "ask another DNS server with `dns://SERVER:PORT/NAME`, or give --timeout more time",
    })
}
