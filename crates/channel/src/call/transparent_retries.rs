//! Transparent retries: calls that no server acted on are sent again.

use trunkline_transport::Fate;

/// The most retries of a call that reached a server, which refused it by `REFUSED_STREAM` or by a
/// GOAWAY that excludes it. The server may refuse the call because of its content. Each retry may
/// then cost one more connection, with all other calls on it.
///
/// Source: [gRFC A6, transparent retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
const MOST_REFUSED: usize = 1;

/// Counts the transparent retries of one call.
#[derive(Debug, Default)]
pub(crate) struct TransparentRetries {
    refused: usize,
}

impl TransparentRetries {
    /// Counts an attempt that ended with `fate`, and returns true when the call may be sent again.
    ///
    /// A call that never left this process may always be: no server has seen it.
    pub(crate) fn may_retry(&mut self, fate: Fate) -> bool {
        match fate {
            Fate::Unsent => true,
            Fate::Refused => {
                self.refused += 1;
                self.refused <= MOST_REFUSED
            }
            Fate::Unknown => false,
        }
    }
}
