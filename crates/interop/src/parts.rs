//! Runs the parts, one after the other.

use crate::checks::{Stage, lookups, names, shares, steady, stop, zone};
use crate::clients::{NamedRuntime, runtimes};
use crate::wrong::Wrong;

/// A part that needs the servers of other projects.
type Part = fn(&mut Stage<'_>) -> Result<(), Wrong>;

const WITH_OTHERS: [(&str, Part); 5] = [
    ("lookups", lookups::check),
    ("names", names::check),
    ("shares", shares::check),
    ("stop", stop::check),
    ("zone", zone::check),
];

const STEADY: &str = "steady";

/// Runs the parts with these names, or all parts if there are none.
///
/// # Errors
///
/// When a name is unknown, and when a check fails.
pub(crate) fn run(names: &[String]) -> Result<(), Wrong> {
    let parts = WITH_OTHERS.map(|(part, _)| part);
    let known = |name: &str| parts.contains(&name) || name == STEADY;
    if let Some(name) = names.iter().find(|name| !known(name)) {
        let parts = parts.join(", ");
        return Err(format!("no part `{name}`; there are {parts} and {STEADY}").into());
    }
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = run_on(names, &runtimes(&tokio));
    // Does not wait for tasks that still run.
    tokio.shutdown_background();
    done
}

/// Runs the parts on these runtimes. The servers are started for the first part that needs them.
fn run_on(names: &[String], runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let wanted = |part: &str| names.is_empty() || names.iter().any(|name| name == part);
    let in_part = |part, wrong| Wrong::from(format!("{part}: {wrong}"));
    let mut stage = None;
    for (part, check) in WITH_OTHERS {
        if !wanted(part) {
            continue;
        }
        let stage = match &mut stage {
            Some(stage) => stage,
            None => stage.insert(Stage::start(runtimes)?),
        };
        check(stage).map_err(|wrong| in_part(part, wrong))?;
    }
    if wanted(STEADY) {
        steady::check(runtimes).map_err(|wrong| in_part(STEADY, wrong))?;
    }
    Ok(())
}
