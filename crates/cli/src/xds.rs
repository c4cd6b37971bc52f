//! `trunkline xds`: prints what a control plane sends for a target.

mod certificates;
mod resources;
mod route;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use http::HeaderMap;
use serde_json::{Value, json};
use trunkline::target::{Schemes, Target};
use trunkline::xds::core::XdsConfig;
use trunkline::xds::{Xds, XdsPool};
use trunkline::{Resolver, ResolverFactory, ResolverOptions, Runtime, Verdict};

use self::route::Route;
use crate::args::{CommonArgs, XdsArgs};
use crate::failure::Failure;
use crate::out::Out;
use crate::run::block_on;
use crate::{mesh, metadata, target};

pub(crate) fn run(args: &XdsArgs, common: &CommonArgs, out: &Out) -> Result<(), Failure> {
    let pool = XdsPool::new();
    let xds = args.bootstrap.open(Some(args.timeout))?;
    // Reads the files of certificates that the clusters name, and connects to no backend.
    let xds = xds.with_pool(pool.clone()).with_xds_credentials();
    let headers = metadata::parse(&args.headers)?.into_headers();
    let target = parse(&args.target)?;
    block_on(common.runtime, |runtime| {
        show(args, out, runtime, xds, pool, target, headers)
    })
}

/// Parses a target, which must have the scheme `xds`.
fn parse(text: &str) -> Result<Target, Failure> {
    let target = Target::parse_with(text, Schemes::new(&["xds", "dns"], "dns"))
        .map_err(|error| target::failure(text, &error))?;
    if target.scheme() == "xds" {
        return Ok(target);
    }
    let message = format!("`{text}` has the scheme `{}`", target.scheme());
    let suggestion = format!("give a target such as `xds:///{}`", target.endpoint());
    Err(Failure::unusable("invalid_target", message).suggest(Some(suggestion)))
}

async fn show(
    args: &XdsArgs,
    out: &Out,
    runtime: Arc<dyn Runtime>,
    xds: Xds,
    pool: XdsPool,
    target: Target,
    headers: HeaderMap,
) -> Result<(), Failure> {
    let resolver = xds.resolver_factory();
    let unusable = |error: trunkline::ResolveError| {
        Failure::unusable("bootstrap", error.to_string())
            .suggest(Some("give the bootstrap with --bootstrap FILE"))
    };
    resolver.check(&target).map_err(unusable)?;
    let mut options = ResolverOptions::new(Arc::clone(&runtime));
    if let Some(authority) = resolver.default_authority(&target) {
        options = options.with_authority(authority);
    }
    let mut resolver = resolver.build(&target, &options).map_err(unusable)?;
    let deadline = runtime.now() + args.timeout;
    let outcome = resolve(&mut *resolver, &*runtime, deadline).await;
    let now = runtime.now();
    let dump = pool.dump();
    let route = match (&outcome, &args.path) {
        (Ok(config), Some(path)) => Some(Route::of(config, path, &headers)),
        _ => None,
    };
    if out.is_json() {
        let mut object = json!({
            "resources": resources::json(&dump, now),
            "certificate_providers": certificates::json(&dump),
        });
        if args.path.is_some() {
            object["route"] = route.as_ref().map_or(Value::Null, Route::json);
        }
        return match failure(outcome, route.as_ref()) {
            None => {
                out.object(&object);
                Ok(())
            }
            Some(failure) => {
                let object = object.as_object().cloned().unwrap_or_default();
                Err(failure.beside(object))
            }
        };
    }
    for line in resources::lines(&dump, now) {
        out.line(line);
    }
    for line in certificates::lines(&dump) {
        out.line(line);
    }
    for line in route.iter().flat_map(Route::lines) {
        out.line(line);
    }
    failure(outcome, route.as_ref()).map_or(Ok(()), Err)
}

fn failure(outcome: Result<Arc<XdsConfig>, Failure>, route: Option<&Route>) -> Option<Failure> {
    match outcome {
        Err(failure) => Some(failure),
        Ok(_) => route.and_then(Route::failure),
    }
}

/// Waits for the first configuration, or for the reason why there is none.
async fn resolve(
    resolver: &mut dyn Resolver,
    runtime: &dyn Runtime,
    deadline: Instant,
) -> Result<Arc<XdsConfig>, Failure> {
    let mut late = pin!(runtime.sleep_until(deadline));
    let mut last = None;
    poll_fn(|cx| {
        // Polled until there is no more, so that the client knows that all of it is used.
        while let Poll::Ready(resolution) = resolver.poll_resolution(cx) {
            resolver.handle_verdict(Verdict::Accepted);
            last = Some(mesh::config(&resolution));
        }
        if let Some(last) = last.take() {
            return Poll::Ready(last);
        }
        if late.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let message = match resolver.waiting_for() {
            Some(waits) => format!("the deadline passed; waiting for {waits}"),
            None => "the deadline passed before there was an answer".to_owned(),
        };
        Poll::Ready(Err(Failure::operation("deadline", message)))
    })
    .await
}
