//! A server that is removed from the DNS and added again, while all connections are healthy.

use super::calls::{all_more, answers, made};
use super::stage::Stage;
use crate::clock::until;
use crate::servers::OWN;
use crate::traffic::more;
use crate::wrong::Wrong;

/// Calls per second of each client.
const RATE: u32 = 50;

/// A server is out of use if it counts no call while each client makes this many.
const WITHOUT: u64 = 20;

/// Checks both schemes on all runtimes at the same time.
pub(crate) fn check(stage: &mut Stage<'_>) -> Result<(), Wrong> {
    let all = stage.all();
    let Some(&(name, address)) = all.iter().find(|(name, _)| *name != OWN) else {
        println!("skipped: zone: there is no server of another project");
        return Ok(());
    };
    let Some(mut zone) = stage.zone.take() else {
        println!("skipped: zone: this DNS server does not read its zone again");
        return Ok(());
    };
    let mut traffic = Vec::new();
    for target in stage.targets() {
        traffic.extend(stage.traffic(&target, RATE)?);
    }
    let clients = traffic.len() as u64;
    for (name, address) in &all {
        until("each server is called by each client", || {
            Ok(answers(&traffic, *address).iter().all(|calls| *calls > 0))
        })?;
        // Connections of clients of earlier parts may still be closing.
        until("one connection of each client", || {
            let open = stage.servers.count(name)?.open();
            Ok(open.is_none_or(|open| open == clients))
        })?;
    }
    let before = stage.servers.counts()?;

    zone.without(name, address)?;
    let took = until(&format!("{name} is called no more"), || {
        let calls = stage.servers.count(name)?.calls;
        more(&traffic, WITHOUT)?;
        let now = stage.servers.count(name)?;
        Ok(now.calls == calls && now.open().is_none_or(|open| open == 0))
    })?;
    let its = match stage.servers.count(name)?.open() {
        Some(open) => format!("{open} of its {clients} connections open"),
        None => "which does not count connections".to_owned(),
    };
    println!(
        "{name} taken out of the zone: out of use by {clients} clients after {:.1} s, {its}",
        took.as_secs_f64()
    );

    zone.with_all()?;
    let had = answers(&traffic, address);
    let took = until(&format!("{name} is called again"), || {
        Ok(all_more(&answers(&traffic, address), &had))
    })?;
    for one in &traffic {
        one.settle()?;
        one.none_lost("while the zone changed")?;
    }
    let mut kept = Vec::new();
    for (other, _) in all.iter().filter(|(other, _)| *other != name) {
        let closes = stage.servers.count(other)?.closes();
        match (closes, before[other].closes()) {
            (Some(after), Some(before)) if after > before => {
                return Err(format!("{} connections to {other} closed", after - before).into());
            }
            (Some(_), Some(_)) => kept.push(*other),
            // The server does not count connections.
            _ => {}
        }
    }
    println!(
        "{name} put back: called by {clients} clients after {:.1} s; no connection to {} closed, {} calls, 0 failed",
        took.as_secs_f64(),
        kept.join(", "),
        made(&traffic)
    );
    stage.zone = Some(zone);
    Ok(())
}
