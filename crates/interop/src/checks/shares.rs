//! Equal shares, counted at the servers.

use std::collections::BTreeMap;

use super::Stage;
use crate::Wrong;
use crate::clients::Client;
use crate::clock::until;

const CALLS: u64 = 3_000;

/// Calls in flight at a time.
const AT_ONCE: u64 = 8;

/// By how much the largest and the smallest share may differ.
const MOST_DIFFERENCE: u64 = 3;

/// On each runtime, and under both schemes.
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

fn share(stage: &mut Stage<'_>, client: &Client) -> Result<String, Wrong> {
    // Calls go to whoever is connected: they are counted from when all are.
    let mut answered = BTreeMap::new();
    until("an answer of each server", || {
        *answered.entry(client.greet_now()?).or_insert(0) += 1;
        Ok(answered.len() == stage.servers.names().len())
    })?;
    let before = stage.servers.counts()?;
    client.greet_often(CALLS, AT_ONCE)?;
    let after = stage.servers.counts()?;

    let shares: BTreeMap<&str, u64> = after
        .iter()
        .map(|(name, after)| (*name, after.calls - before[name].calls))
        .collect();
    let total: u64 = shares.values().sum();
    let most = shares.values().max().copied().unwrap_or(0);
    let least = shares.values().min().copied().unwrap_or(0);
    let each: Vec<String> = shares
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    let found = format!(
        "{CALLS} calls, counted by the servers: {}; they differ by {}",
        each.join(", "),
        most - least
    );
    if total != CALLS || most - least > MOST_DIFFERENCE {
        return Err(
            format!("{found}: {total} in all, and at most {MOST_DIFFERENCE} is right").into(),
        );
    }
    Ok(found)
}
