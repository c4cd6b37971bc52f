//! A policy in a channel, and what is known of both.

use std::collections::BTreeMap;

use trunkline_lb::testing::FakeChannel;
use trunkline_lb::{GracefulSwitch, PolicyOptions, SubchannelId, SubchannelState};

use super::calls::Calls;
use super::choices::{CHOICES, Choice, REGISTRY};
use super::list::List;
use super::model::{Channel, Model};
use crate::input::Input;

/// A policy in a channel, and what is known of both.
pub(super) struct Run {
    pub(super) channel: Channel,
    pub(super) choice: &'static Choice,
    /// The last list, unless it was empty or the resolver has dropped it.
    pub(super) list: Option<List>,
    /// The service whose health is checked.
    pub(super) service: Option<&'static str>,
    pub(super) calls: Calls,
    pub(super) model: Model,
    /// How many events could end a pass over the addresses.
    pub(super) ends: usize,
    /// How often re-resolution was requested.
    pub(super) requests: usize,
    /// How many policies have run, at most.
    pub(super) policies: usize,
}

/// What an event without effect must leave as it is.
pub(super) type Facts = (usize, usize, BTreeMap<SubchannelId, SubchannelState>);

impl Run {
    /// Creates a policy that has handled no event.
    pub(super) fn new(input: &mut Input<'_>) -> Self {
        let choice = &CHOICES[usize::from(input.byte()) % CHOICES.len()];
        let options = PolicyOptions::new(input.byte().into())
            .with_policies(REGISTRY.clone())
            .with_zone("a");
        let mut channel = FakeChannel::new(GracefulSwitch::new(&options));
        channel.set_config(choice.config.clone());
        Self {
            channel,
            choice,
            list: None,
            service: None,
            calls: Calls::default(),
            model: Model::new(),
            ends: 0,
            requests: 0,
            policies: 1,
        }
    }

    /// Hands over a list.
    pub(super) fn update(&mut self, list: List) {
        // Each endpoint may begin a pass, and end it at once if all its addresses are in back-off.
        self.ends += list.len();
        self.model.handle_list(&list, false);
        let result = self.channel.update_endpoints(list.endpoints());
        assert_eq!(
            result.is_err(),
            list.is_empty(),
            "only an empty list is refused"
        );
        self.list = (!list.is_empty()).then_some(list);
    }

    /// Returns one of the subchannels.
    pub(super) fn subchannel(&self, number: u8) -> Option<SubchannelId> {
        let ids = self.channel.subchannels.keys();
        let at = usize::from(number) % ids.len().max(1);
        ids.copied().nth(at)
    }

    pub(super) fn settle(&mut self) {
        self.model
            .observe(&mut self.channel, self.service.is_some());
        self.channel.settle();
    }

    pub(super) fn facts(&mut self) -> Facts {
        self.requests += self.channel.reresolutions();
        let subchannels = self.channel.subchannels.iter();
        (
            self.channel.published.len() + self.requests,
            self.channel.watches.len(),
            subchannels
                .map(|(id, found)| (*id, found.state.clone()))
                .collect(),
        )
    }
}
