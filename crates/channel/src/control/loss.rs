//! The loss of a connection, on its way from the transport to the policy.
//!
//! 1. `transport`: the wire reads a GOAWAY (`frames.rs`, `go_away.rs`), or the connection ends. The
//!    `ConnectionDriver` calls `on_lost` with the transport's `Lost`.
//! 2. Here: [`report_to`] makes that `on_lost`. It sends the channel's own type to the control task.
//! 3. `task.rs` hands it to the core, whose `handle_lost` changes the subchannel's stage, and notifies
//!    the observer and then the policy of the new state.

use async_channel::Sender;
use trunkline_lb::SubchannelId;
use trunkline_transport::{Lost, LostReason};

use crate::control::event::ControlEvent;
use crate::core::connections::ConnectionId;
use crate::core::failure::{ConnectionLost, ConnectionLostReason};

/// Returns the function that reports the loss of a subchannel's connection to the control task.
pub(crate) fn report_to(
    events: Sender<ControlEvent>,
    id: SubchannelId,
    connection_id: ConnectionId,
) -> impl FnOnce(Lost) + Send + 'static {
    move |lost| {
        let why = connection_lost(lost);
        // Unbounded; closed only when the control task has ended.
        let _ = events.try_send(ControlEvent::Lost {
            id,
            connection_id,
            why,
        });
    }
}

/// Converts the transport's loss of a connection into the channel's.
fn connection_lost(lost: Lost) -> ConnectionLost {
    let reason = match lost.reason() {
        LostReason::GoAway(go_away) => ConnectionLostReason::GoAway {
            code: go_away.code(),
        },
        LostReason::Closed => ConnectionLostReason::Closed,
        LostReason::Io(kind) => ConnectionLostReason::Io(*kind),
        LostReason::Protocol { code } => ConnectionLostReason::Protocol { code: *code },
        LostReason::LateFrames => ConnectionLostReason::LateFrames,
        LostReason::StreamsUsedUp => ConnectionLostReason::StreamsUsedUp,
        LostReason::TaskDropped => ConnectionLostReason::TaskDropped,
        LostReason::NotRead => ConnectionLostReason::NotRead,
        LostReason::KeepaliveTimeout { time, timeout } => ConnectionLostReason::KeepaliveTimeout {
            time: *time,
            timeout: *timeout,
        },
        _ => ConnectionLostReason::Unknown,
    };
    let raised_keepalive = lost.raised_keepalive();
    ConnectionLost::new(reason, lost.is_unused(), lost.age(), lost)
        .with_raised_keepalive(raised_keepalive)
}
