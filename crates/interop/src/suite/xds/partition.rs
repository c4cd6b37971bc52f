//! A control plane whose host dies without a farewell: packets are lost between two network namespaces.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use super::backend::Backend;
use super::link::{FAR, Link, established};
use super::plane::Plane;
use super::resources::{Locality, cluster, endpoints, listener, route, routes};
use super::started;
use super::traffic::{Traffic, answered};
use crate::clients::NamedRuntime;
use crate::clock::{now, until_within, wait_until};
use crate::environment::optional;
use crate::suite::foreign::command;
use crate::wrong::Wrong;

/// The name of the part, which runs again inside a network namespace.
const PART: &str = "xds-partition";

/// The variable that is set there.
const INSIDE: &str = "TRUNKLINE_INTEROP_INSIDE";

/// The calls per second of each client.
const RATE: u32 = 20;

/// The port of the control plane, in a namespace where it is alone.
const PORT: u16 = 18_000;

/// The time after which a connection without a change carries nothing.
const QUIET: Duration = Duration::from_secs(2);

/// The time in which a client must leave a connection to a host that is dead.
const MOST: Duration = Duration::from_secs(60);

/// Shows how long clients on all runtimes keep a connection to a dead control plane.
///
/// # Errors
///
/// When one of ours keeps it for longer than a minute, when a call fails, and when a client does not come back.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let xds = match command("xds")? {
        Ok(xds) => xds,
        Err(why) => {
            println!("skipped: a control plane whose host dies: {why}");
            return Ok(());
        }
    };
    if optional::<String>("INSIDE")?.is_some() {
        return inside(&xds, runtimes);
    }
    if let Err(why) = can_unshare() {
        println!("skipped: a control plane whose host dies: no network namespaces here: {why}");
        return Ok(());
    }
    let status = Command::new("unshare")
        .args(["--net", "--"])
        .arg(std::env::current_exe()?)
        .arg(PART)
        .env(INSIDE, "yes")
        .status()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("in its network namespace: {status}; its error is above").into())
}

/// Returns why no process can have a network namespace of its own with a link to another one.
fn can_unshare() -> Result<(), Wrong> {
    let output = Command::new("unshare")
        .args(["--net", "--", "ip", "link", "add", "near", "type", "veth"])
        .args(["peer", "name", "far"])
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(text.trim_end().into())
}

fn inside(xds: &[String], runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let elsewhere = ["unshare", "--net", "--"].map(str::to_owned);
    let elsewhere = [&elsewhere, xds].concat();
    let mut plane = Plane::start_at(&elsewhere, &format!("0.0.0.0:{PORT}"))?;
    plane.address = SocketAddr::from((FAR, PORT)).to_string();
    let link = Link::make(plane.id()?)?;
    let start = |_| Backend::start(xds, &["127.0.0.1:0"]);
    let backends = (0..2).map(start).collect::<Result<Vec<_>, _>>()?;
    let [first, second] = [0, 1].map(|number: usize| backends[number].addresses[0]);
    let only = |endpoint: &SocketAddr| {
        let locality = Locality {
            zone: "z1",
            weight: 1,
            priority: 0,
            endpoints: std::slice::from_ref(endpoint),
        };
        endpoints("a", &[locality])
    };
    plane.set(&[
        listener("orders", "routes"),
        routes("routes", &json!([route("a")])),
        cluster("a"),
        only(&first),
    ])?;
    let clients = started::clients(&[], &plane, runtimes)?.into_iter();
    let traffic = clients.map(|(name, client)| Traffic::start(name, client, RATE));
    let mut traffic = traffic.collect::<Result<Vec<_>, _>>()?;
    answered(&mut traffic, first)?;
    let all = established(PORT)?;
    if all != traffic.len() {
        return Err(format!("{all} connections to the control plane").into());
    }

    // Data that is not acknowledged is noticed earlier, by the user timeout of TCP. So nothing is on its way.
    wait_until(now() + QUIET);
    link.cut()?;
    let began = now();
    plane.set(&[only(&second)])?;
    let mut left = Vec::new();
    until_within("the connections are left", MOST, || {
        let gone = all - established(PORT)?;
        if gone > left.len() {
            left.resize(gone, now() - began);
        }
        Ok(gone == all)
    })?;
    link.heal()?;
    let healed = now();
    answered(&mut traffic, second)?;
    let back = now() - healed;
    let mut calls = 0;
    for one in &mut traffic {
        let called = one.stop()?;
        calls += one.none_failed(&called)?;
    }
    let left: Vec<_> = left
        .iter()
        .map(|time| format!("{:.1}", time.as_secs_f64()))
        .collect();
    println!(
        "a control plane whose host dies: its idle connections are left after {} s (limit {} s), on three runtimes; {calls} calls meanwhile, 0 failed; an update of that time is used {:.1} s after the network is back",
        left.join(", "),
        MOST.as_secs(),
        back.as_secs_f64(),
    );
    Ok(())
}
