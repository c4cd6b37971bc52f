//! Pickers that real policies publish, and endpoints for policies.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use trunkline_endpoint::Endpoint;
use trunkline_lb::{
    Action, Actions, PickFirst, PickFirstConfig, Picker, Policy, PolicyOptions, RoundRobin,
    SubchannelState, Update,
};
use trunkline_status::Status;

/// Returns the picker of a round_robin with this many endpoints, all of them ready.
pub fn round_robin(endpoints: u16) -> Arc<dyn Picker> {
    let policy = RoundRobin::new(&PolicyOptions::new(1));
    picker(policy, endpoints, &SubchannelState::Ready)
}

/// Returns the picker of a pick_first that is ready.
pub fn pick_first() -> Arc<dyn Picker> {
    let policy = PickFirst::new(&PolicyOptions::new(1));
    picker(policy, 1, &SubchannelState::Ready)
}

/// Returns the picker of a pick_first whose connection attempt has failed.
pub fn failing() -> Arc<dyn Picker> {
    let policy = PickFirst::new(&PolicyOptions::new(1));
    let error = Status::unavailable("connection refused");
    picker(policy, 1, &SubchannelState::TransientFailure(error))
}

/// Returns this many endpoints with one address each.
pub fn endpoints(count: u16) -> Vec<Endpoint> {
    let endpoint = |port| Endpoint::new([SocketAddr::from((Ipv4Addr::LOCALHOST, port))]);
    (0..count).map(endpoint).collect()
}

/// Returns an instant at which virtual time begins.
pub fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "virtual time may start at any instant"
    )]
    Instant::now()
}

fn picker(mut policy: impl Policy, endpoints: u16, after: &SubchannelState) -> Arc<dyn Picker> {
    let now = now();
    let mut actions = Actions::new();
    let list = self::endpoints(endpoints);
    let update = Update::new(list, Arc::new(PickFirstConfig::default()));
    let accepted = policy.handle_update(update, &mut actions.control(now));
    accepted.expect("a good list");
    for action in actions.take() {
        if let Action::Connect(id) = action {
            policy.handle_subchannel(id, after.clone(), &mut actions.control(now));
        }
    }
    policy.settle(&mut actions.control(now));
    let published = actions.take_published();
    published.expect("a published picker").picker
}
