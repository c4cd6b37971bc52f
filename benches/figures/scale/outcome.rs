//! What a case comes to.

use super::tally::{Spread, Tally};

/// What the clients with one policy do together.
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) tally: Tally,
    /// How evenly the backends are loaded while all is steady, with fewer clients of this number.
    pub(super) with_fewer: Vec<(u64, Spread)>,
}
