//! The picture of queues: least_request beside random choice.

use std::sync::Arc;

use trunkline_lb::testing::{QueueLengths, QueueModel};
use trunkline_lb::{LeastRequest, LeastRequestConfig, PolicyOptions};

use crate::chart::{self, Axis, Line};

/// How busy the endpoints are, in percent.
const LOADS: [u32; 10] = [50, 55, 60, 65, 70, 75, 80, 85, 90, 95];

/// Draws the 99th percentile of the queue of an endpoint over the load, with what queueing theory
/// expects.
pub(crate) fn draw() -> String {
    let model = |load: u32| QueueModel::default().with_load(f64::from(load) / 100.0);
    let random = measured(|load| model(load).run_random());
    let least = measured(|load| {
        let policy = LeastRequest::new(&PolicyOptions::new(7));
        model(load).run(policy, Arc::new(LeastRequestConfig::default()))
    });
    let line = |name: &str, points, colour, is_dashed| Line {
        name: name.to_owned(),
        points,
        colour,
        is_dashed,
    };
    let lines = [
        line("random", random, 1, false),
        line("random, theory", expected(f64::from), 1, true),
        line("least_request", least, 0, false),
        // With two choices the share of queues with n calls or more is load^(2^n - 1).
        line(
            "least_request, theory",
            expected(|length| f64::from(2_u32.saturating_pow(length) - 1)),
            0,
            true,
        ),
    ];
    let x = Axis {
        label: "load, percent of the time that an endpoint is busy",
        from: 50.0,
    };
    let y = Axis {
        label: "calls at an endpoint, 99th percentile",
        from: 0.0,
    };
    chart::lines("Queues at 100 endpoints", &x, &y, &lines)
}

fn measured(run: impl Fn(u32) -> QueueLengths) -> Vec<(f64, f64)> {
    let point = |load: &u32| (f64::from(*load), run(*load).percentile(0.99) as f64);
    LOADS.iter().map(point).collect()
}

/// Returns the least length of which the theory expects that no more than 1 % of the queues are
/// longer. The share of queues with at least `n` calls is the load to the power `exponent(n)`.
fn expected(exponent: impl Fn(u32) -> f64) -> Vec<(f64, f64)> {
    let length = |load: &u32| {
        let share = |length: u32| (f64::from(*load) / 100.0).powf(exponent(length));
        let longest = (0..1000).find(|length| share(length + 1) <= 0.01);
        (f64::from(*load), f64::from(longest.unwrap_or(1000)))
    };
    LOADS.iter().map(length).collect()
}
