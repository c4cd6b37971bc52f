//! Equal shares of the load, as counted by the servers.

use std::collections::{BTreeMap, BTreeSet};

use super::stage::Stage;
use crate::clients::Client;
use crate::clock::until;
use crate::wrong::Wrong;

const CALLS: u64 = 3_000;

/// The number of calls in flight at the same time.
const AT_ONCE: u64 = 8;

/// The maximum difference between the largest and the smallest share.
const MOST_DIFFERENCE: u64 = 3;

/// Checks both schemes on each runtime.
pub(crate) fn check(stage: &mut Stage<'_>) -> Result<(), Wrong> {
    for target in stage.targets() {
        for on in stage.runtimes {
            let client = Client::new(&target, on)?;
            share(stage, &client)
                .map_err(|wrong| format!("{target} on {}: {wrong}", on.name))
                .map(|found| println!("{target} on {}: {found}", on.name))?;
        }
    }
    Ok(())
}

/// Makes [`CALLS`] calls, and returns the shares of the servers as text.
fn share(stage: &mut Stage<'_>, client: &Client) -> Result<String, Wrong> {
    // round_robin uses only servers that are connected, so wait until all are.
    let mut answered = BTreeSet::new();
    until("an answer of each server", || {
        answered.insert(client.greet_now()?);
        Ok(answered.len() == stage.servers.names().len())
    })?;
    let before = stage.servers.counts()?;
    client.greet_often(CALLS, AT_ONCE)?;
    let after = stage.servers.counts()?;

    let shares = after
        .iter()
        .map(|(name, after)| (*name, after.calls - before[name].calls));
    judge(&shares.collect())
}

/// Returns the shares as text, given how many of [`CALLS`] calls each server counted.
///
/// # Errors
///
/// When they are not [`CALLS`] together, or differ by more than [`MOST_DIFFERENCE`].
fn judge(shares: &BTreeMap<&str, u64>) -> Result<String, Wrong> {
    let total: u64 = shares.values().sum();
    let most = shares.values().max().copied().unwrap_or(0);
    let least = shares.values().min().copied().unwrap_or(0);
    let each: Vec<String> = shares
        .iter()
        .map(|(name, calls)| format!("{name} {calls}"))
        .collect();
    let found = format!("counted by the servers: {}", each.join(", "));
    if total != CALLS {
        return Err(format!("{CALLS} calls were made; {found}").into());
    }
    if most - least > MOST_DIFFERENCE {
        let by = most - least;
        return Err(format!("{found}: they differ by {by}, not {MOST_DIFFERENCE} at most").into());
    }
    Ok(format!(
        "{CALLS} calls, {found}; they differ by {}",
        most - least
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shares: [u64; 3], right: bool) {
        let shares = ["a", "b", "c"].into_iter().zip(shares).collect();
        assert_eq!(judge(&shares).is_ok(), right, "{shares:?}");
    }

    #[test]
    fn shares_are_complete_and_differ_by_three_at_most() {
        check([1000, 1000, 1000], true);
        check([999, 1002, 999], true);
        check([998, 1002, 1000], false);
        check([1000, 1000, 999], false);
        check([1000, 1000, 1001], false);
        check([3000, 0, 0], false);
    }
}
