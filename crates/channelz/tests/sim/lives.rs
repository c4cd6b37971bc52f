//! A channel, its subchannels and its sockets at each stage of their lives.

use crate::world::{Names, World};

/// A channel is there once it is built, with what was known then.
///
/// Source: [gRFC A14](https://github.com/grpc/proposal/blob/master/A14-channelz.md), channel data.
#[test]
fn a_channel_that_is_idle() {
    let world = World::new();
    let _channel = world.channel(1);
    world.sim.run(async {
        let channel = world.only_channel().await;
        let expected = "\
channel a ipv4:198.51.100.1:50051
IDLE ipv4:198.51.100.1:50051
calls 0 = 0 ok + 0 failed, last never
created 0.000, 1 events
0.000 INFO the channel was built";
        assert_eq!(world.show(&channel, &mut Names::default()), expected);
    });
}
