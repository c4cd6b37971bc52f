//! The events that an observer receives of a channel and its subchannels.

use std::sync::Arc;
use std::time::{Duration, Instant};

use h2::server::Builder;
use trunkline_channel::{ChannelEvent, Observer};
use trunkline_runtime::Lock;
use trunkline_sim::Sim;

use crate::world::{address, builder, echo, serve, unary};

/// Records the state changes and connections of a channel, as texts.
#[derive(Clone, Debug, Default)]
struct States(Arc<Lock<Vec<String>>>);

impl Observer for States {
    fn observe(&self, event: &ChannelEvent, _: Instant) {
        let text = match event {
            ChannelEvent::State(state) => format!("channel {state}"),
            ChannelEvent::Subchannel { id, state, .. } => format!("subchannel {id:?} {state:?}"),
            ChannelEvent::SubchannelRemoved { id, .. } => format!("subchannel {id:?} removed"),
            ChannelEvent::Connected { id, info, .. } => format!("{id:?} to {}", info.peer),
            _ => return,
        };
        self.0.lock().push(text);
    }
}

/// The observer receives every transition of the channel and of its subchannels, from the first to
/// SHUTDOWN.
#[test]
fn all_transitions_are_observed() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let states = States::default();
    let channel = builder(&sim, format!("ipv4:{}", address(1)))
        .observer(states.clone())
        .build()
        .expect("a channel");
    sim.run(async {
        unary(&channel, b"hello").await.expect_ok();
        drop(channel);
        sim.sleep(Duration::from_secs(1)).await;
    });
    let expected = [
        "channel CONNECTING",
        "subchannel #0.0 Connecting",
        "#0.0 to 198.51.100.1:50051",
        "subchannel #0.0 Ready",
        "channel READY",
        "subchannel #0.0 removed",
        "channel SHUTDOWN",
    ];
    assert_eq!(*states.0.lock(), expected);
}
