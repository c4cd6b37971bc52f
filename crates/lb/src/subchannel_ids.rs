//! Where the ids of subchannels come from.

use crate::subchannel::SubchannelId;

/// Issues the ids of subchannels.
///
/// The index of an id that was retired is used again, with another generation: the index that was
/// retired last is used first. So the same order of calls returns the same ids.
///
/// ```
/// use trunkline_lb::SubchannelIds;
///
/// let mut ids = SubchannelIds::new();
/// let first = ids.issue();
/// assert!(ids.retire(first));
/// let second = ids.issue();
/// assert_eq!((first.to_string(), second.to_string()), ("#0.0".into(), "#0.1".into()));
/// assert!(!ids.is_in_use(first));
/// ```
#[derive(Debug, Default)]
pub struct SubchannelIds {
    /// The current generation of each index that was ever used.
    generations: Vec<u32>,
    /// The indices whose id was retired.
    free: Vec<u32>,
}

impl SubchannelIds {
    /// Creates an issuer that has issued no id.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            generations: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Returns an id that is not in use.
    pub fn issue(&mut self) -> SubchannelId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.generations.push(0);
            u32::try_from(self.generations.len() - 1).expect("fewer than 2^32 subchannels")
        });
        SubchannelId {
            index,
            generation: self.generations[index as usize],
        }
    }

    /// Ends the use of an id. Returns false if it was not in use.
    pub fn retire(&mut self, id: SubchannelId) -> bool {
        if !self.is_in_use(id) {
            return false;
        }
        let generation = &mut self.generations[id.index()];
        *generation = generation.wrapping_add(1);
        self.free.push(id.index);
        true
    }

    /// Returns true if the id was issued, and not retired.
    ///
    /// An id of an index whose last one was retired, and with the next generation, counts as issued: no
    /// other code makes such an id.
    #[must_use]
    pub fn is_in_use(&self, id: SubchannelId) -> bool {
        self.generations.get(id.index()) == Some(&id.generation)
    }
}
