//! The names of the children of `priority_experimental` below a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::core::resources::LocalityName;

/// Names the priorities of a cluster, so that localities that move between priorities keep their
/// connections where that is possible: a child keeps its connections as long as its name stays.
///
/// Names are never used again.
///
/// Source: [gRFC A37](https://github.com/grpc/proposal/blob/master/A37-xds-aggregate-and-logical-dns-clusters.md),
/// [gRFC A75](https://github.com/grpc/proposal/blob/master/A75-xds-aggregate-cluster-behavior-fixes.md).
#[derive(Debug, Default)]
pub(super) struct PriorityNames {
    /// The priorities of the last update, the highest first.
    last: Vec<Named>,
    /// The number of the next new name.
    next: u64,
}

/// A priority with its name.
#[derive(Debug)]
struct Named {
    name: Arc<str>,
    localities: BTreeSet<Arc<LocalityName>>,
}

impl PriorityNames {
    /// Returns the names of priorities with these localities, the highest first.
    ///
    /// 1. A priority keeps the name that was at its place, if one of its localities had it.
    /// 2. Else it takes the name that the first of its localities had whose name no priority has now.
    /// 3. Else it gets a new one.
    pub(super) fn assign(&mut self, priorities: &[Vec<Arc<LocalityName>>]) -> Vec<Arc<str>> {
        let mut is_taken = vec![false; self.last.len()];
        let mut from: Vec<Option<usize>> = vec![None; priorities.len()];
        for (at, (localities, old)) in priorities.iter().zip(&self.last).enumerate() {
            if localities.iter().any(|one| old.localities.contains(one)) {
                from[at] = Some(at);
                is_taken[at] = true;
            }
        }
        // The old priorities of each locality, the highest last. Those that are taken are removed, so
        // that the work is bounded by the number of localities.
        let mut olds: BTreeMap<&LocalityName, Vec<usize>> = BTreeMap::new();
        for (at, old) in self.last.iter().enumerate().rev() {
            for locality in &old.localities {
                olds.entry(locality).or_default().push(at);
            }
        }
        for (localities, from) in priorities.iter().zip(&mut from) {
            if from.is_none() {
                *from = localities.iter().find_map(|locality| {
                    let olds = olds.get_mut(&**locality)?;
                    while olds.pop_if(|old| is_taken[*old]).is_some() {}
                    olds.last().copied()
                });
                if let Some(old) = *from {
                    is_taken[old] = true;
                }
            }
        }
        let name = |old: Option<usize>| match old {
            Some(old) => Arc::clone(&self.last[old].name),
            None => {
                self.next += 1;
                Arc::from(format!("priority-0-{}", self.next - 1))
            }
        };
        let names: Vec<Arc<str>> = from.into_iter().map(name).collect();
        let named = names
            .iter()
            .zip(priorities)
            .map(|(name, localities)| Named {
                name: Arc::clone(name),
                localities: localities.iter().cloned().collect(),
            });
        self.last = named.collect();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Assigns names to priorities, such as `a b | c`: letters are localities, the highest priority is
    /// first. Returns the numbers of the names.
    fn assign(names: &mut PriorityNames, priorities: &str) -> String {
        let locality = |zone: &str| {
            Arc::new(LocalityName {
                zone: zone.into(),
                ..LocalityName::default()
            })
        };
        let priorities: Vec<Vec<_>> = priorities
            .split('|')
            .map(|localities| localities.split_whitespace().map(locality).collect())
            .collect();
        let names = names.assign(&priorities);
        let numbers = names.iter().map(|name| name.replace("priority-0-", ""));
        numbers.collect::<Vec<_>>().join(" ")
    }

    /// xds.md 4.5: names are assigned in three passes, and never used again.
    #[test]
    fn xds_4_5_priority_names() {
        let check = |updates: &[(&str, &str)]| {
            let mut names = PriorityNames::default();
            for (priorities, expected) in updates {
                assert_eq!(assign(&mut names, priorities), *expected, "{updates:?}");
            }
        };
        // The same localities keep the names, also when one comes or goes.
        check(&[("a b | c", "0 1"), ("b | c d", "0 1"), ("b | d", "0 1")]);
        // The priorities change places.
        check(&[("a | b", "0 1"), ("b | a", "1 0"), ("a | b", "0 1")]);
        // One is put before the others, or taken away.
        check(&[("a | b", "0 1"), ("c | a | b", "2 0 1"), ("a | b", "0 1")]);
        // A locality moves to another priority, which keeps its own name.
        check(&[("a b | c", "0 1"), ("a | b c", "0 1")]);
        // The first pass comes before the second: a locality that moved does not take the name of
        // another priority that keeps it.
        check(&[("a b | c", "0 1"), ("c | b", "1 0")]);
        check(&[("a | b | c", "0 1 2"), ("c b | b2 | a", "2 3 0")]);
        check(&[("x | a b", "0 1"), ("a | b", "2 1")]);
        // Two priorities of one: the first takes its name.
        check(&[("a b", "0"), ("c | a | b", "1 0 2")]);
        // A name that is gone does not come back.
        check(&[("a | b", "0 1"), ("a", "0"), ("a | b", "0 2"), ("c", "3")]);
        // Nothing in common.
        check(&[("a", "0"), ("b", "1"), ("a", "2")]);
    }
}
