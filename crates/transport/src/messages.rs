//! The messages of a call, as they go by.

use crate::prefixes::{Prefix, Prefixes};

/// A gRPC message, as its prefix describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The number of messages before this one, in this direction of the attempt.
    pub sequence: u64,
    /// The size of the message after compression, in bytes. Its prefix does not count.
    pub bytes: u32,
    /// True if the message is compressed.
    pub is_compressed: bool,
}

/// Is notified of the messages of one attempt's request.
///
/// Source: the events "Outbound message" of
/// [gRFC A72](https://github.com/grpc/proposal/blob/master/A72-open-telemetry-tracing.md).
pub trait MessageListener: Send + Sync {
    /// Handles a message whose prefix was handed to HTTP/2. The rest of it may still wait.
    ///
    /// Called by the task of the call, or by that of its upload: return soon.
    fn handle_sent(&self, message: Message);
}

/// Counts the messages in one direction of an attempt, however its data is cut into pieces. A message
/// counts once its prefix is complete.
///
/// The size of all messages without their prefixes is that of the data, less
/// [`MESSAGE_PREFIX`](crate::MESSAGE_PREFIX) for each of them.
///
/// ```
/// use trunkline_transport::{Message, MessageCounter};
///
/// let mut counter = MessageCounter::default();
/// let mut seen = Vec::new();
/// counter.handle_data(b"\0\0\0\0\x02ab\x01\0\0", |message| seen.push(message));
/// assert_eq!(counter.messages(), 1);
/// counter.handle_data(b"\0\x03abc", |message| seen.push(message));
/// assert_eq!(counter.messages(), 2);
/// let message = |sequence, bytes, is_compressed| Message { sequence, bytes, is_compressed };
/// assert_eq!(seen, [message(0, 2, false), message(1, 3, true)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MessageCounter {
    prefixes: Prefixes,
    messages: u64,
}

impl MessageCounter {
    /// Counts the messages whose prefixes are complete with the next piece of the data. Each of them
    /// is handed to `report`, in their order.
    pub fn handle_data(&mut self, mut piece: &[u8], mut report: impl FnMut(Message)) {
        if let Some(prefix) = self.prefixes.of_whole_message(piece) {
            return report(self.count(prefix));
        }
        while let Some(prefix) = self.prefixes.next(&mut piece) {
            report(self.count(prefix));
        }
    }

    fn count(&mut self, prefix: Prefix) -> Message {
        let message = Message {
            sequence: self.messages,
            bytes: prefix.size,
            is_compressed: prefix.flag != 0,
        };
        self.messages += 1;
        message
    }

    /// Returns the number of messages so far.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages are counted with their sizes, also empty ones, however the data is cut. (gRPC over
    /// HTTP/2, "Length-Prefixed-Message")
    #[test]
    fn messages_in_pieces() {
        let sizes = [(0, 0), (3, 1), (300, 0), (0, 1), (1, 0)];
        let mut data = Vec::new();
        let mut expected = Vec::new();
        for (sequence, (bytes, flag)) in (0..).zip(sizes) {
            data.push(flag);
            data.extend(u32::to_be_bytes(bytes));
            data.resize(data.len() + bytes as usize, 1);
            expected.push(Message {
                sequence,
                bytes,
                is_compressed: flag == 1,
            });
        }
        for piece in 1..=data.len() {
            let (mut counter, mut seen) = (MessageCounter::default(), Vec::new());
            for piece in data.chunks(piece) {
                counter.handle_data(piece, |message| seen.push(message));
                counter.handle_data(b"", |message| seen.push(message));
            }
            assert_eq!(seen, expected, "in pieces of {piece}");
            assert_eq!(counter.messages(), 5);
        }
    }

    /// A message counts when its prefix is complete, before its data comes, and not before.
    #[test]
    fn a_message_counts_by_its_prefix() {
        let mut counter = MessageCounter::default();
        counter.handle_data(&[0, 255, 255, 255], |_| ());
        assert_eq!(counter.messages(), 0);
        counter.handle_data(&[255], |message| assert_eq!(message.bytes, u32::MAX));
        assert_eq!(counter.messages(), 1);
        counter.handle_data(&[0; 100], |_| ());
        assert_eq!(counter.messages(), 1);
    }
}
