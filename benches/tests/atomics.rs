//! The sink of atomics counts a value in the bucket that it belongs to.

use trunkline_benches::atomics::Buckets;
use trunkline_telemetry::instruments;

/// The bucket of a value is the first one whose bound is at least the value: for values at the bounds of
/// all instruments, next to them, and far from them.
#[test]
fn the_bucket_of_a_value() {
    for instrument in instruments::ALL {
        let bounds = instrument.buckets;
        let buckets = Buckets::new(bounds);
        let around = |bound: &f64| [bound.next_down(), *bound, bound.next_up()];
        let values = bounds.iter().flat_map(around);
        for value in values.chain([-1.0, 0.0, 1e-300, 1e300, f64::INFINITY]) {
            let expected = bounds.partition_point(|bound| *bound < value);
            assert_eq!(buckets.of(value), expected, "{} {value}", instrument.name);
        }
    }
}
