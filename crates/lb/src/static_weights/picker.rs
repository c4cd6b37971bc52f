//! The picker of `static_weights`.

use trunkline_backoff::Rng;

use crate::attempt::AttemptTracker;
use crate::picker::{Pick, PickRequest, Picker};
use crate::subchannel::SubchannelId;
use crate::weighted_turns::WeightedTurns;

/// Picks subchannels in proportion to their weights.
#[derive(Debug)]
pub(super) struct StaticWeightsPicker {
    /// The ready subchannels.
    ready: Box<[SubchannelId]>,
    turns: WeightedTurns,
}

impl StaticWeightsPicker {
    /// Creates a picker over the ready subchannels with their weights.
    pub(super) fn new(ready: &[(SubchannelId, u32)], rng: &mut Rng) -> Self {
        let shares = shares(ready.iter().map(|(_, weight)| *weight));
        Self {
            ready: ready.iter().map(|(id, _)| *id).collect(),
            turns: WeightedTurns::new(shares, rng),
        }
    }
}

/// Returns the shares of subchannels with these weights.
///
/// Those of weight 0 have together one part more than the sum of the others: the very small chance
/// of RFC 2782, whose algorithm draws a number from 0 up to and including the sum. Where all weights
/// are 0, all shares are equal.
fn shares(weights: impl Iterator<Item = u32> + Clone) -> impl Iterator<Item = u64> {
    let zeros = weights.clone().filter(|weight| *weight == 0).count();
    let zeros = u64::try_from(zeros).unwrap_or(u64::MAX).max(1);
    weights.map(move |weight| match weight {
        0 => 1,
        weight => u64::from(weight).saturating_mul(zeros),
    })
}

impl Picker for StaticWeightsPicker {
    fn pick(&self, _: &PickRequest<'_>) -> Pick {
        match self.turns.next() {
            Some(at) => Pick::Subchannel(self.ready[at]),
            None => Pick::Queue,
        }
    }

    /// Returns `None`: the children are pick_firsts, which track nothing.
    fn tracker(&self) -> Option<&dyn AttemptTracker> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::shares;

    /// "In the presence of records containing weights greater than 0, records with weight 0 should
    /// have a very small chance of being selected" (RFC 2782).
    #[test]
    fn shares_of_rfc_2782() {
        let check = |weights: &[u32], expected: &[u64]| {
            assert_eq!(
                shares(weights.iter().copied()).collect::<Vec<_>>(),
                expected
            );
        };
        check(&[], &[]);
        check(&[3, 1], &[3, 1]);
        check(&[0, 0, 0], &[1, 1, 1]);
        // One of the numbers from 0 to 4.
        check(&[0, 3, 1], &[1, 3, 1]);
        // Half of one of the numbers from 0 to 4 each.
        check(&[0, 3, 0, 1], &[1, 6, 1, 2]);
    }
}
