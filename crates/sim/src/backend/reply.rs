//! What a backend is told to do.

use std::time::Duration;

/// How a connection opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opening {
    /// HTTP/2: SETTINGS at once.
    #[default]
    AtOnce,
    /// SETTINGS so much later.
    After(Duration),
    /// Reads what the client sends, and never says a word.
    Silent,
    /// Answers in HTTP/1.1 and closes.
    Garbage,
    /// Closes at once.
    Close,
}

/// How a call is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// With the messages of the request, and `grpc-status: 0`.
    #[default]
    Echo,
    /// With a status and no message, in one frame of headers ("trailers only").
    Status {
        /// A gRPC code.
        code: u32,
        /// The status message.
        message: String,
    },
    /// Not at all; the stream stays open.
    Never,
    /// By RST_STREAM with this HTTP/2 error code; 7 is REFUSED_STREAM.
    ResetStream(u32),
    /// As [`Echo`](Self::Echo), with a GOAWAY before it.
    GoAway,
    /// By a reset of the connection.
    DropConnection,
    /// So much later as the other reply says.
    After(Duration, Box<Self>),
}

impl Reply {
    /// The same, so much later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self::After(delay, Box::new(self))
    }
}
