//! The end of an interval: which endpoints are ejected, and which return.

use std::time::Instant;

use trunkline_backoff::Rng;
use trunkline_endpoint::Endpoint;

use super::config::{FailurePercentageEjection, OutlierDetectionConfig, SuccessRateEjection};
use super::endpoints::TrackedEndpoint;
use crate::ejection::{DetectionMethod, Ejection, NotEjected};

/// How far a success rate has to be below the limit. The mean of equal rates may be a little above
/// them, because it is rounded.
const ROUNDING: f64 = 1e-9;

/// Examines the endpoints at the end of an interval.
pub(super) struct Sweep<'a> {
    config: &'a OutlierDetectionConfig,
    endpoints: Vec<&'a mut TrackedEndpoint>,
    /// Decides which part of the outliers is ejected.
    rng: &'a mut Rng,
    now: Instant,
    /// How many endpoints are ejected.
    ejected: usize,
    /// What was decided, in order.
    decisions: Vec<(Endpoint, Ejection)>,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(
        config: &'a OutlierDetectionConfig,
        endpoints: Vec<&'a mut TrackedEndpoint>,
        rng: &'a mut Rng,
        now: Instant,
    ) -> Self {
        let ejected = endpoints.iter();
        let ejected = ejected.filter(|endpoint| endpoint.ejected_at.is_some());
        Self {
            ejected: ejected.count(),
            config,
            endpoints,
            rng,
            now,
            decisions: Vec::new(),
        }
    }

    /// Ejects the outliers, and ends the ejections that have lasted long enough.
    pub(super) fn run(mut self) -> Vec<(Endpoint, Ejection)> {
        for endpoint in &mut self.endpoints {
            endpoint.calls = endpoint.counter.take();
        }
        if let Some(method) = self.config.success_rate {
            self.compare_success_rates(&method);
        }
        if let Some(method) = self.config.failure_percentage {
            self.check_failure_percentages(&method);
        }
        self.end_ejections();
        self.decisions
    }

    /// Returns the indices of the endpoints with at least `volume` calls. Empty if they are fewer than
    /// `minimum`.
    fn busy(&self, volume: u32, minimum: u32) -> Vec<usize> {
        let endpoints = self.endpoints.iter().enumerate();
        // The rate of an endpoint without calls does not exist, so 0 counts as 1.
        let volume = u64::from(volume.max(1));
        let busy = endpoints.filter(|(_, endpoint)| endpoint.calls.total() >= volume);
        let busy: Vec<usize> = busy.map(|(at, _)| at).collect();
        if busy.len() < minimum as usize {
            Vec::new()
        } else {
            busy
        }
    }

    /// "Success rate algorithm" of gRFC A50.
    fn compare_success_rates(&mut self, method: &SuccessRateEjection) {
        let busy = self.busy(method.request_volume, method.minimum_hosts);
        let rates = || {
            busy.iter()
                .map(|&at| self.endpoints[at].calls.success_rate())
        };
        let count = busy.len() as f64;
        let mean = rates().sum::<f64>() / count;
        let variance = rates().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
        let least = mean - variance.sqrt() * (f64::from(method.stdev_factor) / 1000.0);
        for at in busy {
            if self.endpoints[at].calls.success_rate() < least - ROUNDING {
                let enforcement = method.enforcement_percentage;
                self.handle_outlier(at, DetectionMethod::SuccessRate, enforcement);
            }
        }
    }

    /// "Failure percentage algorithm" of gRFC A50.
    fn check_failure_percentages(&mut self, method: &FailurePercentageEjection) {
        for at in self.busy(method.request_volume, method.minimum_hosts) {
            let calls = self.endpoints[at].calls;
            let limit = u128::from(calls.total()) * u128::from(method.threshold);
            if u128::from(calls.failures) * 100 > limit {
                let enforcement = method.enforcement_percentage;
                self.handle_outlier(at, DetectionMethod::FailurePercentage, enforcement);
            }
        }
    }

    /// Ejects an outlier, if the configuration allows it and it is not ejected already.
    fn handle_outlier(&mut self, at: usize, method: DetectionMethod, enforcement: u32) {
        if self.endpoints[at].ejected_at.is_some() {
            return;
        }
        let not_ejected = |reason| Ejection::NotEjected { method, reason };
        let decision = if self.are_most_ejected() {
            not_ejected(NotEjected::MaxEjectionPercent)
        } else if self.rng.below(100) >= enforcement as usize {
            not_ejected(NotEjected::EnforcementPercentage)
        } else {
            let endpoint = &mut self.endpoints[at];
            endpoint.ejected_at = Some(self.now);
            endpoint.multiplier = endpoint.multiplier.saturating_add(1);
            self.ejected += 1;
            Ejection::Ejected {
                method,
                time: self.config.ejection_time(endpoint.multiplier),
            }
        };
        let endpoint = self.endpoints[at].endpoint.clone();
        self.decisions.push((endpoint, decision));
    }

    /// Returns whether as many endpoints are ejected as the configuration allows.
    fn are_most_ejected(&self) -> bool {
        let limit = self.endpoints.len() as u64 * u64::from(self.config.max_ejection_percent);
        self.ejected as u64 * 100 >= limit
    }

    /// Returns the endpoints that were ejected for long enough. For all that were not ejected, takes
    /// one step back.
    fn end_ejections(&mut self) {
        for endpoint in &mut self.endpoints {
            match endpoint.ejected_at {
                None => endpoint.multiplier = endpoint.multiplier.saturating_sub(1),
                Some(ejected_at) => {
                    let lasts = self.config.ejection_time(endpoint.multiplier);
                    let end = ejected_at.checked_add(lasts);
                    if end.is_some_and(|end| end <= self.now) {
                        endpoint.ejected_at = None;
                        let returned = (endpoint.endpoint.clone(), Ejection::Returned);
                        self.decisions.push(returned);
                    }
                }
            }
        }
    }
}
