//! The data of a request, on its way to HTTP/2.

use std::sync::Arc;

use bytes::Bytes;
use h2::SendStream;

use crate::messages::{MessageCounter, MessageListener};

/// What was handed to HTTP/2 of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Handed {
    /// The bytes of messages, with their prefixes.
    pub(crate) bytes: u64,
    /// The messages whose prefixes are in those bytes.
    pub(crate) messages: u64,
}

/// Hands the messages of one attempt's request to HTTP/2, and counts them.
pub(crate) struct Outbound {
    bytes: u64,
    counter: MessageCounter,
    /// Is notified of each message, if anything listens.
    listener: Option<Arc<dyn MessageListener>>,
}

impl Outbound {
    pub(crate) fn new(listener: Option<Arc<dyn MessageListener>>) -> Self {
        Self {
            bytes: 0,
            counter: MessageCounter::default(),
            listener,
        }
    }

    /// Hands the next data to HTTP/2. Returns what was handed to it so far.
    ///
    /// # Errors
    ///
    /// When the stream has ended. Nothing more can be sent then.
    pub(crate) fn send(
        &mut self,
        stream: &mut SendStream<Bytes>,
        data: Bytes,
        is_end: bool,
    ) -> Result<Handed, h2::Error> {
        let len = data.len() as u64;
        if let Some(listener) = &self.listener {
            let sent = data.clone();
            stream.send_data(data, is_end)?;
            let report = |message| listener.handle_sent(message);
            self.counter.handle_data(&sent, report);
        } else {
            self.counter.handle_data(&data, |_| ());
            stream.send_data(data, is_end)?;
        }
        self.bytes += len;
        Ok(Handed {
            bytes: self.bytes,
            messages: self.counter.messages(),
        })
    }
}
