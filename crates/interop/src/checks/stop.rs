//! Servers that are stopped under load by SIGTERM and by SIGKILL, and started again.

use std::time::{Duration, Instant};

use super::calls::{all_more, answers, lost_with, made};
use super::stage::Stage;
use crate::clock::{now, until};
use crate::traffic::{Traffic, more};
use crate::wrong::Wrong;

/// Calls per second on each runtime.
const RATE: u32 = 200;

/// The number of calls on each runtime before a server is stopped.
const BEFORE: u64 = 100;

/// The number of calls on each runtime after that.
const AFTER: u64 = 300;

/// Checks each server, one after the other, with a client on each runtime.
pub(crate) fn check(stage: &mut Stage<'_>) -> Result<(), Wrong> {
    let names = stage.servers.names();
    if names.len() < 2 {
        println!(
            "skipped: stop: there is no second server to take the calls of {}",
            names.join("")
        );
        return Ok(());
    }
    let [target, _] = stage.targets();
    let traffic = stage.traffic(&target, RATE)?;
    for name in &names {
        called(stage, &traffic, name)?;
    }
    for name in &names {
        let found = terminate(stage, &traffic, name)?;
        println!(
            "SIGTERM to {name}: {found}; {}",
            restart(stage, &traffic, name)?
        );
    }
    for name in &names {
        let found = kill(stage, &traffic, name)?;
        println!(
            "SIGKILL to {name}: {found}; {}",
            restart(stage, &traffic, name)?
        );
    }
    Ok(())
}

/// Stops a server by SIGTERM under load, and returns what happened: no call may fail, and each call is
/// counted by a server.
fn terminate(stage: &mut Stage<'_>, traffic: &[Traffic], name: &str) -> Result<String, Wrong> {
    settle_well(traffic)?;
    let (before, made_before) = (stage.servers.counts()?, made(traffic));
    go_on(traffic, BEFORE)?;
    let last = stage.servers.terminate(name)?;
    let stopped = now();
    go_on(traffic, AFTER)?;
    settle(traffic)?;
    let made = made(traffic) - made_before;
    let cancelled =
        cancelled(traffic, name, stopped).map_err(|wrong| format!("SIGTERM to {name}: {wrong}"))?;
    let mut counted = 0;
    for (other, before) in before {
        let after = if other == name {
            last
        } else {
            stage.servers.count(other)?
        };
        counted += after.calls - before.calls;
    }
    if counted + cancelled != made {
        let wrong = format!("SIGTERM to {name}: of {made} calls {counted} were counted by servers");
        return Err(wrong.into());
    }
    let found = format!("{made} calls, {counted} counted by the servers");
    Ok(match cancelled {
        0 => format!("{found}, 0 failed"),
        _ => format!(
            "{found}, {cancelled} cancelled by {name} itself while it shut down, 0 failed otherwise"
        ),
    })
}

/// Returns the number of calls that C-core cancelled while it shut down.
///
/// C-core sends a GOAWAY, and answers CANCELLED to calls that were sent before the client received it,
/// without passing them to the application. Its own client gets the same answer:
/// [issue 24237](https://github.com/grpc/grpc/issues/24237).
///
/// # Errors
///
/// When any other call failed.
fn cancelled(traffic: &[Traffic], name: &str, stopped: Instant) -> Result<u64, Wrong> {
    let mut cancelled = 0;
    for one in traffic {
        for lost in one.lost() {
            if name != "c-core" || lost.why != "Cancelled: CANCELLED" || lost.began > stopped {
                return Err(
                    format!("a call failed on {}: {}", one.client.on.name, lost.why).into(),
                );
            }
            cancelled += 1;
        }
    }
    Ok(cancelled)
}

/// Ends a server by SIGKILL under load, and returns what happened: only calls that were sent to it may
/// fail.
fn kill(stage: &mut Stage<'_>, traffic: &[Traffic], name: &str) -> Result<String, Wrong> {
    settle_well(traffic)?;
    let made_before = made(traffic);
    go_on(traffic, BEFORE)?;
    stage.servers.kill(name)?;
    let gone = now();
    go_on(traffic, AFTER)?;
    settle(traffic)?;
    let address = stage.servers.address(name)?;
    let mut lost = 0;
    for one in traffic {
        let judged = lost_with(&[address], &one.lost(), gone);
        let on = one.client.on.name;
        lost += judged.map_err(|wrong| format!("SIGKILL to {name}: on {on} {wrong}"))?;
    }
    let made = made(traffic) - made_before;
    let found = format!("{lost} of {made} calls failed");
    Ok(match lost {
        0 => found,
        _ => format!("{found}, sent to it before it was known to be gone"),
    })
}

/// Starts a server again, and returns how soon all clients call it, as text.
fn restart(stage: &mut Stage<'_>, traffic: &[Traffic], name: &str) -> Result<String, Wrong> {
    stage.servers.restart(name)?;
    go_on(traffic, 0)?;
    let took = called(stage, traffic, name)?;
    Ok(format!(
        "started again, it was called by all within {:.1} s",
        took.as_secs_f64()
    ))
}

/// Waits until each client has a further answer from this server, and returns how long that took.
fn called(stage: &Stage<'_>, traffic: &[Traffic], name: &str) -> Result<Duration, Wrong> {
    let address = stage.servers.address(name)?;
    let before = answers(traffic, address);
    until(&format!("{name} is called on each runtime"), || {
        Ok(all_more(&answers(traffic, address), &before))
    })
}

/// Waits for the end of all calls.
fn settle(traffic: &[Traffic]) -> Result<(), Wrong> {
    traffic.iter().try_for_each(Traffic::settle)
}

/// Waits for the end of all calls; none of them may have failed.
fn settle_well(traffic: &[Traffic]) -> Result<(), Wrong> {
    settle(traffic)?;
    let when = "while all servers ran";
    traffic.iter().try_for_each(|one| one.none_lost(when))
}

/// Makes calls again, and waits until each runtime has started this many.
fn go_on(traffic: &[Traffic], calls: u64) -> Result<(), Wrong> {
    traffic.iter().for_each(Traffic::go_on);
    more(traffic, calls)
}
