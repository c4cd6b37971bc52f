//! The response of a peer that is no gRPC server: a proxy or a web server.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use trunkline_runtime::{PeerAddr, Runtime};
use trunkline_status::Status;
use trunkline_transport::{Incoming, IncomingFrame};

/// The response of a peer that is no gRPC server.
pub(crate) struct Refusal {
    /// The status that its head maps to.
    status: Status,
    incoming: Incoming,
}

/// The most bytes of a body that are quoted.
const EXCERPT_LIMIT: usize = 256;

/// The longest wait for a body that is to be quoted.
const EXCERPT_TIMEOUT: Duration = Duration::from_secs(1);

impl Refusal {
    /// Returns a refusal whose head maps to `status`.
    pub(crate) fn new(status: Status, incoming: Incoming) -> Self {
        Self { status, incoming }
    }

    /// Returns the address of the peer.
    pub(crate) fn peer(&self) -> &PeerAddr {
        self.incoming.peer_addr()
    }

    /// Returns the status, with the start of the body added to its message: often only the body
    /// gives the reason.
    ///
    /// Control characters are escaped. Waits for at most a second, and reads at most 256 bytes.
    pub(crate) async fn into_status(self, runtime: Arc<dyn Runtime>) -> Status {
        let excerpt = excerpt(self.incoming, &runtime).await;
        let excerpt = String::from_utf8_lossy(&excerpt);
        let excerpt = excerpt.trim();
        if excerpt.is_empty() {
            return self.status;
        }
        let quoted = excerpt.escape_debug();
        self.status
            .map_message(|text| format!("{text} It said: \"{quoted}\""))
    }
}

/// Returns the start of a body, as much of it as comes within [`EXCERPT_TIMEOUT`].
async fn excerpt(incoming: Incoming, runtime: &Arc<dyn Runtime>) -> Vec<u8> {
    let mut excerpt = Vec::new();
    {
        let mut reading = pin!(read(incoming, &mut excerpt));
        let mut timer = runtime.sleep_until(runtime.now() + EXCERPT_TIMEOUT);
        poll_fn(|cx| {
            if reading.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            pin!(&mut timer).poll(cx)
        })
        .await;
    }
    excerpt
}

/// Reads the start of a body into `excerpt`.
async fn read(mut incoming: Incoming, excerpt: &mut Vec<u8>) {
    while excerpt.len() < EXCERPT_LIMIT
        && let Some(Ok(IncomingFrame::Data(data))) = poll_fn(|cx| incoming.poll_frame(cx)).await
    {
        let room = EXCERPT_LIMIT - excerpt.len();
        excerpt.extend_from_slice(&data[..data.len().min(room)]);
    }
}
