//! Readers on other threads, while channels, subchannels and calls come and go.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use tonic::{Code, Request};
use trunkline_channelz::Channelz;
use trunkline_channelz::proto::channelz_server::Channelz as Service;
use trunkline_channelz::proto::{GetSocketRequest, GetSubchannelRequest, GetTopChannelsRequest};

use crate::world::{SECOND, World, call, id_of_channel};

/// Returns the output of a future of the service. None of them waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the service waits"),
    }
}

/// Reads all that is there, and checks it. Returns the number of sockets.
fn read(channelz: &Channelz) -> usize {
    let mut sockets = 0;
    let mut start_channel_id = 0;
    loop {
        let request = Request::new(GetTopChannelsRequest {
            start_channel_id,
            max_results: 2,
        });
        let page = now(channelz.get_top_channels(request))
            .expect("a page")
            .into_inner();
        for channel in &page.channel {
            assert!(id_of_channel(channel) >= start_channel_id);
            start_channel_id = id_of_channel(channel) + 1;
            let data = channel.data.as_ref().expect("data");
            assert!(data.calls_started >= data.calls_succeeded + data.calls_failed);
            for subchannel in &channel.subchannel_ref {
                sockets += read_subchannel(channelz, subchannel.subchannel_id);
            }
        }
        if page.end {
            return sockets;
        }
        assert!(!page.channel.is_empty());
    }
}

/// Reads a subchannel, unless its channel has ended meanwhile. Returns the number of its sockets.
fn read_subchannel(channelz: &Channelz, subchannel_id: i64) -> usize {
    let request = Request::new(GetSubchannelRequest { subchannel_id });
    let subchannel = match now(channelz.get_subchannel(request)) {
        Ok(answer) => answer.into_inner().subchannel.expect("a subchannel"),
        Err(status) => {
            assert_eq!(status.code(), Code::NotFound);
            return 0;
        }
    };
    let data = subchannel.data.expect("data");
    assert!(data.calls_started >= data.calls_succeeded + data.calls_failed);
    let mut sockets = 0;
    for socket in subchannel.socket_ref {
        let request = Request::new(GetSocketRequest {
            socket_id: socket.socket_id,
            summary: true,
        });
        match now(channelz.get_socket(request)) {
            Ok(answer) => {
                let found = answer.into_inner().socket.expect("a socket");
                assert_eq!(found.r#ref, Some(socket));
                sockets += 1;
            }
            Err(status) => assert_eq!(status.code(), Code::NotFound),
        }
    }
    sockets
}

/// Each answer is whole, whatever happens meanwhile: the order of ids, ends that do not outnumber starts,
/// and things that are there or not found.
#[test]
fn readers_while_channels_come_and_go() {
    let world = World::new();
    let backends = [1, 2, 3].map(|host| world.backend(host));
    let has_ended = AtomicBool::new(false);
    let found = std::thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut found = 0;
                while !has_ended.load(Ordering::Relaxed) {
                    found += read(&world.channelz);
                }
                found
            })
        });
        world.sim.run(async {
            for _ in 0..10 {
                let channels = [1, 2, 3, 1, 2].map(|host| world.channel(host));
                for _ in 0..5 {
                    for channel in &channels {
                        // A connection that was lost a moment ago may fail it.
                        call(channel).await;
                    }
                }
                backends[1].kill();
                world.sim.sleep(SECOND).await;
                backends[1].restart();
                channels[0].enter_idle();
                world.sim.sleep(SECOND).await;
            }
        });
        has_ended.store(true, Ordering::Relaxed);
        readers.map(|reader| reader.join().expect("a reader"))
    });
    assert!(found.iter().all(|sockets| *sockets > 0), "{found:?}");
    assert_eq!(read(&world.channelz), 0);
}
