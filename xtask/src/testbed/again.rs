//! Measures again what is wrong in the results of Trunkline's connector.
//!
//! A machine that pauses for a moment makes one measurement wrong. A defect of the connector makes all of
//! them wrong.

use super::cases::{DEAD_LIMIT_MS, Measured, Sides, Trial};
use super::verdict;
use crate::failure::Failure;

/// How often something is measured until it is right.
const MEASUREMENTS: usize = 3;

/// Returns the results with each wrong measurement replaced by a right one, or by the third that is wrong,
/// and how many measurements that took.
pub(super) fn again(first: &Measured, sides: &mut Sides<'_>) -> Result<(Measured, usize), Failure> {
    let mut last = first.clone();
    let mut count = 0;
    if !last.is_ours() {
        return Ok((last, count));
    }
    let right = |trial: &Trial| verdict::attempt(trial).is_empty();
    for trial in &mut last.attempt {
        let set = trial.set;
        count += until_right(trial, right, || sides.attempt(set))?;
    }
    let right = |trial: &Trial| verdict::resolution(trial).is_empty();
    for trial in &mut last.resolution {
        let set = trial.set;
        count += until_right(trial, right, || sides.resolution(set))?;
    }
    if let Some(order) = &mut last.dead {
        // A pause takes time from the attempts, so they get more than at first.
        let dead = || sides.dead(2 * DEAD_LIMIT_MS);
        count += until_right(order, |order| verdict::dead(order).is_empty(), dead)?;
    }
    Ok((last, count))
}

/// Measures again until it is right, or was measured [`MEASUREMENTS`] times. Returns how often it measured
/// again.
fn until_right<T>(
    found: &mut T,
    is_right: impl Fn(&T) -> bool,
    mut measure: impl FnMut() -> Result<T, Failure>,
) -> Result<usize, Failure> {
    let mut count = 0;
    while count + 1 < MEASUREMENTS && !is_right(found) {
        *found = measure()?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::until_right;

    /// Measures these values in turn; 0 is right.
    fn check(values: &[i32], last: i32) {
        let mut rest = values.iter().copied();
        let mut found = rest.next().expect("a first value");
        let count = until_right(
            &mut found,
            |found| *found == 0,
            || Ok(rest.next().expect("no more measurements than needed")),
        )
        .expect("every measurement succeeds");
        assert_eq!((found, rest.next()), (last, None));
        assert_eq!(count, values.len() - 1);
    }

    #[test]
    fn what_is_wrong_is_measured_three_times() {
        check(&[0], 0);
        check(&[1, 0], 0);
        check(&[1, 2, 0], 0);
        check(&[1, 2, 3], 3);
    }
}
