//! Three endpoints with an IPv6 and an IPv4 address each, of which the IPv6 side dies.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use serde_json::json;

use super::backend::{Backend, Connections};
use super::clients::foreign;
use super::plane::Plane;
use super::resources::{assignment, cluster, endpoint, listener, routes, weighted_route};
use super::started;
use super::traffic::{Traffic, more};
use crate::clients::NamedRuntime;
use crate::clock::until;
use crate::suite::foreign::command;
use crate::wrong::Wrong;

/// The calls per second of each client.
const RATE: u32 = 200;

/// The answers of each client from which its shares are computed.
const ANSWERS: usize = 600;

/// The answers of each client before that, so that none is of a call that waited for a connection.
const WAITING: usize = 300;

/// How far a share may be from a third, in points of a per cent. The calls that are in flight when the answers
/// are counted make the difference.
const TOLERANCE: f64 = 2.0;

/// Makes calls on all runtimes, and with the clients of other projects, and prints the results.
///
/// # Errors
///
/// When a call of ours fails, an endpoint has not its share, or a connection is made more than once.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let xds = match command("xds")? {
        Ok(xds) => xds,
        Err(why) => {
            println!("skipped: the dual-stack mesh: {why}");
            return Ok(());
        }
    };
    if let Err(why) = TcpListener::bind("[::1]:0") {
        println!("skipped: the dual-stack mesh: no IPv6 here: {why}");
        return Ok(());
    }
    let start = |number| Backend::start(&xds, &["[::1]:0", &format!("127.0.0.{number}:0")]);
    let mut backends = (1..=3).map(start).collect::<Result<Vec<_>, _>>()?;
    let sides = [0, 1].map(|side| {
        let all = backends.iter();
        all.map(|backend| backend.addresses[side])
            .collect::<Vec<_>>()
    });
    let [v6, v4] = &sides;

    let mut plane = Plane::start(&xds)?;
    let endpoints = backends.iter().map(|backend| endpoint(&backend.addresses));
    let locality = json!([{
        "locality": {"region": "here", "zone": "z1"},
        "load_balancing_weight": 1,
        "lb_endpoints": endpoints.collect::<Vec<_>>(),
    }]);
    plane.set(&[
        listener("orders", "routes"),
        routes("routes", &json!([weighted_route(&[("a", 1)])])),
        cluster("a"),
        assignment("a", &locality),
    ])?;
    let clients = started::clients(&foreign(&xds)?, &plane, runtimes)?;
    let traffic = clients.into_iter();
    let traffic = traffic.map(|(name, client)| Traffic::start(name, client, RATE));
    let mut traffic = traffic.collect::<Result<Vec<_>, _>>()?;

    answered(&mut traffic, v6)?;
    let before = shares(&mut traffic, v6)?;
    for (backend, address) in backends.iter_mut().zip(v6) {
        backend.cut(*address)?;
    }
    let took = answered(&mut traffic, v4)?;
    let after = shares(&mut traffic, v4)?;
    for (backend, address) in backends.iter_mut().zip(v6) {
        backend.listen(*address)?;
    }
    // Connections that work stay.
    shares(&mut traffic, v4)?;

    for (number, one) in traffic.iter_mut().enumerate() {
        let called = one.stop()?;
        let result = one.none_failed(&called);
        let failed = match result {
            Err(wrong) if one.is_own() => return Err(wrong),
            Err(wrong) => wrong.to_string(),
            Ok(calls) => format!("{calls} calls, 0 failed"),
        };
        let retried = one
            .stub()
            .map(|stub| format!(", {} attempts sent again", stub.retries()));
        println!(
            "dual-stack mesh, {}: the IPv6 side of three grpc-go backends died under {RATE} calls/s: {failed}{}; the last endpoint answered over IPv4 after {} ms; shares {} before, {} after",
            one.name,
            retried.unwrap_or_default(),
            took[number],
            before[number],
            after[number],
        );
    }
    for backend in &mut backends {
        let counts = backend.counts()?;
        for one in traffic.iter().filter(|one| one.is_own()) {
            for (side, closed) in [(0, 1), (1, 0)] {
                let address = backend.addresses[side];
                let found = counts.get(&(one.name.to_owned(), address));
                let expected = Connections {
                    accepted: 1,
                    closed,
                };
                if found != Some(&expected) {
                    let name = one.name;
                    return Err(format!("{name}: connections to {address}: {found:?}").into());
                }
            }
        }
    }
    Ok(())
}

/// Waits until each client has a further answer of each address, and returns the milliseconds that it took.
fn answered(traffic: &mut [Traffic], addresses: &[SocketAddr]) -> Result<Vec<u128>, Wrong> {
    let mut took: Vec<Option<u128>> = vec![None; traffic.len()];
    let began = crate::clock::now();
    until("each endpoint answers", || {
        for (one, took) in traffic.iter_mut().zip(&mut took) {
            if took.is_none() {
                let backends = one.outcome()?.backends;
                let all = addresses
                    .iter()
                    .all(|address| backends.contains_key(address));
                *took = all.then(|| (crate::clock::now() - began).as_millis());
            }
        }
        Ok(took.iter().all(Option::is_some))
    })?;
    Ok(took.into_iter().flatten().collect())
}

/// Waits for answers of each client, and returns its shares as a text.
///
/// # Errors
///
/// When a client of ours has an answer of another address, or not a third of each.
fn shares(traffic: &mut [Traffic], addresses: &[SocketAddr]) -> Result<Vec<String>, Wrong> {
    // Calls that waited for the first connection have all gone to that one.
    more(traffic, WAITING)?;
    let answers = more(traffic, ANSWERS)?;
    let mut texts = Vec::new();
    for (one, answers) in traffic.iter().zip(answers) {
        let shares = of_all(&answers, addresses);
        let text: Vec<String> = shares.iter().map(|share| format!("{share:.1}")).collect();
        let text = text.join(" ");
        let is_third = |share: &f64| (share - 100.0 / 3.0).abs() < TOLERANCE;
        if one.is_own() && !shares.iter().all(is_third) {
            let name = one.name;
            return Err(format!("{name}: shares {text} of {addresses:?}: {answers:?}").into());
        }
        texts.push(text);
    }
    Ok(texts)
}

/// Returns the share of each address of all answers, in per cent.
fn of_all(answers: &BTreeMap<SocketAddr, usize>, addresses: &[SocketAddr]) -> Vec<f64> {
    let all: usize = answers.values().sum();
    let share = |address| {
        let answers = answers.get(address).copied().unwrap_or_default();
        100.0 * answers as f64 / all.max(1) as f64
    };
    addresses.iter().map(share).collect()
}
