//! Pickers that real policies publish.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use trunkline_lb::{Picker, SubchannelState};
use trunkline_status::Status;

use crate::driver::{Driver, endpoints};

/// Returns the picker of a round_robin with this many endpoints, all of them ready.
#[must_use]
pub fn round_robin(endpoints: u32) -> Arc<dyn Picker> {
    picker(
        &json!([{"round_robin": {}}]),
        endpoints,
        &SubchannelState::Ready,
    )
}

/// Returns the picker of a pick_first that is ready.
#[must_use]
pub fn pick_first() -> Arc<dyn Picker> {
    picker(&json!([{"pick_first": {}}]), 1, &SubchannelState::Ready)
}

/// Returns the picker of a pick_first whose connection attempt has failed.
#[must_use]
pub fn failing() -> Arc<dyn Picker> {
    let error = Status::unavailable("connection refused");
    let state = SubchannelState::TransientFailure(error);
    picker(&json!([{"pick_first": {}}]), 1, &state)
}

/// Returns an instant at which virtual time begins.
#[must_use]
pub fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time may start at any instant"
    )]
    Instant::now()
}

fn picker(config: &Value, count: u32, after: &SubchannelState) -> Arc<dyn Picker> {
    let now = now();
    let mut driver = Driver::new(config, 1).expect("a policy of the standard registry");
    driver.update(endpoints(count), now);
    for id in driver.take_dials() {
        driver.set(id, after.clone(), now);
    }
    driver.settle(now);
    driver.picker()
}
