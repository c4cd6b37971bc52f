//! Medians, quartiles and ratios are those of the definitions.

use trunkline_benches::statistics::{Summary, medians_of_runs, quantile, ratios};

#[test]
fn a_summary_has_the_median_and_the_quartiles() {
    let summary = Summary::of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
    let expected = Summary {
        low: 2.0,
        median: 3.0,
        high: 4.0,
    };
    assert_eq!(summary, Some(expected));
    assert_eq!(Summary::of(&[7.0]), Some(Summary::exact(7.0)));
    assert_eq!(Summary::of(&[]), None);
}

#[test]
fn a_quantile_is_one_of_the_values() {
    let values: Vec<f64> = (1..=100).map(f64::from).collect();
    assert_eq!(quantile(&values, 0.0), Some(1.0));
    assert_eq!(quantile(&values, 0.9), Some(90.0));
    assert_eq!(quantile(&values, 0.99), Some(99.0));
    assert_eq!(quantile(&values, 1.0), Some(100.0));
}

/// Only values of the same round are compared: noise that affects a whole round cancels out.
#[test]
fn ratios_are_taken_within_a_round() {
    let first = [Some(10.0), Some(100.0), None, Some(4.0)];
    let other = [Some(5.0), Some(50.0), Some(3.0), Some(0.0)];
    assert_eq!(ratios(&other, &first), [0.5, 0.5, 0.0]);
    assert_eq!(ratios(&first, &other), [2.0, 2.0]);
}

#[test]
fn each_run_has_a_median() {
    let values = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
    assert_eq!(medians_of_runs(&values, 3), [2.0, 20.0]);
    assert_eq!(medians_of_runs(&[], 3), [0.0; 0]);
}
