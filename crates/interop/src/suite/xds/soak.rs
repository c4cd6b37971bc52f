//! Many targets with many clusters each, whose endpoints change all the time: 8.6 of the specification of xDS.

mod fleet;
mod usage;

use std::time::{Duration, Instant};

use self::fleet::{Fleet, Size};
use self::usage::Usage;
use crate::clients::NamedRuntime;
use crate::clock::{now, until_within, wait_until};
use crate::environment::optional;
use crate::suite::foreign::command;
use crate::wrong::Wrong;

/// The size of a soak whose length the environment has.
const WHOLE: Size = Size {
    targets: 200,
    clusters: 50,
};

/// The size of a check, so that it takes a few seconds.
const SHORT: Size = Size {
    targets: 6,
    clusters: 50,
};

/// The length of a check.
const SHORT_SECS: u64 = 5;

/// The changes per second, all targets together.
const CHANGES: u32 = 10;

/// The calls per second, all targets together.
const RATE: u32 = 200;

/// The time in which the first connections are made.
const START: Duration = Duration::from_secs(180);

/// How often usage is measured. What it was at the first time is what it may be later.
const SAMPLES: u32 = 10;

/// The most that the memory may grow, as a fraction of what was used at the first sample, and in bytes. An
/// allocator keeps what was freed in pieces.
const MEMORY: (f64, u64) = (0.05, 16 << 20);

/// How many more descriptors and tasks there may be: those of 120 calls, the most at a time, and of changes that are in
/// progress.
const IN_PROGRESS: usize = 150;

/// The most messages, in each direction, that a change may cost: a response and its acknowledgement, and then
/// some more where a change makes a connection that is an occasion for another request.
const MESSAGES: f64 = 1.05;

/// Runs the soak, and prints what it used.
///
/// # Errors
///
/// When a call fails, and when memory, descriptors, tasks or messages grow.
pub(crate) fn check(runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let xds = match command("xds")? {
        Ok(xds) => xds,
        Err(why) => {
            println!("skipped: the soak of xDS: {why}");
            return Ok(());
        }
    };
    let long = optional("SOAK_SECS")?;
    let size = if long.is_some() { WHOLE } else { SHORT };
    let length = Duration::from_secs(long.unwrap_or(SHORT_SECS));
    let began = now();
    let mut fleet = Fleet::start(&xds, size, runtimes)?;
    let connected = until_within("all connections are made", START, || {
        Ok(fleet.connections() == size.all())
    });
    connected.map_err(|wrong| format!("{wrong}: {} connections", fleet.connections()))?;
    println!(
        "soak of xDS: {} targets with {} clusters each, {} connections after {:.1} s",
        size.targets,
        size.clusters,
        size.all(),
        (now() - began).as_secs_f64()
    );
    fleet.start_calls(RATE);

    let began = now();
    let mut samples: Vec<Usage> = Vec::new();
    let (mut changes, mut next) = (0_u32, began);
    while samples.len() <= SAMPLES as usize {
        let sample_at = began + length * u32::try_from(samples.len() + 1)? / (SAMPLES + 1);
        while next < sample_at {
            wait_until(next);
            fleet.change(changes)?;
            changes += 1;
            next += Duration::from_secs(1) / CHANGES;
        }
        wait_until(sample_at);
        let sample = fleet.usage(changes)?;
        println!("soak of xDS, {}", line(began, &sample));
        samples.push(sample);
    }
    let calls = fleet.stop_calls()?;
    let [first, .., last] = &samples[..] else {
        return Err("no samples".into());
    };
    judge(first, last)?;
    println!(
        "soak of xDS: {} changes in {} s, {calls} calls, 0 failed: memory, descriptors, tasks and messages of a change are bounded",
        last.changes,
        length.as_secs()
    );
    Ok(())
}

fn line(began: Instant, sample: &Usage) -> String {
    format!("{:.0} s: {sample}", (now() - began).as_secs_f64())
}

/// Compares the last sample with the first one.
fn judge(first: &Usage, last: &Usage) -> Result<(), Wrong> {
    let most = first.memory as f64 * (1.0 + MEMORY.0) + MEMORY.1 as f64;
    if last.memory as f64 > most {
        return Err(format!("memory: from {} to {} bytes", first.memory, last.memory).into());
    }
    for (what, first, last) in [
        ("descriptors", first.descriptors, last.descriptors),
        ("tasks", first.tasks, last.tasks),
    ] {
        if last > first + IN_PROGRESS {
            return Err(format!("{what}: from {first} to {last}").into());
        }
    }
    let changes = f64::from(last.changes - first.changes);
    for (what, first, last) in [
        ("responses", first.sent, last.sent),
        ("requests", first.received, last.received),
    ] {
        let messages = (last - first) as f64;
        if messages > changes * MESSAGES + 10.0 {
            return Err(format!("{messages} {what} for {changes} changes").into());
        }
    }
    Ok(())
}
