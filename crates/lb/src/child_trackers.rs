//! The trackers of child pickers, for a picker over them.

use std::sync::Arc;

use crate::attempt::{AttemptOutcome, AttemptTracker};
use crate::picker::Picker;
use crate::subchannel::SubchannelId;

/// The [`AttemptTracker`] of a picker over child pickers.
///
/// It forwards the end of each attempt to the child picker that chose the subchannel.
///
/// ```
/// use std::sync::Arc;
/// use trunkline_lb::{AttemptTracker, ChildTrackers, Pick, PickRequest, Picker, SubchannelId};
///
/// /// Asks the first child for the calls of one service, and the second for all others.
/// #[derive(Debug)]
/// struct ByService {
///     children: [Arc<dyn Picker>; 2],
///     trackers: Option<ChildTrackers>,
/// }
///
/// impl ByService {
///     /// Each child comes with the subchannels that it owns.
///     fn new(children: [(Arc<dyn Picker>, Vec<SubchannelId>); 2]) -> Self {
///         let trackers = ChildTrackers::new(children.clone());
///         Self { children: children.map(|(picker, _)| picker), trackers }
///     }
/// }
///
/// impl Picker for ByService {
///     fn pick(&self, request: &PickRequest<'_>) -> Pick {
///         let child = usize::from(!request.path.starts_with("/shop.Orders/"));
///         self.children[child].pick(request)
///     }
///
///     fn tracker(&self) -> Option<&dyn AttemptTracker> {
///         self.trackers.as_ref().map(|trackers| trackers as _)
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ChildTrackers {
    /// The child pickers that have a tracker.
    pickers: Vec<Arc<dyn Picker>>,
    /// The owner of each subchannel, as an index in `pickers`, by the index of the subchannel.
    owners: Vec<Option<(SubchannelId, usize)>>,
}

impl ChildTrackers {
    /// Creates the table from each child's picker and the subchannels that the child owns. Returns
    /// `None` if no picker has a tracker: then the picker over them has none either, and costs
    /// nothing at the end of an attempt.
    ///
    /// [`Child::subchannels`](crate::Child::subchannels) and
    /// [`EndpointSharding::subchannels`](crate::EndpointSharding::subchannels) list what a child
    /// owns.
    #[must_use]
    pub fn new<S>(children: impl IntoIterator<Item = (Arc<dyn Picker>, S)>) -> Option<Self>
    where
        S: IntoIterator<Item = SubchannelId>,
    {
        let mut trackers = Self {
            pickers: Vec::new(),
            owners: Vec::new(),
        };
        for (picker, subchannels) in children {
            if picker.tracker().is_none() {
                continue;
            }
            for id in subchannels {
                if trackers.owners.len() <= id.index() {
                    trackers.owners.resize(id.index() + 1, None);
                }
                trackers.owners[id.index()] = Some((id, trackers.pickers.len()));
            }
            trackers.pickers.push(picker);
        }
        (!trackers.pickers.is_empty()).then_some(trackers)
    }

    /// Returns the picker of the child that owns `id`, if it has a tracker.
    fn picker(&self, id: SubchannelId) -> Option<&dyn Picker> {
        let (_, owner) = self
            .owners
            .get(id.index())?
            .filter(|(owned, _)| *owned == id)?;
        Some(&*self.pickers[owner])
    }
}

impl AttemptTracker for ChildTrackers {
    fn attempt_ended(&self, id: SubchannelId, outcome: &AttemptOutcome<'_>) {
        if let Some(tracker) = self.picker(id).and_then(Picker::tracker) {
            tracker.attempt_ended(id, outcome);
        }
    }
}
