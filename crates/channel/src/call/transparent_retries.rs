//! Transparent retries: calls that no server acted on are sent again.

use http::HeaderMap;
use trunkline_status::{Code, Status};
use trunkline_transport::{CallError, Fate, header_list_size};

/// The most retries of a call that reached a server, which refused it by `REFUSED_STREAM` or by a
/// GOAWAY that excludes it. The server may refuse the call because of its content. Each retry may
/// then cost one more connection, with all other calls on it.
///
/// Source: [gRFC A6, transparent retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
const MOST_REFUSED: usize = 1;

/// Metadata above this size, in bytes as HTTP/2 counts them, is probably what a server objects to that
/// ends a connection with `ENHANCE_YOUR_CALM`. Servers are to take this much by default.
///
/// Source: [gRPC over HTTP/2, requests](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
const USUAL_METADATA: usize = 8 * 1024;

/// Counts the transparent retries of one call.
#[derive(Debug, Default)]
pub(crate) struct TransparentRetries {
    refused: usize,
}

impl TransparentRetries {
    /// Counts an attempt that ended with `fate`, and returns true when the call may be sent again.
    ///
    /// A call that never left this process may always be: no server has seen it. One that is probably
    /// the reason why its connection ended may not be: it would cost other calls the next connection.
    pub(crate) fn may_retry(&mut self, fate: Fate, headers: &HeaderMap) -> bool {
        match fate {
            Fate::Unsent => true,
            Fate::Refused | Fate::RefusedAsExcessive => {
                self.refused += 1;
                self.refused <= MOST_REFUSED && excess(fate, headers).is_none()
            }
            Fate::Unknown => false,
        }
    }
}

/// Returns the size of the metadata of a call that is probably the reason why its connection ended;
/// `None` if it is not.
fn excess(fate: Fate, headers: &HeaderMap) -> Option<usize> {
    let size = (fate == Fate::RefusedAsExcessive).then(|| header_list_size(headers))?;
    (size > USUAL_METADATA).then_some(size)
}

/// Returns the status of a failed attempt: that of `error`, or `RESOURCE_EXHAUSTED` if the metadata is
/// probably the reason.
pub(crate) fn status_of(error: CallError, headers: &HeaderMap) -> Status {
    let excess = excess(error.fate(), headers);
    let status = error.into_status();
    match excess {
        Some(size) => Status::new(
            Code::ResourceExhausted,
            format!(
                "{}; the metadata of this call has {size} bytes, which is probably more than the \
                 server takes, so the call is not sent again",
                status.message()
            ),
        ),
        None => status,
    }
}
