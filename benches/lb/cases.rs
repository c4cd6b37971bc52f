//! What is measured, and how much of it.

use crate::picks::Plan;

/// What is measured.
pub(crate) const PICK: &str = "time of a pick";
pub(crate) const BESIDE: &str = "time of a pick while another thread picks";
pub(crate) const SHARING: &str = "two threads, of one";
pub(crate) const END: &str = "time of the end of a call";
pub(crate) const ALLOCATIONS: &str = "allocations of 4,096 picks and ends";
pub(crate) const UPDATE: &str = "time of an update";
pub(crate) const GROWTH: &str = "growth";
pub(crate) const MEMORY: &str = "memory of an endpoint";

/// Those beside which ours are measured.
pub(crate) const FLOOR: &str = "floor";
pub(crate) const TOWER: &str = "tower's p2c";
pub(crate) const GO: &str = "grpc-go's round_robin";

/// The numbers of endpoints that grpc-go is measured with: the first of those of [`WHOLE`]. It would
/// take an hour to connect 100,000, because each connection makes a new list of all of them.
pub(crate) const OF_GO_COUNTS: &[u32] = &[1_000, 10_000];

/// The size of a run.
pub(crate) struct Size {
    pub(crate) counts: &'static [u32],
    pub(crate) plan: Plan,
    pub(crate) updated: &'static [u32],
    pub(crate) updates: u32,
}

pub(crate) const WHOLE: Size = Size {
    counts: &[3, 100, 10_000],
    plan: Plan {
        rounds: 25,
        batches: 12,
    },
    updated: &[1_000, 10_000, 100_000],
    updates: 5,
};

pub(crate) const SHORT: Size = Size {
    counts: &[3, 100],
    plan: Plan {
        rounds: 1,
        batches: 1,
    },
    updated: &[100, 1_000],
    updates: 2,
};

/// Returns the name of a case of picks.
pub(crate) fn case(count: u32) -> String {
    format!("{count} endpoints")
}

/// Returns the names of the cases of updates.
pub(crate) fn list(count: u32) -> String {
    format!("{count}: the list")
}

pub(crate) fn connections(count: u32) -> String {
    format!("{count}: connections")
}

pub(crate) fn total(count: u32) -> String {
    format!("{count}: both")
}

/// Returns the name of the case of an endpoint in a longer list, compared with a shorter one.
pub(crate) fn grown_list(counts: &[u32]) -> String {
    format!("an endpoint of {}, of one of {}", counts[1], counts[0])
}
