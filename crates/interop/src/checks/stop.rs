//! Servers that are stopped under load, gently and not, and come back.

use super::{Stage, all_more, answers, lost_with, made};
use crate::Wrong;
use crate::clock::{now, until};
use crate::traffic::Traffic;

/// Calls a second, on each runtime.
const RATE: u32 = 100;

/// So many calls are made before a server is stopped, on each runtime.
const BEFORE: u64 = 30;

/// And so many when it is gone.
const AFTER: u64 = 150;

/// Each server in its turn, called by a client on each runtime.
pub(crate) fn check(stage: &mut Stage<'_>) -> Result<(), Wrong> {
    let names = stage.servers.names();
    if names.len() < 2 {
        println!(
            "skipped: stop: nobody is there to take over from {}",
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

fn terminate(stage: &mut Stage<'_>, traffic: &[Traffic], name: &str) -> Result<String, Wrong> {
    settle(traffic)?;
    let (before, made_before) = (stage.servers.counts()?, made(traffic));
    go_on(traffic, BEFORE)?;
    let last = stage.servers.terminate(name)?;
    go_on(traffic, AFTER)?;
    settle(traffic)?;
    for one in traffic {
        one.none_lost(&format!("SIGTERM to {name}"))?;
    }
    let made = made(traffic) - made_before;
    let mut counted = 0;
    for (other, before) in before {
        let after = if other == name {
            last
        } else {
            stage.servers.count(other)?
        };
        counted += after.calls - before.calls;
    }
    if counted != made {
        let wrong =
            format!("SIGTERM to {name}: {made} calls were made, and the servers counted {counted}");
        return Err(wrong.into());
    }
    Ok(format!(
        "{made} calls, 0 failed, each counted once by a server"
    ))
}

fn kill(stage: &mut Stage<'_>, traffic: &[Traffic], name: &str) -> Result<String, Wrong> {
    settle(traffic)?;
    let made_before = made(traffic);
    go_on(traffic, BEFORE)?;
    stage.servers.kill(name)?;
    let killed = now();
    go_on(traffic, AFTER)?;
    settle(traffic)?;
    let address = stage.servers.address(name)?;
    let mut lost = 0;
    for one in traffic {
        lost += lost_with(&[address], killed, one)
            .map_err(|wrong| format!("SIGKILL to {name}: {wrong}"))?;
    }
    let made = made(traffic) - made_before;
    Ok(format!(
        "{made} calls, {lost} failed, none of those that were sent later"
    ))
}

/// Starts a server again, and tells how soon all clients call it.
fn restart(stage: &mut Stage<'_>, traffic: &[Traffic], name: &str) -> Result<String, Wrong> {
    stage.servers.restart(name)?;
    go_on(traffic, 0)?;
    let took = called(stage, traffic, name)?;
    Ok(format!(
        "started again, it was called by all within {:.1} s",
        took.as_secs_f64()
    ))
}

/// Waits until all clients have an answer of this server that they did not have yet.
fn called(
    stage: &Stage<'_>,
    traffic: &[Traffic],
    name: &str,
) -> Result<std::time::Duration, Wrong> {
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

/// Makes calls again, and waits for so many on each runtime.
fn go_on(traffic: &[Traffic], calls: u64) -> Result<(), Wrong> {
    traffic.iter().for_each(Traffic::go_on);
    traffic.iter().try_for_each(|one| one.more(calls))
}
