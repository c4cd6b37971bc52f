//! Failures of a call.

use std::error::Error;
use std::fmt;

use http::HeaderValue;
use trunkline_runtime::PeerAddr;
use trunkline_status::{Code, Status};

use crate::codes::ErrorCode;
use crate::go_away::GoAway;
use crate::keepalive::Silence;
use crate::state::ConnectionState;

/// The reason why a call ended without a status of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    status: Status,
    fate: Fate,
}

/// Whether the server may have acted on a call that failed.
///
/// Source: the cases of [gRFC A6, transparent retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server cannot have acted on the call: the request never left this process.
    Unsent,
    /// The server reports that it did not act on the call: by `REFUSED_STREAM`, or by a GOAWAY that
    /// excludes the call. The request left this process, and may itself be what the server objects
    /// to.
    Refused,
    /// As [`Refused`](Self::Refused), by a GOAWAY with the code `ENHANCE_YOUR_CALM`: the server ended
    /// the connection because something on it costs too much, and this call may be that.
    RefusedAsExcessive,
    /// The server may have acted on the call.
    Unknown,
}

/// A part of a response that is a header list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ResponsePart {
    /// The head or the trailers: it is not known which.
    Headers,
    Head,
    Trailers,
}

impl fmt::Display for ResponsePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Headers => "header list",
            Self::Head => "head",
            Self::Trailers => "trailer list",
        })
    }
}

impl CallError {
    pub(crate) fn new(status: Status, fate: Fate) -> Self {
        Self { status, fate }
    }

    /// Describes a request whose header list is larger than the server takes. It was not sent.
    pub(crate) fn head_too_large(size: usize, limit: u32, peer: &PeerAddr) -> Self {
        let text = format!(
            "the request's headers are too large: {size} bytes with all metadata, and {peer} takes \
             at most {limit} (SETTINGS_MAX_HEADER_LIST_SIZE)"
        );
        // Another server might take it, but the caller's mistake should not depend on the pick.
        Self::new(Status::new(Code::ResourceExhausted, text), Fate::Unknown)
    }

    /// Describes a part of a response whose header list is longer than the caller allows. `status` is
    /// its `grpc-status`, if that could be read.
    pub(crate) fn response_too_large(
        part: ResponsePart,
        status: Option<&HeaderValue>,
        state: &ConnectionState,
    ) -> Self {
        let (peer, limit) = (&state.peer, state.header_limit);
        let mut text = format!(
            "the {part} of {peer}'s response is too large: the limit of this client is {limit} bytes \
             (max_header_list)"
        );
        if let Some(status) = status {
            let status = status.as_bytes().escape_ascii();
            text.push_str(&format!("; its grpc-status is {status}"));
        }
        Self::new(Status::new(Code::ResourceExhausted, text), Fate::Unknown)
    }

    /// Describes a request that h2 did not take.
    pub(crate) fn not_sent(error: &h2::Error, state: &ConnectionState) -> Self {
        let is_lost = error.is_io() || error.is_go_away() || error.is_reset();
        if !is_lost {
            // The caller's mistake, such as a header that HTTP/2 forbids: another connection would
            // not take it either.
            let text = format!("the request cannot be sent over HTTP/2: {error}");
            return Self::new(Status::internal(text), Fate::Unknown);
        }
        if let Some(status) = state.cut_off_status() {
            return Self::new(status.clone(), Fate::Unknown);
        }
        let peer = &state.peer;
        if let Some(silence) = state.silence() {
            return Self::silenced(silence, peer, Fate::Unsent);
        }
        let text = match state.go_away() {
            Some(go_away) => format!("connection lost: {peer} sent {go_away}"),
            None => format!("connection to {peer} lost: {error}"),
        };
        Self::new(Status::unavailable(text), Fate::Unsent)
    }

    /// Describes the failure of the stream `stream`, as h2 reports it.
    pub(crate) fn of_stream(error: &h2::Error, stream: u32, state: &ConnectionState) -> Self {
        let peer = &state.peer;
        if let Some(reason) = error
            .reason()
            .filter(|_| error.is_reset() && error.is_remote())
        {
            let fate = match reason {
                h2::Reason::REFUSED_STREAM => Fate::Refused,
                _ => Fate::Unknown,
            };
            let text = format!("{peer} reset the call: {}", ErrorCode::from(reason));
            return Self::new(Status::new(code_of(reason), text), fate);
        }
        let fate = if !state.is_sent(stream) {
            Fate::Unsent
        } else if !state.is_excluded(stream) {
            Fate::Unknown
        } else if state.go_away().is_some_and(GoAway::is_excessive) {
            Fate::RefusedAsExcessive
        } else {
            Fate::Refused
        };
        if let Some(status) = state.cut_off_status() {
            return Self::new(status.clone(), Fate::Unknown);
        }
        if let Some(silence) = state.silence() {
            return Self::silenced(silence, peer, fate);
        }
        if error.is_library() && state.has_long_headers_on(stream) {
            return Self::response_too_large(ResponsePart::Headers, None, state);
        }
        if let Some(reason) = error.reason().filter(|_| error.is_reset()) {
            // h2 itself reset the stream; the connection goes on.
            let code = ErrorCode::from(reason);
            let text = format!("the answer of {peer} breaks HTTP/2: {code}");
            return Self::new(Status::internal(text), fate);
        }
        let code = if error.is_io() || error.is_go_away() || fate != Fate::Unknown {
            Code::Unavailable
        } else {
            Code::Internal
        };
        let text = match (state.go_away(), error.reason()) {
            (Some(go_away), Some(_)) => format!("connection lost: {peer} sent {go_away}"),
            (Some(go_away), None) => {
                format!("connection lost: {peer} sent {go_away}, then: {error}")
            }
            // For such lists alone h2 has these errors, or for frames that waste its time.
            (None, Some(h2::Reason::ENHANCE_YOUR_CALM | h2::Reason::COMPRESSION_ERROR))
                if state.has_long_headers() =>
            {
                let limit = state.header_limit;
                format!(
                    "connection to {peer} lost: the headers of another call's response were far over \
                     the limit of this client, {limit} bytes (max_header_list)"
                )
            }
            // This side's own verdict must not read as the server's.
            (None, Some(h2::Reason::ENHANCE_YOUR_CALM)) if error.is_library() => format!(
                "connection to {peer} lost: this client ended it, because {peer} made it work far \
                 more than what it sent is worth: {error}"
            ),
            (None, Some(reason)) => {
                let code = ErrorCode::from(reason);
                format!("connection to {peer} lost: it breaks HTTP/2: {code}")
            }
            (None, None) => format!("connection to {peer} lost: {error}"),
        };
        Self::new(Status::new(code, text), fate)
    }

    /// Describes a call whose connection the keepalive gave up.
    fn silenced(silence: Silence, peer: &PeerAddr, fate: Fate) -> Self {
        let text = format!("connection to {peer} lost: {silence}");
        Self::new(Status::unavailable(text), fate)
    }

    /// Returns the status to report.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Returns the status to report.
    #[must_use]
    pub fn into_status(self) -> Status {
        self.status
    }

    /// Returns whether the server may have acted on the call.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }
}

/// Maps the error code of an RST_STREAM frame to a status code.
///
/// Source: [gRPC over HTTP/2, Errors](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#errors).
fn code_of(reason: h2::Reason) -> Code {
    match reason {
        h2::Reason::REFUSED_STREAM => Code::Unavailable,
        h2::Reason::CANCEL => Code::Cancelled,
        h2::Reason::ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        h2::Reason::INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Internal,
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)
    }
}

impl Error for CallError {}
