//! A control plane that changes everything all the time, and is killed and restarted, while calls are made.

mod script;

use std::time::{Duration, Instant};

use self::script::{BACKENDS, Change, Script};
use super::backend::{Backend, Connections, Counts};
use super::clients::foreign;
use super::plane::Plane;
use super::started;
use super::traffic::{Traffic, answered};
use crate::clients::NamedRuntime;
use crate::clock::{now, until, wait_until};
use crate::environment::optional;
use crate::suite::foreign::command;
use crate::wrong::Wrong;

/// The calls per second of each client.
const RATE: u32 = 200;

/// The length of the check, unless the environment has another one.
const SHORT_SECS: u64 = 12;

/// The time between two changes.
const PAUSE: Duration = Duration::from_millis(500);

/// How long the control plane is gone.
const GONE: Duration = Duration::from_secs(2);

/// The number of changes from one death of the control plane to the next.
const CHANGES: u32 = 16;

/// Makes calls on all runtimes, and with the clients of other projects, while the resources change, and prints the results.
///
/// # Errors
///
/// When a call of ours fails, and when a connection is made or closed although nothing asks for that.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let length = Duration::from_secs(optional("SOAK_SECS")?.unwrap_or(SHORT_SECS));
    let xds = match command("xds")? {
        Ok(xds) => xds,
        Err(why) => {
            println!("skipped: the churn of xDS: {why}");
            return Ok(());
        }
    };
    let start = |_| Backend::start(&xds, &["127.0.0.1:0"]);
    let mut backends = (0..BACKENDS).map(start).collect::<Result<Vec<_>, _>>()?;
    let addresses = backends.iter().map(|backend| backend.addresses[0]);
    let mut script = Script::new(addresses.collect());
    let mut plane = Plane::start(&xds)?;
    plane.set(&script.all())?;
    let clients = started::clients(&foreign(&xds)?, &plane, runtimes)?;
    let traffic = clients.into_iter();
    let traffic = traffic.map(|(name, client)| Traffic::start(name, client, RATE));
    let mut traffic = traffic.collect::<Result<Vec<_>, _>>()?;
    answered(&mut traffic, script.always())?;

    let counts = run(&mut script, &mut plane, &traffic, now() + length)?;
    let mut lines = Vec::new();
    for one in &mut traffic {
        let called = one.stop()?;
        let result = one.none_failed(&called);
        let ended = match result {
            Err(wrong) if one.is_own() => return Err(wrong),
            Err(wrong) => wrong.to_string(),
            Ok(calls) => format!("{}: {calls} calls, 0 failed", one.name),
        };
        let dials = one
            .stub()
            .map(|stub| format!(", {} connections", stub.connected()));
        lines.push(format!("{ended}{}", dials.unwrap_or_default()));
    }
    let mut found = Counts::new();
    for backend in &mut backends {
        found.extend(backend.counts()?);
    }
    for one in &traffic {
        let Some(stub) = one.stub() else { continue };
        judge(one.name, &found, &script)?;
        let most = script.entered();
        if stub.connected() > most {
            let (name, made) = (one.name, stub.connected());
            return Err(format!("{name}: {made} connections, and {most} endpoints came").into());
        }
    }
    println!(
        "xDS under {RATE} calls/s of each client for {} s, {counts}: {}; {} endpoints came and {} left, and every connection to the one that stayed is the first",
        length.as_secs(),
        lines.join("; "),
        script.entered(),
        script.left(),
    );
    Ok(())
}

/// Makes changes until `end`, and returns how many of which kind.
fn run(
    script: &mut Script,
    plane: &mut Plane,
    traffic: &[Traffic],
    end: Instant,
) -> Result<String, Wrong> {
    let own: Vec<&str> = traffic
        .iter()
        .filter(|one| one.is_own())
        .map(|one| one.name)
        .collect();
    let (mut changes, mut rejected, mut deaths) = (0, 0, 0);
    while now() < end || deaths == 0 {
        if changes % CHANGES == CHANGES - 1 {
            // A cluster that was never received has no value to keep when the control plane is lost.
            own.iter().try_for_each(|node| plane.settle(node))?;
            plane.kill();
            let back = now() + GONE;
            plane.set(&script.change(Change::Endpoints))?;
            plane.set(&script.change(Change::Routes))?;
            wait_until(back);
            plane.restart()?;
            own.iter().try_for_each(|node| plane.settle(node))?;
            deaths += 1;
        } else if changes % CHANGES == CHANGES / 2 {
            plane.start_step()?;
            plane.set(&[script.invalid()])?;
            until("the update is rejected", || {
                for node in &own {
                    if plane.seen(node)?.rejected.is_empty() {
                        return Ok(false);
                    }
                }
                Ok(true)
            })?;
            plane.set(&script.change(Change::Endpoints))?;
            rejected += 1;
        } else {
            let change = [Change::Endpoints, Change::Routes, Change::Cluster];
            plane.set(&script.change(change[changes as usize % change.len()]))?;
        }
        changes += 1;
        wait_until(now() + PAUSE);
    }
    Ok(format!(
        "{changes} changes of go-control-plane, {rejected} rejected, {deaths} times killed and restarted"
    ))
}

/// Compares the connections of a client with the endpoints that came and left.
fn judge(name: &str, found: &Counts, script: &Script) -> Result<(), Wrong> {
    for (address, most) in script.connections() {
        let key = (name.to_owned(), address);
        let connections = found.get(&key).copied().unwrap_or_default();
        let Connections { accepted, closed } = connections;
        let stays = address == script.always();
        if accepted > most.accepted || closed > most.closed || (stays && connections != most) {
            return Err(format!("{name}: {connections:?} to {address}, at most {most:?}").into());
        }
    }
    Ok(())
}
