//! Observers of clients.

use std::fmt::Debug;
use std::time::Instant;

use super::certificate_event::CertificateEvent;
use crate::core::ads::AdsEvent;

/// Receives what happens between clients and control planes: for logs, and for the metrics of
/// [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md).
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use trunkline_xds::core::ads::AdsEvent;
/// use trunkline_xds::{XdsObserver, XdsPool};
///
/// #[derive(Debug)]
/// struct Print;
///
/// impl XdsObserver for Print {
///     fn observe(&self, target: &str, event: &AdsEvent, _: Instant) {
///         if let AdsEvent::Failed { server, text, .. } = event {
///             eprintln!("{target}: {} failed: {text}", server.uri);
///         }
///     }
/// }
///
/// let pool = XdsPool::new().with_observer(Print);
/// ```
pub trait XdsObserver: Debug + Send + Sync {
    /// Handles an event of the client of `target`, which happened at `at`.
    ///
    /// Called by the task of the client, in the order of the events; must neither block nor panic.
    fn observe(&self, target: &str, event: &AdsEvent, at: Instant);

    /// Handles a change of the files of a certificate provider, which was found at `at`: once for each
    /// change, however often the files are read. Ignored by default.
    ///
    /// Called by the task that reads the files, and for the first reading by the channel that needs them;
    /// must neither block nor panic.
    fn observe_certificates(&self, event: &CertificateEvent, at: Instant) {
        let _ = (event, at);
    }
}
