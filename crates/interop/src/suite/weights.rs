//! Shares of calls under weighted_round_robin, by what grpc-go servers report of their load. It is no part of
//! gRPC's suite, but uses its servers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use trunkline::PeerAddr;

use super::certificates::Certificates;
use super::foreign::{GRPC_GO, command, start_grpc_go};
use super::proto::SimpleRequest;
use super::stub::{Place, Stub};
use crate::clients::NamedRuntime;
use crate::clock::now;
use crate::wrong::Wrong;

/// The queries per second that each server reports.
const QPS: f64 = 100.0;

/// The utilization that each server reports.
const UTILIZATIONS: [f64; 3] = [0.2, 0.4, 0.8];

/// How far a share may be from what the reports ask for, in parts of it.
const TOLERANCE: f64 = 0.05;

/// The time until the weights count: the blackout period, and some more.
const WARM_UP: Duration = Duration::from_millis(2_500);

/// The calls of which the shares are counted.
const CALLS: usize = 2_000;

/// The longest time for all calls.
const LIMIT: Duration = Duration::from_secs(60);

/// The ways in which the servers report, with the configuration of the policy.
const WAYS: [(&str, &str); 2] = [
    (
        "in trailers",
        r#"{"blackoutPeriod":"1s","weightUpdatePeriod":"0.2s"}"#,
    ),
    (
        "out of band",
        r#"{"blackoutPeriod":"1s","weightUpdatePeriod":"0.2s","enableOobLoadReport":true,"oobReportingPeriod":"1s"}"#,
    ),
];

/// Makes calls on all runtimes, with reports in trailers and out of band, and prints the shares.
///
/// # Errors
///
/// When a call fails, or a share is too far from what the reports ask for.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let command = match command(GRPC_GO)? {
        Ok(command) => command,
        Err(why) => {
            println!("skipped: the weights of grpc-go servers: {why}");
            return Ok(());
        }
    };
    let certificates = Certificates::make()?;
    let servers = UTILIZATIONS.map(|utilization| {
        let args = [format!("-qps={QPS}"), format!("-utilization={utilization}")];
        start_grpc_go(&command, &certificates, &args)
    });
    let servers = servers.into_iter().collect::<Result<Vec<_>, _>>()?;
    let addresses: Vec<_> = servers.iter().map(|one| one.addresses.plaintext).collect();
    let place = Place::several(&addresses, None);
    for (way, config) in WAYS {
        let config = format!(r#"{{"loadBalancingConfig":[{{"weighted_round_robin":{config}}}]}}"#);
        let started = runtimes.iter().map(|on| {
            let config = config.clone();
            let stub = Stub::new_with(&place, on, |builder| builder.default_service_config(config));
            Ok((on.name, on.start(count(stub?))))
        });
        let started = started.collect::<Result<Vec<_>, Wrong>>()?;
        for (on, counts) in started {
            let counts = counts.recv_timeout(LIMIT)?;
            let line = counts.and_then(|counts| judge(&addresses, &counts));
            let line = line.map_err(|wrong| format!("{way} on {on}: {wrong}"))?;
            println!("{way} on {on}: {line}");
        }
    }
    Ok(())
}

/// Calls for some time, until the weights count, and then counts the calls that each server gets.
async fn count(stub: Stub) -> Result<BTreeMap<SocketAddr, usize>, Wrong> {
    let warm = now() + WARM_UP;
    while now() < warm {
        call(&stub).await?;
        stub.sleep_until(now() + Duration::from_millis(5)).await;
    }
    let mut counts = BTreeMap::new();
    for _ in 0..CALLS {
        *counts.entry(call(&stub).await?).or_insert(0) += 1;
    }
    Ok(counts)
}

/// Makes one call, and returns the address of the server.
async fn call(stub: &Stub) -> Result<SocketAddr, Wrong> {
    let reply = stub.tests().unary_call(SimpleRequest::default()).await;
    let reply = reply.map_err(|status| format!("{:?}: {}", status.code(), status.message()))?;
    match reply.extensions().get::<PeerAddr>() {
        Some(PeerAddr::Ip(peer)) => Ok(*peer),
        other => Err(format!("the peer is {other:?}").into()),
    }
}

/// Returns a line on the shares.
fn judge(servers: &[SocketAddr], counts: &BTreeMap<SocketAddr, usize>) -> Result<String, Wrong> {
    let weights = UTILIZATIONS.map(|utilization| QPS / utilization);
    let sum: f64 = weights.iter().sum();
    let mut parts = Vec::new();
    let mut worst: f64 = 0.0;
    for (server, weight) in servers.iter().zip(weights) {
        let expected = weight / sum * CALLS as f64;
        let count = counts.get(server).copied().unwrap_or(0);
        worst = worst.max((count as f64 / expected - 1.0).abs());
        parts.push(format!("{count} of {expected:.0}"));
    }
    let line = format!(
        "{CALLS} calls in shares of {}; at most {:.1} % off",
        parts.join(", "),
        100.0 * worst
    );
    if worst > TOLERANCE {
        return Err(line.into());
    }
    Ok(line)
}
