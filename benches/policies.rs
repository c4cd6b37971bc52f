//! Cost of events for a policy with many endpoints.
//!
//! Ids: `policy/round_robin/EVENT/ENDPOINTS`, time for all endpoints together. It should grow with
//! the number of endpoints, or with its square if the policy settles after each event, because then
//! it builds a picker of all ready endpoints each time.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use trunkline_benches::policies::{endpoints, now};
use trunkline_lb::{
    Action, Actions, Policy, PolicyOptions, RoundRobin, RoundRobinConfig, SubchannelId,
    SubchannelState, Update,
};
use trunkline_status::Status;

/// Returns a policy after its first list of endpoints, with the subchannels that it connects.
fn connecting(count: u16) -> (RoundRobin, Actions, Vec<SubchannelId>) {
    let mut policy = RoundRobin::new(&PolicyOptions::new(1));
    let mut actions = Actions::new();
    let update = Update::new(endpoints(count), Arc::new(RoundRobinConfig::default()));
    let accepted = policy.handle_update(update, &mut actions.control(now()));
    accepted.expect("a good list");
    let wanted = actions
        .take()
        .into_iter()
        .filter_map(|action| match action {
            Action::Connect(id) => Some(id),
            _ => None,
        });
    let wanted = wanted.collect();
    (policy, actions, wanted)
}

fn events(criterion: &mut Criterion) {
    let refused = SubchannelState::TransientFailure(Status::unavailable("refused"));
    for count in [10, 1000, 8000] {
        let id = format!("policy/round_robin/first list/{count}");
        criterion.bench_function(&id, |bencher| bencher.iter(|| connecting(count)));
        for (event, state, batch) in [
            (
                "all ready together",
                SubchannelState::Ready,
                usize::from(count),
            ),
            ("all ready one by one", SubchannelState::Ready, 1),
            ("all fail one by one", refused.clone(), 1),
        ] {
            let id = format!("policy/round_robin/{event}/{count}");
            criterion.bench_function(&id, |bencher| {
                bencher.iter_batched(
                    || connecting(count),
                    |(mut policy, mut actions, wanted)| {
                        for ids in wanted.chunks(batch) {
                            let control = &mut actions.control(now());
                            for id in ids {
                                policy.handle_subchannel(*id, state.clone(), control);
                            }
                            policy.settle(control);
                            actions.take_published();
                        }
                        (policy, actions)
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

criterion_group!(benches, events);
criterion_main!(benches);
