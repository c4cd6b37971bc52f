//! More than one connection of a subchannel.
//!
//! Source: [gRFC A105](https://github.com/grpc/proposal/blob/master/A105-max_concurrent_streams-connection-scaling.md).

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use trunkline_lb::SubchannelId;

use crate::core::connections::{ConnectionId, ReadySubchannel};
use crate::core::holds::HoldId;
use crate::core::subchannel::{Growth, Stage, Subchannel};
use crate::core::{Core, Output};

impl<C> Core<C> {
    /// Applies how many connections a subchannel opens, by the config in force. A lower number closes no
    /// connection.
    pub(super) fn apply_max_connections(&mut self) {
        let most = self.config.max_connections();
        let old = std::mem::replace(&mut self.max_connections, most);
        if most > old {
            let ids = self.subchannels.ready_ids();
            self.outputs.extend(ids.map(Output::LookAtLine));
        }
    }

    /// Applies how many connections a policy lets a subchannel open. Where several hold it, the highest
    /// number counts. A lower number closes no connection.
    pub(super) fn limit_connections(&mut self, hold: HoldId, most: Option<NonZeroU32>) {
        let Some(id) = self.subchannels.held(hold) else {
            return;
        };
        let ready = self.subchannels.ready(id);
        let before = ready.map(|_| self.max_connections_of(id));
        let most = most.map(|most| self.config.permitted_connections(most.get()));
        self.subchannels.limit_connections(hold, most);
        if before.is_some_and(|before| self.max_connections_of(id) > before) {
            self.outputs.push_back(Output::LookAtLine(id));
        }
    }

    /// Returns how many connections a subchannel opens.
    fn max_connections_of(&self, id: SubchannelId) -> usize {
        let default = self.max_connections;
        let subchannel = self.subchannels.get(id);
        subchannel.map_or(default, |own| own.max_connections(default))
    }

    /// Starts the watches over a connection that is lost again over the oldest one that is left.
    pub(super) fn move_watches(&mut self, id: SubchannelId, from: ConnectionId) {
        let subchannel = self.subchannels.get(id);
        let Some((subchannel, ready)) = subchannel.zip(self.subchannels.ready(id)) else {
            return;
        };
        let ready = ready.oldest();
        for hold in &subchannel.holds {
            for (watch, call) in self.watches.move_all(hold.id, from, ready.connection_id) {
                let ready = Arc::clone(ready);
                self.outputs.push_back(Output::Unwatch(watch));
                self.outputs.push_back(Output::Watch { watch, ready, call });
            }
        }
    }

    /// Handles a call that waits for a free stream on a subchannel.
    pub(crate) fn handle_call_waiting(&mut self, id: SubchannelId) {
        if self.may_grow(id) {
            self.outputs.push_back(Output::LookAtLine(id));
        }
    }

    /// Returns the connections of a subchannel, for a look at its line.
    pub(crate) fn ready(&self, id: SubchannelId) -> Option<&ReadySubchannel<C>> {
        self.subchannels.ready(id)
    }

    /// Handles the look at the calls that wait for a free stream on a subchannel. `must_grow` is true
    /// when calls wait and all of its connections are full: an attempt for one more connection starts
    /// if nothing speaks against it.
    ///
    /// Source: gRFC A105.
    pub(crate) fn handle_line(&mut self, id: SubchannelId, must_grow: bool, now: Instant) {
        if must_grow && self.may_grow(id) {
            self.connect_after_hold(id, now);
            self.carry_out_actions(now);
        }
    }

    /// Returns whether an attempt for one more connection of a subchannel may start: it has some, and
    /// fewer than it may have, no attempt runs, and it does not wait.
    fn may_grow(&self, id: SubchannelId) -> bool {
        let stage = self.subchannels.get(id).map(Subchannel::stage);
        let is_resting = matches!(
            stage,
            Some(Stage::Ready {
                growth: Growth::Resting
            })
        );
        is_resting && self.subchannels.connection_count(id) < self.max_connections_of(id)
    }
}
