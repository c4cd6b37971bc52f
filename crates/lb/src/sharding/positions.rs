//! The positions of subchannels in a picker's list.

use crate::subchannel::SubchannelId;

/// Finds the position of a subchannel in a list, in constant time: for a picker that tracks the ends
/// of attempts, which are known by their subchannel.
///
/// ```
/// use trunkline_lb::{Positions, SubchannelId};
///
/// fn check(ready: &[SubchannelId]) {
///     let positions = Positions::new(ready.iter().copied());
///     assert!(ready.iter().enumerate().all(|(at, id)| positions.get(*id) == Some(at)));
/// }
/// # check(&[]);
/// ```
#[derive(Clone, Debug)]
pub struct Positions {
    /// By the index of the subchannel.
    by_index: Box<[Option<(SubchannelId, u32)>]>,
}

impl Positions {
    /// Creates the positions of a list, in which each subchannel is once.
    #[must_use]
    pub fn new(list: impl Iterator<Item = SubchannelId> + Clone) -> Self {
        let len = list.clone().map(|id| id.index() + 1).max().unwrap_or(0);
        let mut by_index = vec![None; len];
        for (at, id) in (0..).zip(list) {
            by_index[id.index()] = Some((id, at));
        }
        Self {
            by_index: by_index.into(),
        }
    }

    /// Returns the position of a subchannel; `None` if it is not in the list.
    #[must_use]
    pub fn get(&self, id: SubchannelId) -> Option<usize> {
        let (listed, at) = self.by_index.get(id.index()).copied()??;
        (listed == id).then_some(at as usize)
    }
}
