//! Pages of channels.
//!
//! Source: [channelz.proto](https://github.com/grpc/grpc-proto/blob/master/grpc/channelz/v1/channelz.proto),
//! `GetTopChannelsRequest`.

use trunkline_channel::Channel;

use crate::world::{World, id_of_channel};

/// Reads all pages as a client does: the next one begins after the highest id.
async fn read(world: &World, max_results: i64) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut start = 0;
    loop {
        let (channels, end) = world.top_channels(start, max_results).await;
        let ids: Vec<i64> = channels.iter().map(id_of_channel).collect();
        start = ids.last().map_or(start, |last| last + 1);
        pages.push(ids);
        if end {
            return pages;
        }
    }
}

/// Pages have as many items as were asked for, in the order of ids, and each channel once. The last page
/// is marked, and is not empty.
#[test]
fn pages_of_250_channels() {
    let world = World::new();
    let channels: Vec<Channel> = (0..250).map(|_| world.channel(1)).collect();
    world.sim.run(async {
        let all = read(&world, 250).await.concat();
        assert!(all.is_sorted() && all.len() == 250);
        for (max_results, sizes) in [
            (0, vec![100, 100, 50]),
            (-1, vec![100, 100, 50]),
            (100, vec![100, 100, 50]),
            (125, vec![125, 125]),
            (249, vec![249, 1]),
            (250, vec![250]),
            (i64::MAX, vec![250]),
        ] {
            let pages = read(&world, max_results).await;
            let found: Vec<usize> = pages.iter().map(Vec::len).collect();
            assert_eq!(found, sizes, "{max_results}");
            assert_eq!(pages.concat(), all, "{max_results}");
        }
        let (none, end) = world.top_channels(all[249] + 1, 10).await;
        assert_eq!((none.len(), end), (0, true));
        drop(channels);
        assert_eq!(read(&world, 0).await, [Vec::<i64>::new()]);
    });
}

/// A page has 1,000 channels at most, whatever the client asks for.
#[test]
fn the_largest_page() {
    let world = World::new();
    let channels: Vec<Channel> = (0..1_001).map(|_| world.channel(1)).collect();
    world.sim.run(async {
        let found = read(&world, 5_000).await;
        let sizes: Vec<usize> = found.iter().map(Vec::len).collect();
        assert_eq!(sizes, [1_000, 1]);
    });
    drop(channels);
}

/// Channels that end and begin between two pages neither hide nor repeat the others.
#[test]
fn changes_between_pages() {
    let world = World::new();
    let mut channels: Vec<Channel> = (0..10).map(|_| world.channel(1)).collect();
    world.sim.run(async {
        let (first, end) = world.top_channels(0, 4).await;
        assert!(!end);
        let first: Vec<i64> = first.iter().map(id_of_channel).collect();
        // One that was seen, and one that was not.
        channels.remove(5);
        channels.remove(0);
        channels.push(world.channel(1));
        let (rest, end) = world.top_channels(first[3] + 1, 10).await;
        assert!(end);
        let rest: Vec<i64> = rest.iter().map(id_of_channel).collect();
        let now = world.channels().await;
        assert_eq!(now.len(), 9);
        assert_eq!([&first[1..], &rest].concat(), now);
    });
}

/// A page has about 1 MiB at most, so that clients accept it: large channels are spread over more pages.
/// One that is larger has a page of its own.
#[test]
fn pages_of_large_channels() {
    let world = World::new();
    // A channel has its target twice: as its name, and in its data.
    let large = |addresses: usize| {
        let list = ["192.0.2.1:50051"; 100_000][..addresses].join(",");
        world
            .builder(format!("ipv4:{list}"))
            .build()
            .expect("a channel")
    };
    let _channels = [14_000, 14_000, 14_000, 1, 80_000, 1].map(large);
    world.sim.run(async {
        let pages = read(&world, 100).await;
        let sizes: Vec<usize> = pages.iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 2, 1, 1]);
    });
}
