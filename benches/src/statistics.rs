//! Medians, quartiles and ratios.

use serde::{Deserialize, Serialize};

/// A median with its quartiles.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Summary {
    /// A quarter of the values are not above this one.
    pub low: f64,
    /// The value in the middle.
    pub median: f64,
    /// A quarter of the values are not below this one.
    pub high: f64,
}

impl Summary {
    /// Summarizes values; `None` without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        Some(Self {
            low: quantile(values, 0.25)?,
            median: quantile(values, 0.5)?,
            high: quantile(values, 0.75)?,
        })
    }

    /// Returns a number that was not measured more than once.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self {
            low: value,
            median: value,
            high: value,
        }
    }

    /// Returns all three values, divided.
    #[must_use]
    pub fn per(self, divisor: f64) -> Self {
        Self {
            low: self.low / divisor,
            median: self.median / divisor,
            high: self.high / divisor,
        }
    }
}

/// Returns the value below which the fraction `part` of the values lies, the nearest one; `None`
/// without values.
#[must_use]
pub fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "there are few values"
    )]
    let at = (last as f64 * part).round() as usize;
    sorted.get(at).copied()
}

/// Returns the value in the middle; not a number without values.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5).unwrap_or(f64::NAN)
}

/// Returns the ratios of values that were measured in the same rounds, one after the other. A round
/// in which one of both is missing has none.
#[must_use]
pub fn ratios(of: &[Option<f64>], to: &[Option<f64>]) -> Vec<f64> {
    let pairs = of.iter().zip(to);
    pairs
        .filter_map(|(of, to)| Some((*of)? / (*to)?))
        .filter(|ratio| ratio.is_finite())
        .collect()
}

/// Returns the median of each run's values, where a run has `rounds` of them.
#[must_use]
pub fn medians_of_runs(values: &[f64], rounds: usize) -> Vec<f64> {
    let runs = values.chunks(rounds.max(1));
    runs.filter_map(|run| quantile(run, 0.5)).collect()
}
