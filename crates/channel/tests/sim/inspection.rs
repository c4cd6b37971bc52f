//! Snapshots of a channel, at each stage of its life.

use h2::server::Builder;
use trunkline_channel::{Channel, ChannelLife, Inspection, SubchannelStage};
use trunkline_lb::ConnectivityState;
use trunkline_sim::Sim;

use crate::world::{channel, echo, serve, unary};

/// Returns a snapshot; its future can be sent to other threads.
async fn inspect(channel: &Channel) -> Inspection {
    fn sent<F: Future + Send>(future: F) -> F {
        future
    }
    sent(channel.inspect()).await
}

/// A channel answers before its first use, without being started by it, while it runs, and once it is
/// closed.
#[test]
fn each_stage_of_life_answers() {
    let sim = Sim::new(1);
    serve(&sim, 1, Builder::new(), echo);
    let channel = channel(&sim, 1);
    sim.run(async {
        let inspection = inspect(&channel).await;
        println!("{}", serde_json::to_string_pretty(&inspection).unwrap());
        assert_eq!(inspection.life, ChannelLife::NotStarted);
        assert_eq!(inspection.state, ConnectivityState::Idle);
        unary(&channel, b"hello").await.expect_ok();
        let inspection = inspect(&channel).await;
        println!("{}", serde_json::to_string_pretty(&inspection).unwrap());
        assert_eq!(inspection.life, ChannelLife::Running);
        assert_eq!(inspection.state, ConnectivityState::Ready);
        let stages = inspection.subchannels.items.iter().map(|own| own.stage);
        assert_eq!(stages.collect::<Vec<_>>(), [SubchannelStage::Ready]);
        channel.close(std::time::Duration::ZERO).await;
        let inspection = inspect(&channel).await;
        println!("{}", serde_json::to_string_pretty(&inspection).unwrap());
        assert_eq!(inspection.life, ChannelLife::Closed);
        assert_eq!(inspection.state, ConnectivityState::Shutdown);
        assert_eq!(inspection.subchannels.items, []);
    });
}
