//! The messages that an attempt sends, for the traces of its call.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use trunkline_runtime::{Lock, Runtime};
use trunkline_transport::{Message, MessageListener};

use crate::observer::{Direction, MessageFact};
use crate::record::traces::Traces;

/// Reports the messages that one attempt sends to the traces of its call: none before the attempt
/// counts as sent, and none after its end.
///
/// An upload sends messages in a task of its own. So they are reported under a lock.
pub(crate) struct SentMessages {
    traces: Traces,
    runtime: Arc<dyn Runtime>,
    /// The number of the attempt.
    number: u32,
    stage: Lock<Stage>,
}

/// What becomes of the next message.
enum Stage {
    /// It waits until the attempt counts as sent.
    Waits(Vec<(Message, Instant)>),
    /// It is reported.
    Reported,
    /// Nothing: the attempt has ended.
    Ended,
}

impl SentMessages {
    pub(crate) fn new(traces: Traces, runtime: Arc<dyn Runtime>, number: u32) -> Self {
        Self {
            traces,
            runtime,
            number,
            stage: Lock::new(Stage::Waits(Vec::new())),
        }
    }

    /// Handles that the attempt counts as sent: reports the messages so far.
    pub(crate) fn handle_attempt_sent(&self) {
        let mut stage = self.stage.lock();
        if let Stage::Waits(waiting) = mem::replace(&mut *stage, Stage::Reported) {
            for (message, at) in waiting {
                self.report(message, at);
            }
        }
    }

    /// Handles the end of the attempt.
    pub(crate) fn handle_attempt_ended(&self) {
        *self.stage.lock() = Stage::Ended;
    }

    fn report(&self, message: Message, at: Instant) {
        let fact = message_fact(self.number, Direction::Sent, message, at);
        for trace in self.traces.as_slice() {
            trace.message(&fact);
        }
    }
}

impl MessageListener for SentMessages {
    fn handle_sent(&self, message: Message) {
        let at = self.runtime.now();
        match &mut *self.stage.lock() {
            Stage::Waits(waiting) => waiting.push((message, at)),
            Stage::Reported => self.report(message, at),
            Stage::Ended => {}
        }
    }
}

/// Returns what a trace receives of a message of the attempt `number`.
pub(crate) fn message_fact(
    number: u32,
    direction: Direction,
    message: Message,
    at: Instant,
) -> MessageFact {
    MessageFact {
        number,
        direction,
        sequence: message.sequence,
        bytes: message.bytes.into(),
        is_compressed: message.is_compressed,
        at,
    }
}
