//! The events of a channel, as channelz shows them.

use std::time::Instant;

use trunkline_channel::{ChannelEvent, EventLevel};
use trunkline_lb::{ConnectivityState, SubchannelState};

use crate::proto::channel_trace_event::Severity;
use crate::trace::TraceEvent;

/// Returns what a trace keeps of an event.
pub(crate) fn trace_event(event: &ChannelEvent, now: Instant) -> TraceEvent {
    let severity = match event.level() {
        EventLevel::Warn => Severity::CtWarning,
        _ => Severity::CtInfo,
    };
    TraceEvent::new(severity, event.to_string(), now)
}

/// Returns the state of a subchannel, without its reason.
pub(crate) fn connectivity(state: &SubchannelState) -> ConnectivityState {
    match state {
        SubchannelState::Idle => ConnectivityState::Idle,
        SubchannelState::Connecting => ConnectivityState::Connecting,
        SubchannelState::Ready => ConnectivityState::Ready,
        SubchannelState::TransientFailure(_) => ConnectivityState::TransientFailure,
    }
}
