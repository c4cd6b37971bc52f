//! A batch of actions that policies have requested.

use std::slice;

use trunkline_endpoint::{Address, AddressMap};
use trunkline_lb::Action;

/// The actions of a batch that are still to be carried out.
pub(crate) struct Rest<'a> {
    actions: slice::Iter<'a, Action>,
    /// The addresses of the subchannels that they create; computed when it is needed first.
    created: Option<AddressMap<()>>,
}

impl<'a> Rest<'a> {
    pub(crate) fn new(actions: &'a [Action]) -> Self {
        Self {
            actions: actions.iter(),
            created: None,
        }
    }

    /// Removes and returns the next action.
    pub(crate) fn next(&mut self) -> Option<&'a Action> {
        self.actions.next()
    }

    /// Returns true if one of them may create a subchannel for this address.
    pub(crate) fn creates(&mut self, address: &Address) -> bool {
        let actions = self.actions.as_slice();
        let created = self.created.get_or_insert_with(|| {
            let created = actions.iter().filter_map(|action| match action {
                Action::Create { address, .. } => Some((address.clone(), ())),
                _ => None,
            });
            created.collect()
        });
        created.contains_key(address)
    }
}
