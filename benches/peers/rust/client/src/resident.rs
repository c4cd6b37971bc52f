//! The memory of a channel with many backends.

use std::fs;
use std::time::Duration;

use crate::allocations::growth_of_all_threads;
use crate::load;
use crate::peer::Peer;
use crate::protocol::{Case, Cost, Round, Setup, resident_backends};
use crate::usage;

/// How long the client waits before it looks: what a connection gives back when it is idle, it has
/// given back by then.
const SETTLED: Duration = Duration::from_millis(500);

/// How many times as many calls as backends may be made until all are connected.
const PATIENCE: usize = 100;

/// Connects all backends, and returns the memory that this takes.
pub(crate) fn measure<P: Peer>(peer: &P, setup: &Setup, round: &Round) -> Result<Cost, String> {
    let first = setup.backends.first().ok_or("no backends")?;
    let backends = resident_backends(first, round.case.backends);
    let backends: Vec<String> = backends.iter().map(ToString::to_string).collect();
    // What a runtime starts once is none of the backends': its threads.
    peer.wait(Duration::from_millis(10));
    let before = usage::rss_bytes();
    let (heap, stub) = growth_of_all_threads(|| connect(peer, &backends, round));
    let rss = before.zip(usage::rss_bytes());
    // Without the allocator that counts, nothing has grown.
    let heap = u64::try_from(heap).ok().filter(|bytes| *bytes > 0);
    drop(stub?);
    Ok(Cost {
        heap_bytes: heap,
        rss_bytes: rss.map(|(before, after)| after.saturating_sub(before)),
        ..Cost::default()
    })
}

/// Connects all backends, makes the calls of the round, and waits.
fn connect<P: Peer>(peer: &P, backends: &[String], round: &Round) -> Result<P::Stub, String> {
    let stub = peer.connect(backends, None)?;
    for _ in 0..PATIENCE {
        if sockets()? >= backends.len() {
            call(peer, &stub, round.case, round.calls)?;
            peer.wait(SETTLED);
            return Ok(stub);
        }
        call(peer, &stub, round.case, backends.len())?;
    }
    Err(format!(
        "{} of {} backends are connected",
        sockets()?,
        backends.len()
    ))
}

fn call<P: Peer>(peer: &P, stub: &P::Stub, case: Case, calls: usize) -> Result<(), String> {
    let caller = load::calls(stub.clone(), case, 0, calls, false);
    peer.run(stub, vec![caller]).map(|_| ())
}

/// Returns how many sockets this process has open.
fn sockets() -> Result<usize, String> {
    let files = fs::read_dir("/proc/self/fd").map_err(|error| format!("/proc/self/fd: {error}"))?;
    let targets = files
        .flatten()
        .filter_map(|file| fs::read_link(file.path()).ok());
    Ok(targets
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count())
}
