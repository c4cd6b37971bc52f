//! How a backend opens connections and answers calls.

use std::time::Duration;

/// How the backend begins a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Opening {
    /// Speaks HTTP/2 and sends SETTINGS at once.
    #[default]
    AtOnce,
    /// Speaks HTTP/2 and sends SETTINGS after this delay.
    After(Duration),
    /// Reads what the client sends, and sends nothing.
    Silent,
    /// Answers in HTTP/1.1 and closes.
    Garbage,
    /// Closes at once.
    Close,
}

/// How the backend answers a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallReply {
    /// With the messages of the request, and `grpc-status: 0`.
    #[default]
    Echo,
    /// As the service of [`Sim::serve`](crate::Sim::serve) answers. A backend without a service
    /// answers UNIMPLEMENTED.
    Service,
    /// With a status and no message, in one HEADERS frame (a trailers-only response).
    Status {
        /// The gRPC status code.
        code: u32,
        /// The status message.
        message: String,
    },
    /// Not at all. The stream stays open.
    Never,
    /// With RST_STREAM and this HTTP/2 error code; 7 is REFUSED_STREAM.
    ResetStream(u32),
    /// After a GOAWAY: as its service answers, or without a service as [`Echo`](Self::Echo).
    GoAway,
    /// With a reset of the connection.
    DropConnection,
    /// As the other reply, after this delay.
    After(Duration, Box<Self>),
}

impl CallReply {
    /// Returns the same reply, delayed by `delay`.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self::After(delay, Box::new(self))
    }
}
