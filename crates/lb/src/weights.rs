//! What a weighted policy reports of its weights.

use std::fmt;
use std::sync::Arc;

use trunkline_endpoint::BackendLabels;

/// The weights with which weighted_round_robin updated its scheduler.
///
/// The scheduler is updated when the set of ready endpoints or the configuration changes, and once in
/// each update period while at least two endpoints are ready. Without a ready endpoint there is no update,
/// and none where a set of thousands of endpoints keeps its weights while one of them changes.
///
/// Source: [gRFC A78](https://github.com/grpc/proposal/blob/master/A78-grpc-metrics-wrr-pf-xds.md),
/// "Weighted Round Robin LB Policy".
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WeightsUpdate {
    /// True if calls go in turn, because fewer than two endpoints have a usable weight
    /// (`grpc.lb.wrr.rr_fallback`).
    pub is_fallback: bool,
    /// The number of endpoints that have not sent a report yet, or not for the blackout period
    /// (`grpc.lb.wrr.endpoint_weight_not_yet_usable`).
    pub not_yet_usable: usize,
    /// The number of endpoints whose last report is older than the expiration period
    /// (`grpc.lb.wrr.endpoint_weight_stale`).
    pub stale: usize,
    /// The weight of each ready endpoint, in any order; 0 for one without a usable weight
    /// (`grpc.lb.wrr.endpoint_weights`).
    pub weights: Arc<[f64]>,
    /// The labels of the policy: those of its update. The name of the child of `weighted_target` in
    /// which it runs comes first, as its locality.
    pub labels: BackendLabels,
}

impl fmt::Display for WeightsUpdate {
    /// Prints a sentence without an end, such as `2 of 3 endpoints have a weight (1 not yet usable, 0
    /// stale)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.weights.len();
        let usable = all.saturating_sub(self.not_yet_usable + self.stale);
        write!(
            f,
            "{usable} of {all} endpoints have a weight ({} not yet usable, {} stale)",
            self.not_yet_usable, self.stale
        )?;
        if self.is_fallback {
            f.write_str("; calls go in turn")?;
        }
        Ok(())
    }
}
