//! Room for a call on one of several connections.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use trunkline_status::Status;

use crate::line::Place;
use crate::state::ConnectionState;

/// The connections on which a request can be sent that waits in line: all of them share the line.
///
/// It is asked when the request joins the line and each time that the request is woken.
pub trait Candidates: Send {
    /// Looks for room for the request, and takes it.
    fn find_room(&mut self, head: &Request<()>) -> Turn;

    /// Handles that requests wait for which there is no room: this one, or others behind it.
    ///
    /// Called after the look for room, as often as that.
    fn handle_waiting(&mut self);
}

/// What a request in line does after it has looked for room.
#[derive(Debug)]
pub enum Turn {
    /// It is sent.
    Send(Room),
    /// It waits: every connection is full, this one too, which the request names in texts.
    Wait(FullConnection),
    /// It leaves the line, unsent, with this status: no connection is left on which it can be sent.
    Leave(Status),
}

/// Room for one call on a connection. Dropping it gives the room back.
#[must_use = "dropping it gives the room back"]
pub struct Room {
    /// `None` once the call is sent.
    connection: Option<(SendRequest<Bytes>, Arc<ConnectionState>)>,
}

/// A connection that has no room for a call now.
pub struct FullConnection(pub(crate) Arc<ConnectionState>);

impl Room {
    /// Takes room on a connection. `None` if it is full, or lost.
    pub(crate) fn take(send: &SendRequest<Bytes>, state: &Arc<ConnectionState>) -> Option<Self> {
        let is_admitted = state.admission.admit_from_line();
        is_admitted.then(|| Self {
            connection: Some((send.clone(), Arc::clone(state))),
        })
    }

    /// Takes out of the line the call for which this room was found.
    pub(crate) fn leave_line(&self, place: &mut Place) {
        if let Some((_, state)) = &self.connection {
            state.admission.leave_for_this(place);
        }
    }

    /// Returns the connection for the call, which must be sent now, or else give the room back.
    pub(crate) fn into_connection(mut self) -> Option<(SendRequest<Bytes>, Arc<ConnectionState>)> {
        self.connection.take()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some((_, state)) = &self.connection {
            state.admission.close(1);
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.connection.as_ref().map(|(_, state)| &state.peer);
        f.debug_struct("Room").field("peer", &peer).finish()
    }
}

impl fmt::Debug for FullConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FullConnection").field(&self.0.peer).finish()
    }
}
