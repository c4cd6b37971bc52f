//! The observer of one channel.

use std::sync::Arc;
use std::time::Instant;

use trunkline_channel::{
    AttemptEnded, AttemptSent, CallEnded, CallStarted, ChannelEvent, Interests, Observer,
};
use trunkline_lb::ConnectivityState;
use trunkline_status::Code;

use crate::record::ChannelRecord;
use crate::registry::Registry;

/// Writes the record of one channel, which is in the registry until the channel has ended.
#[derive(Debug)]
pub(crate) struct ChannelObserver {
    record: Arc<ChannelRecord>,
    registry: Arc<Registry>,
}

impl ChannelObserver {
    pub(crate) fn new(record: Arc<ChannelRecord>, registry: Arc<Registry>) -> Self {
        registry.insert(Arc::clone(&record));
        Self { record, registry }
    }
}

impl Observer for ChannelObserver {
    fn observe(&self, event: &ChannelEvent, at: Instant) {
        self.record.handle_event(event, at);
        if let ChannelEvent::State(ConnectivityState::Shutdown) = event {
            self.registry.remove(self.record.id);
        }
    }

    fn interests(&self) -> Interests {
        let all = Interests::ALL;
        all.with_traces(false).with_attempt_started(false)
    }

    fn call_started(&self, call: &CallStarted<'_>) {
        let now = self.record.clock.nanos(call.at);
        self.record.calls.counters().start(now);
    }

    fn attempt_sent(&self, attempt: &AttemptSent<'_>) {
        let now = self.record.clock.nanos(attempt.at);
        let subchannel = attempt.to.subchannel;
        let counters = &self.record.counters;
        counters.with(subchannel, |own| own.calls.counters().start(now));
    }

    fn attempt_ended(&self, attempt: &AttemptEnded<'_>) {
        let Some(sent) = &attempt.sent else {
            return;
        };
        let is_ok = attempt.outcome.status.code() == Code::Ok;
        let counters = &self.record.counters;
        counters.with(sent.subchannel, |own| {
            own.calls.counters().end(is_ok);
            let (sent_messages, received) = (
                attempt.outcome.messages_sent,
                attempt.outcome.messages_received,
            );
            own.add_messages(sent.connection, sent_messages, received);
        });
    }

    fn call_ended(&self, call: &CallEnded<'_>) {
        let is_ok = call.status.code() == Code::Ok;
        self.record.calls.counters().end(is_ok);
    }
}

impl Drop for ChannelObserver {
    fn drop(&mut self) {
        self.registry.remove(self.record.id);
    }
}
