//! What is in a span.

use opentelemetry::KeyValue;
use opentelemetry::trace::Status as SpanStatus;
use trunkline_channel::{AttemptStarted, Direction, MessageFact};
use trunkline_runtime::PeerAddr;
use trunkline_status::{Code, Status};

/// The event of a call whose name was not resolved when it started.
pub(super) const RESOLUTION_DELAYED: &str = "Delayed name resolution complete";

/// The event of an attempt for which the first pick chose no connection.
pub(super) const PICK_DELAYED: &str = "Delayed LB pick complete";

/// Returns the name of a span: the prefix, and the method with dots in place of slashes.
pub(super) fn name(prefix: &str, path: &str) -> String {
    let method = path.strip_prefix('/').unwrap_or(path);
    let mut name = String::with_capacity(prefix.len() + 1 + method.len());
    name.push_str(prefix);
    name.push('.');
    name.extend(method.chars().map(|c| if c == '/' { '.' } else { c }));
    name
}

/// Returns the attributes of an attempt's span.
pub(super) fn attempt(attempt: &AttemptStarted<'_>) -> [KeyValue; 2] {
    [
        KeyValue::new(
            "previous-rpc-attempts",
            i64::from(attempt.previous_attempts),
        ),
        KeyValue::new("transparent-retry", attempt.is_transparent_retry),
    ]
}

/// Returns the attributes of a server's address.
///
/// Source: [OpenTelemetry, semantic conventions](https://opentelemetry.io/docs/specs/semconv/registry/attributes/network/).
pub(super) fn peer(peer: &PeerAddr) -> Vec<KeyValue> {
    match peer {
        PeerAddr::Ip(address) => vec![
            KeyValue::new("network.peer.address", address.ip().to_string()),
            KeyValue::new("network.peer.port", i64::from(address.port())),
        ],
        other => vec![KeyValue::new("network.peer.address", other.to_string())],
    }
}

/// Returns the event of a message: its name and its attributes.
///
/// `message-size` is the size that the application sees. The channel passes compressed messages on as
/// they are, so it knows only `message-size-compressed` of them. The names are those of gRPC in Java and
/// in C++: a received message before it is decompressed is an event of its own there.
pub(super) fn message(message: &MessageFact) -> (&'static str, Vec<KeyValue>) {
    let name = match (message.direction, message.is_compressed) {
        (Direction::Sent, _) => "Outbound message",
        (Direction::Received, false) => "Inbound message",
        (Direction::Received, true) => "Inbound compressed message",
    };
    let size = if message.is_compressed {
        "message-size-compressed"
    } else {
        "message-size"
    };
    let attributes = vec![
        KeyValue::new("sequence-number", integer(message.sequence)),
        KeyValue::new(size, integer(message.bytes)),
    ];
    (name, attributes)
}

/// Returns the status of a span: Ok, or an error such as `UNAVAILABLE: connection refused`.
pub(super) fn status(status: &Status) -> SpanStatus {
    let code = status.code();
    if code == Code::Ok {
        SpanStatus::Ok
    } else if status.message().is_empty() {
        SpanStatus::error(code.name())
    } else {
        SpanStatus::error(format!("{}: {}", code.name(), status.message()))
    }
}

/// Returns a number as OpenTelemetry has them; more than `i64::MAX` is `i64::MAX`.
fn integer(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
