//! Runs the parts, one after the other.

use crate::checks::{Stage, keepalive, lookups, names, shares, steady, stop, zone};
use crate::clients::{NamedRuntime, runtimes};
use crate::suite;
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

/// A part that starts its servers itself.
type OwnPart = fn(&[NamedRuntime; 3]) -> Result<(), Wrong>;

const WITH_OUR_OWN: [(&str, OwnPart); 14] = [
    ("steady", steady::check),
    ("keepalive", keepalive::check),
    ("rotation", suite::rotation::check),
    ("ejection", suite::ejection::check),
    ("suite", suite::check),
    ("traces", suite::traces::check),
    ("weights", suite::weights::check),
    ("channelz", suite::channelz::check),
    ("csds", suite::xds::csds::check),
    ("xds-steps", suite::xds::beside::check),
    ("xds-mesh", suite::xds::mesh::check),
    ("xds-churn", suite::xds::churn::check),
    ("xds-partition", suite::xds::partition::check),
    ("xds-soak", suite::xds::soak::check),
];

/// Runs the parts with these names, or all parts if there are none.
///
/// # Errors
///
/// When a name is unknown, and when a check fails.
pub(crate) fn run(names: &[String]) -> Result<(), Wrong> {
    let others = WITH_OTHERS.iter().map(|(part, _)| *part);
    let parts: Vec<_> = others
        .chain(WITH_OUR_OWN.iter().map(|(part, _)| *part))
        .collect();
    let is_known = |name: &String| parts.iter().any(|part| is_in(part, name));
    if let Some(name) = names.iter().find(|name| !is_known(name)) {
        return Err(format!("no part `{name}`; there are {}", parts.join(", ")).into());
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

/// Returns whether a name is that of a part, or of a group of parts: `xds` has `xds-steps`.
fn is_in(part: &str, name: &str) -> bool {
    let rest = part.strip_prefix(name);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Runs the parts on these runtimes. The servers are started for the first part that needs them.
fn run_on(names: &[String], runtimes: &[NamedRuntime; 3]) -> Result<(), Wrong> {
    let wanted = |part: &str| names.is_empty() || names.iter().any(|name| is_in(part, name));
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
    for (part, check) in WITH_OUR_OWN {
        if wanted(part) {
            check(runtimes).map_err(|wrong| in_part(part, wrong))?;
        }
    }
    Ok(())
}
