//! The values of `grpc.disconnect_error`.

use std::io;

use trunkline_channel::ConnectionLostReason;

/// The client closed the connection.
pub(crate) const SUBCHANNEL_SHUTDOWN: &str = "subchannel shutdown";

const RESET: &str = "connection reset";
const TIMED_OUT: &str = "connection timed out";
const ABORTED: &str = "connection aborted";
const SOCKET_ERROR: &str = "socket error";
const UNKNOWN: &str = "unknown";

/// The values for a GOAWAY, by its error code.
///
/// Source: [RFC 9113 section 7](https://www.rfc-editor.org/rfc/rfc9113#section-7).
const GO_AWAY: [&str; 14] = [
    "GOAWAY NO_ERROR",
    "GOAWAY PROTOCOL_ERROR",
    "GOAWAY INTERNAL_ERROR",
    "GOAWAY FLOW_CONTROL_ERROR",
    "GOAWAY SETTINGS_TIMEOUT",
    "GOAWAY STREAM_CLOSED",
    "GOAWAY FRAME_SIZE_ERROR",
    "GOAWAY REFUSED_STREAM",
    "GOAWAY CANCEL",
    "GOAWAY COMPRESSION_ERROR",
    "GOAWAY CONNECT_ERROR",
    "GOAWAY ENHANCE_YOUR_CALM",
    "GOAWAY INADEQUATE_SECURITY",
    "GOAWAY HTTP_1_1_REQUIRED",
];

/// The value for a GOAWAY with a code that RFC 9113 does not have. The code is left out: a server
/// could make as many series as there are codes.
const GO_AWAY_UNKNOWN: &str = "GOAWAY UNKNOWN";

/// Returns the value of `grpc.disconnect_error`, of which there are few.
///
/// A server that closes the connection in good order and without a GOAWAY is `unknown`, as in
/// grpc-go.
///
/// Source: [gRFC A94](https://github.com/grpc/proposal/blob/master/A94-subchannel-otel-metrics.md).
pub(crate) fn disconnect_error(reason: ConnectionLostReason) -> &'static str {
    match reason {
        ConnectionLostReason::GoAway { code } => {
            let known = usize::try_from(code).ok();
            let known = known.and_then(|code| GO_AWAY.get(code).copied());
            known.unwrap_or(GO_AWAY_UNKNOWN)
        }
        ConnectionLostReason::Io(io::ErrorKind::ConnectionReset) => RESET,
        ConnectionLostReason::Io(io::ErrorKind::ConnectionAborted) => ABORTED,
        ConnectionLostReason::Io(io::ErrorKind::TimedOut)
        | ConnectionLostReason::KeepaliveTimeout { .. }
        | ConnectionLostReason::NotRead => TIMED_OUT,
        ConnectionLostReason::Io(io::ErrorKind::UnexpectedEof) => UNKNOWN,
        ConnectionLostReason::Io(_) => SOCKET_ERROR,
        _ => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Each reason has one of the values of the gRFC, or a GOAWAY with a name of RFC 9113.
    #[test]
    fn reasons_have_few_values() {
        use ConnectionLostReason as Reason;
        let go_away = |code| Reason::GoAway { code };
        let second = Duration::from_secs(1);
        for (reason, expected) in [
            (go_away(0), "GOAWAY NO_ERROR"),
            (go_away(1), "GOAWAY PROTOCOL_ERROR"),
            (go_away(11), "GOAWAY ENHANCE_YOUR_CALM"),
            (go_away(13), "GOAWAY HTTP_1_1_REQUIRED"),
            (go_away(14), "GOAWAY UNKNOWN"),
            (go_away(u32::MAX), "GOAWAY UNKNOWN"),
            (Reason::Closed, "unknown"),
            (
                Reason::Io(io::ErrorKind::ConnectionReset),
                "connection reset",
            ),
            (
                Reason::Io(io::ErrorKind::ConnectionAborted),
                "connection aborted",
            ),
            (Reason::Io(io::ErrorKind::TimedOut), "connection timed out"),
            (Reason::Io(io::ErrorKind::BrokenPipe), "socket error"),
            (Reason::Io(io::ErrorKind::UnexpectedEof), "unknown"),
            (
                Reason::KeepaliveTimeout {
                    time: second,
                    timeout: second,
                },
                "connection timed out",
            ),
            (Reason::NotRead, "connection timed out"),
            (Reason::Protocol { code: Some(1) }, "unknown"),
            (Reason::StreamsUsedUp, "unknown"),
            (Reason::LateFrames, "unknown"),
            (Reason::TaskDropped, "unknown"),
            (Reason::Unknown, "unknown"),
        ] {
            assert_eq!(disconnect_error(reason), expected, "{reason:?}");
        }
    }
}
