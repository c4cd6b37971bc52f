//! Transparent retries: calls that no server acted on are sent again.

use trunkline_transport::Fate;

/// The most retries of a call that the server refused (`REFUSED_STREAM`).
///
/// Source: [gRFC A6, transparent retries](https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries).
const MOST_REFUSED: usize = 1;

/// The most retries of a call that no server acted on. Each retry needs a connection that is lost,
/// so this is a bound for servers that only ever send GOAWAY.
const MOST_UNPROCESSED: usize = 16;

/// Counts the transparent retries of one call.
#[derive(Debug, Default)]
pub(crate) struct TransparentRetries {
    refused: usize,
    unprocessed: usize,
}

impl TransparentRetries {
    /// Counts an attempt that ended with `fate`, and returns true when the call may be sent again.
    pub(crate) fn may_retry(&mut self, fate: Fate) -> bool {
        match fate {
            Fate::Unprocessed => {
                self.unprocessed += 1;
                self.unprocessed <= MOST_UNPROCESSED
            }
            Fate::Refused => {
                self.refused += 1;
                self.refused <= MOST_REFUSED
            }
            Fate::Unknown => false,
        }
    }
}
