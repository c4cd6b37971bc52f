//! The connections of one subchannel, for a call that waits for a free stream.

use std::sync::Arc;

use http::Request;
use trunkline_connector::SecurityLevel;
use trunkline_lb::SubchannelId;
use trunkline_runtime::Lock;
use trunkline_status::Status;
use trunkline_transport::{CallLine, Candidates, Connection, Turn};

use crate::control::event::ControlEvent;
use crate::core::connections::{ConnectionId, ReadyConnection};
use crate::core::holds::HoldId;
use crate::handle::Handle;

/// The connections of one subchannel, for a call that waits for a free stream: those of the snapshot
/// that is current when it looks for room.
///
/// Only calls that wait have one.
///
/// Source: gRFC A105.
pub(crate) struct Siblings {
    handle: Arc<Handle>,
    line: CallLine,
    /// The hold that was picked.
    hold: HoldId,
    /// Its subchannel, which other policies can hold too.
    id: SubchannelId,
    /// The connection that the call was made for.
    connection: ConnectionId,
    /// How that connection is protected, for which the credentials of the call were made.
    security: SecurityLevel,
    /// The connection that the call was sent on, once it was.
    sent_on: Arc<SentOn>,
    /// True when the subchannel may have one more connection, as of the last look for room.
    may_grow: bool,
}

/// The connection that a call in line is sent on, when its turn comes.
pub(crate) struct SentOn(Lock<ConnectionId>);

impl SentOn {
    /// Returns the connection: the one that the call was made for until it is another.
    pub(crate) fn get(&self) -> ConnectionId {
        *self.0.lock()
    }
}

impl Siblings {
    /// Returns the connections of the hold that was picked, and the one that the call is sent on in the
    /// end. The call was made for `ready`.
    pub(crate) fn new(
        handle: &Arc<Handle>,
        hold: HoldId,
        ready: &ReadyConnection<Connection>,
    ) -> (Self, Arc<SentOn>) {
        let sent_on = Arc::new(SentOn(Lock::new(ready.connection_id)));
        let siblings = Self::with(handle, hold, ready, Arc::clone(&sent_on));
        (siblings, sent_on)
    }

    fn with(
        handle: &Arc<Handle>,
        hold: HoldId,
        ready: &ReadyConnection<Connection>,
        sent_on: Arc<SentOn>,
    ) -> Self {
        Self {
            handle: Arc::clone(handle),
            line: ready.connection.line().clone(),
            hold,
            id: ready.id,
            connection: ready.connection_id,
            security: ready.info.security,
            sent_on,
            may_grow: false,
        }
    }

    /// Returns whether a call that was made for another connection can be sent on this one. Its
    /// credentials depend on the security of the connection, and its authority on the certificate.
    fn suits(&self, ready: &ReadyConnection<Connection>, head: &Request<()>) -> bool {
        if ready.connection_id == self.connection {
            return true;
        }
        let authority = head.uri().authority();
        let covers = |authority| {
            let shared = &self.handle.shared;
            shared.check_authority(authority, &ready.info).is_ok()
        };
        ready.info.security == self.security && authority.is_none_or(covers)
    }
}

impl Candidates for Siblings {
    fn find_room(&mut self, head: &Request<()>) -> Turn {
        let snapshot = self.handle.shared.snapshot();
        let Some(ready) = snapshot.connections.get(self.hold) else {
            self.may_grow = false;
            return leave("no connection is left to the address");
        };
        self.may_grow = ready.len() < ready.most(snapshot.max_connections);
        for own in ready.iter() {
            if let Some(room) = own.connection.take_room() {
                return if self.suits(own, head) {
                    *self.sent_on.0.lock() = own.connection_id;
                    Turn::Send(room)
                } else {
                    leave("the connection with a free stream is protected in another way")
                };
            }
        }
        Turn::Wait(ready.oldest().connection.as_full())
    }

    fn handle_waiting(&mut self) {
        if self.may_grow && self.line.ask() {
            // Not the hold: that may be removed before the event is handled, and the line, which has asked, is
            // the subchannel's.
            self.handle.send(ControlEvent::CallWaiting { id: self.id });
        }
    }
}

/// Returns the turn of a call that is picked again: nothing of it was sent.
fn leave(why: &str) -> Turn {
    Turn::Leave(Status::unavailable(format!(
        "the call waited for a free stream, and {why}"
    )))
}
