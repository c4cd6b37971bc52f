//! The connection attempts of subchannels, and the loss of connections.

use std::sync::Arc;
use std::time::Instant;

use trunkline_connector::ConnectionInfo;
use trunkline_lb::SubchannelId;
use trunkline_status::Status;

use crate::core::address_fate::AddressFate;
use crate::core::connections::ConnectionId;
use crate::core::event::ChannelEvent;
use crate::core::failure::{ConnectFailure, ConnectPhase, ConnectionLost, ConnectionLostReason};
use crate::core::subchannel::{Growth, LastFailure, LastLoss, Stage};
use crate::core::subchannels::{NewConnection, NextStage};
use crate::core::{Core, Output};

impl<C> Core<C> {
    /// Handles an attempt's step from one phase to the next.
    pub(crate) fn handle_progress(
        &mut self,
        id: SubchannelId,
        connection: ConnectionId,
        phase: ConnectPhase,
        now: Instant,
    ) {
        if let Some((stage, retry_at)) = self.running_attempt(id, connection) {
            let alone = Stage::Connecting { retry_at, phase };
            let next = stage.with(alone, Growth::Connecting { retry_at, phase });
            self.transition(id, NextStage::Other(next), now);
        }
    }

    /// Handles one of the addresses that a connection attempt to a name has tried.
    pub(crate) fn handle_tried(
        &mut self,
        id: SubchannelId,
        connection: ConnectionId,
        fate: AddressFate,
    ) {
        let Some(subchannel) = self.subchannels.get(id) else {
            return;
        };
        if subchannel.last_attempt == Some(connection) {
            let address = subchannel.address.clone();
            self.observe(ChannelEvent::AddressTried {
                id,
                connection,
                address,
                fate,
            });
        }
    }

    /// Handles a successful connection attempt.
    pub(crate) fn handle_connected(
        &mut self,
        id: SubchannelId,
        connection_id: ConnectionId,
        connection: C,
        info: ConnectionInfo,
        now: Instant,
    ) {
        let Some((_, retry_at)) = self.running_attempt(id, connection_id) else {
            return;
        };
        if let Some(subchannel) = self.subchannels.get_mut(id) {
            subchannel.backoff.reset();
            let address = subchannel.address.clone();
            let info = info.clone();
            let connections = self.subchannels.connection_count(id) + 1;
            self.observe(ChannelEvent::Connected {
                id,
                connection: connection_id,
                connections,
                address,
                info,
            });
        }
        let new = NewConnection {
            connection_id,
            retry_at,
            connection,
            info,
        };
        self.transition(id, NextStage::Connected(new), now);
        self.outputs.push_back(Output::LookAtLine(id));
        self.carry_out_actions(now);
    }

    /// Handles a failed connection attempt.
    ///
    /// It is repeated at once if it began before the connector changed last and may succeed now: it may have
    /// used the old certificates.
    pub(crate) fn handle_failed(
        &mut self,
        id: SubchannelId,
        connection: ConnectionId,
        failure: ConnectFailure,
        now: Instant,
    ) {
        let Some((stage, until)) = self.running_attempt(id, connection) else {
            return;
        };
        let error = Status::unavailable(failure.to_string());
        let is_outdated = connection <= self.last_before_change && failure.may_end_with_connector();
        let until = if is_outdated { now } else { until };
        if let Some(subchannel) = self.subchannels.get_mut(id) {
            if is_outdated {
                subchannel.backoff.reset();
            }
            subchannel.attempts_failed += 1;
            subchannel.last_failure = Some(Arc::new(LastFailure {
                connection,
                failure: failure.clone(),
                at: now,
            }));
            self.observe(ChannelEvent::ConnectFailed {
                id,
                connection,
                failure,
            });
        }
        let growth = Growth::Waiting {
            until,
            error: Some(error.clone()),
        };
        let next = stage.with(Stage::BackingOff { until, error }, growth);
        self.transition(id, NextStage::Other(next), now);
        self.carry_out_actions(now);
    }

    /// Handles the loss of a connection, which takes no new calls any more.
    ///
    /// After an [unused](ConnectionLost::is_unused) connection the next attempt starts no sooner
    /// than after a failed attempt: a server that accepts every connection and closes it at once
    /// must not be dialed in a loop.
    ///
    /// The first unused connection in a row is an exception if a GOAWAY ended it: a server that
    /// shuts down in good order, or that refused one call, probably serves the next connection, and
    /// the call that it refused is repeated at once.
    ///
    /// A subchannel that has other connections stays READY, and its watches move to the oldest of them.
    pub(crate) fn handle_lost(
        &mut self,
        id: SubchannelId,
        connection: ConnectionId,
        why: ConnectionLost,
        now: Instant,
    ) {
        // Also when the subchannel was removed: the server still objects to the PINGs.
        if let Some(time) = why.raised_keepalive()
            && time > self.keepalive_time
        {
            self.keepalive_time = time;
            self.observe(ChannelEvent::KeepaliveRaised { time });
        }
        let ready = self.subchannels.ready(id);
        let Some(retry_at) = ready.and_then(|ready| Some(ready.find(connection)?.retry_at)) else {
            return;
        };
        let Some(subchannel) = self.subchannels.get_mut(id) else {
            return;
        };
        let was_unused = subchannel
            .last_loss
            .as_ref()
            .is_some_and(|lost| lost.why.is_unused());
        let is_go_away = matches!(why.reason(), ConnectionLostReason::GoAway { .. });
        let is_excepted = is_go_away && !was_unused;
        let hold = (why.is_unused() && !is_excepted).then_some(retry_at);
        // Another connection of the subchannel may have been lost unused.
        subchannel.not_before = subchannel.not_before.max(hold);
        subchannel.last_loss = Some(Arc::new(LastLoss {
            connection,
            why: why.clone(),
            at: now,
        }));
        let address = subchannel.address.clone();
        let connections = self.subchannels.connection_count(id) - 1;
        self.observe(ChannelEvent::Lost {
            id,
            connection,
            connections,
            address,
            why,
        });
        self.transition(id, NextStage::Disconnected(connection), now);
        self.move_watches(id, connection);
        // Calls that wait for a free stream leave the line if no connection is left. Otherwise there may
        // be one more now.
        self.outputs.push_back(Output::LookAtLine(id));
        self.carry_out_actions(now);
    }

    /// Starts an attempt: not before the time to which the loss of an unused connection holds it back.
    pub(super) fn connect_after_hold(&mut self, id: SubchannelId, now: Instant) {
        let Some(subchannel) = self.subchannels.get_mut(id) else {
            return;
        };
        match subchannel.not_before.take().filter(|at| *at > now) {
            Some(until) => {
                let growth = Growth::Waiting { until, error: None };
                let next = subchannel.stage().with(Stage::HeldBack { until }, growth);
                self.transition(id, NextStage::Other(next), now);
            }
            None => self.start_attempt(id, now),
        }
    }

    pub(super) fn start_attempt(&mut self, id: SubchannelId, now: Instant) {
        let connection = self.last_connection.next();
        let Some(subchannel) = self.subchannels.get_mut(id) else {
            return;
        };
        subchannel.last_attempt = Some(connection);
        subchannel.attempts_started += 1;
        let retry_at = subchannel.backoff.next_attempt(now);
        let deadline = subchannel.backoff.attempt_deadline(retry_at, now);
        let phase = ConnectPhase::Dialing;
        let alone = Stage::Connecting { retry_at, phase };
        let growth = Growth::Connecting { retry_at, phase };
        let next = subchannel.stage().with(alone, growth);
        let address = subchannel.address.clone();
        let connections = self.subchannels.connection_count(id);
        if connections > 0 {
            let address = address.clone();
            self.observe(ChannelEvent::ConnectionScaling {
                id,
                address,
                connections,
            });
        }
        self.last_connection = connection;
        self.observe(ChannelEvent::ConnectStarted {
            id,
            connection,
            address: address.clone(),
        });
        self.outputs.push_back(Output::Connect {
            id,
            connection,
            address,
            deadline,
            keepalive_time: self.keepalive_time,
        });
        self.transition(id, NextStage::Other(next), now);
    }

    /// Returns the stage of a subchannel whose attempt for this connection runs, and the earliest start of the
    /// attempt after that; `None` if it does not run. Another one may: what an attempt reports can be on its
    /// way when that is cancelled.
    fn running_attempt(
        &self,
        id: SubchannelId,
        connection: ConnectionId,
    ) -> Option<(Stage, Instant)> {
        let subchannel = self.subchannels.get(id)?;
        let stage = subchannel.stage();
        let retry_at = stage.retry_time_of_attempt()?;
        (subchannel.last_attempt == Some(connection)).then(|| (stage.clone(), retry_at))
    }
}
