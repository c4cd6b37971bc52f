//! An attempt whose credentials are awaited.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Uri};
use trunkline_runtime::BoxFuture;
use trunkline_status::Status;
use trunkline_transport::Connection;

use crate::core::connections::ReadyConnection;
use crate::core::holds::HoldId;
use crate::record::AttemptRecord;

/// An attempt that has a connection, and waits for the metadata of its credentials. Only calls with
/// credentials have one.
///
/// It does not borrow from the call, so it can wait beside attempts that run. Dropping it cancels the
/// attempt.
#[must_use = "dropping it cancels the attempt"]
pub(crate) struct Authorizing {
    /// The hold that was picked.
    pub(crate) hold: HoldId,
    pub(crate) ready: Arc<ReadyConnection<Connection>>,
    pub(crate) uri: Uri,
    pub(crate) record: AttemptRecord,
    metadata: BoxFuture<Result<HeaderMap, Status>>,
}

/// What an attempt does that is [`Authorizing`], for the text of a deadline.
pub(crate) const WAITING: &str = "waiting for the call credentials";

impl Authorizing {
    pub(crate) fn new(
        hold: HoldId,
        ready: Arc<ReadyConnection<Connection>>,
        uri: Uri,
        record: AttemptRecord,
        metadata: BoxFuture<Result<HeaderMap, Status>>,
    ) -> Self {
        Self {
            hold,
            ready,
            uri,
            record,
            metadata,
        }
    }

    /// Ends an attempt that is not sent.
    pub(crate) fn end(mut self, status: &Status) {
        self.record.end_unsent(status);
    }

    /// Ends an attempt that is not sent, because another one decides the call.
    pub(crate) fn end_overtaken(mut self, status: &Status) {
        self.record.end_overtaken(status);
    }
}

/// Waits for the metadata.
impl Future for Authorizing {
    type Output = Result<HeaderMap, Status>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.metadata.as_mut().poll(cx)
    }
}
