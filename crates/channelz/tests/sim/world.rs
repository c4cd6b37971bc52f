//! A program with channels and a channelz service, and answers as text.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use prost_types::Timestamp;
use tonic::{Code, Status};
use trunkline_channel::{Channel, ChannelBuilder};
use trunkline_channelz::proto::channel_connectivity_state::State;
use trunkline_channelz::proto::channel_trace_event::{ChildRef, Severity};
use trunkline_channelz::proto::channelz_client::ChannelzClient;
use trunkline_channelz::proto::{
    self, ChannelData, ChannelTrace, ChannelTraceEvent, GetChannelRequest, GetSocketRequest,
    GetSubchannelRequest, GetTopChannelsRequest,
};
use trunkline_channelz::{Channelz, ChannelzOptions};
use trunkline_sim::{Backend, Sim};
use trunkline_testkit::proto::helloworld::HelloRequest;
use trunkline_testkit::proto::helloworld::greeter_client::GreeterClient;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) const ROUND_ROBIN: &str = r#"{"loadBalancingConfig":[{"round_robin":{}}]}"#;

/// Returns the address of the host with this number.
pub(crate) fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, host], 50051))
}

/// A simulation with a channelz service, and a client of it. The client's channel is not observed.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) channelz: Channelz,
    pub(crate) client: ChannelzClient<Channel>,
    /// The time of day at the start of the simulation.
    start: Duration,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_options(ChannelzOptions::default())
    }

    pub(crate) fn with_options(options: ChannelzOptions) -> Self {
        let sim = Sim::new(1);
        let channelz = Channelz::with_options(options);
        sim.serve(address(250), channelz.service());
        let target = format!("ipv4:{}", address(250));
        let channel = Channel::builder(target).plaintext().runtime(sim.runtime());
        let time_of_day = sim.runtime().system_time();
        Self {
            client: ChannelzClient::new(channel.build().expect("a channel")),
            channelz,
            start: time_of_day.duration_since(UNIX_EPOCH).expect("after 1970"),
            sim,
        }
    }

    /// Returns the builder of an observed channel.
    pub(crate) fn builder(&self, target: impl Into<String>) -> ChannelBuilder {
        let builder = Channel::builder(target).plaintext();
        builder
            .runtime(self.sim.runtime())
            .telemetry(self.channelz.clone())
    }

    /// Returns an observed channel to the host with this number.
    pub(crate) fn channel(&self, host: u8) -> Channel {
        let target = format!("ipv4:{}", address(host));
        self.builder(target).build().expect("a channel")
    }

    /// Starts a server that echoes.
    pub(crate) fn backend(&self, host: u8) -> Backend {
        self.sim.backend(address(host))
    }

    /// Returns the page of channels from `start` on.
    pub(crate) async fn top_channels(
        &self,
        start: i64,
        max_results: i64,
    ) -> (Vec<proto::Channel>, bool) {
        let request = GetTopChannelsRequest {
            start_channel_id: start,
            max_results,
        };
        let answer = self.client.clone().get_top_channels(request).await;
        let answer = answer.expect("a page").into_inner();
        (answer.channel, answer.end)
    }

    /// Returns the ids of all channels.
    pub(crate) async fn channels(&self) -> Vec<i64> {
        let (channels, end) = self.top_channels(0, 0).await;
        assert!(end);
        channels.iter().map(id_of_channel).collect()
    }

    /// Returns the only channel.
    pub(crate) async fn only_channel(&self) -> proto::Channel {
        let (channels, end) = self.top_channels(0, 0).await;
        assert!(end);
        let [channel]: [_; 1] = channels.try_into().expect("one channel");
        channel
    }

    pub(crate) async fn get_channel(&self, id: i64) -> Result<proto::Channel, Status> {
        let request = GetChannelRequest { channel_id: id };
        let answer = self.client.clone().get_channel(request).await?;
        Ok(answer.into_inner().channel.expect("a channel"))
    }

    pub(crate) async fn get_subchannel(&self, id: i64) -> Result<proto::Subchannel, Status> {
        let request = GetSubchannelRequest { subchannel_id: id };
        let answer = self.client.clone().get_subchannel(request).await?;
        Ok(answer.into_inner().subchannel.expect("a subchannel"))
    }

    pub(crate) async fn get_socket(&self, id: i64) -> Result<proto::Socket, Status> {
        let request = GetSocketRequest {
            socket_id: id,
            summary: false,
        };
        let answer = self.client.clone().get_socket(request).await?;
        Ok(answer.into_inner().socket.expect("a socket"))
    }

    /// Returns the time of day so many milliseconds after the start.
    pub(crate) fn at(&self, millis: u64) -> Option<Timestamp> {
        let time = self.start + Duration::from_millis(millis);
        Some(Timestamp {
            seconds: time.as_secs().try_into().expect("a time"),
            nanos: time.subsec_nanos().try_into().expect("below a second"),
        })
    }

    /// Returns the seconds from the start of the simulation to a time.
    fn seconds(&self, time: Option<&Timestamp>) -> String {
        let Some(time) = time else {
            return "never".to_owned();
        };
        let millis = time.seconds * 1_000 + i64::from(time.nanos) / 1_000_000;
        let start = i64::try_from(self.start.as_millis()).expect("a time");
        format!("{:.3}", (millis - start) as f64 / 1_000.0)
    }

    /// Returns all of a channel as text.
    pub(crate) fn show(&self, channel: &proto::Channel, names: &mut Names) -> String {
        let proto::Channel {
            r#ref,
            data,
            channel_ref,
            subchannel_ref,
            socket_ref,
        } = channel;
        assert_eq!((channel_ref.len(), socket_ref.len()), (0, 0));
        let r#ref = r#ref.as_ref().expect("a ref");
        let name = names.of(r#ref.channel_id);
        let mut lines = vec![format!("channel {name} {}", r#ref.name)];
        lines.extend(self.data(data.as_ref().expect("data"), names));
        for child in subchannel_ref {
            lines.push(format!(
                "subchannel {} {}",
                names.of(child.subchannel_id),
                child.name
            ));
        }
        lines.join("\n")
    }

    /// Returns all of a subchannel as text.
    pub(crate) fn show_subchannel(
        &self,
        subchannel: &proto::Subchannel,
        names: &mut Names,
    ) -> String {
        let proto::Subchannel {
            r#ref,
            data,
            channel_ref,
            subchannel_ref,
            socket_ref,
        } = subchannel;
        assert_eq!((channel_ref.len(), subchannel_ref.len()), (0, 0));
        let r#ref = r#ref.as_ref().expect("a ref");
        let name = names.of(r#ref.subchannel_id);
        let mut lines = vec![format!("subchannel {name} {}", r#ref.name)];
        lines.extend(self.data(data.as_ref().expect("data"), names));
        for child in socket_ref {
            lines.push(format!(
                "socket {} {}",
                names.of(child.socket_id),
                child.name
            ));
        }
        lines.join("\n")
    }

    fn data(&self, data: &ChannelData, names: &mut Names) -> Vec<String> {
        let ChannelData {
            state,
            target,
            trace,
            calls_started,
            calls_succeeded,
            calls_failed,
            last_call_started_timestamp,
            max_connections_per_subchannel,
        } = data;
        let state = state.as_ref().map(|state| state.state()).expect("a state");
        let state: State = state;
        let last = self.seconds(last_call_started_timestamp.as_ref());
        let limit = match max_connections_per_subchannel {
            0 => String::new(),
            limit => format!(", connections <= {limit}"),
        };
        let mut lines = vec![
            format!("{} {target}{limit}", state.as_str_name()),
            format!(
                "calls {calls_started} = {calls_succeeded} ok + {calls_failed} failed, last {last}"
            ),
        ];
        let ChannelTrace {
            num_events_logged,
            creation_timestamp,
            events,
        } = trace.as_ref().expect("a trace");
        let created = self.seconds(creation_timestamp.as_ref());
        lines.push(format!("created {created}, {num_events_logged} events"));
        for event in events {
            let severity: Severity = event.severity();
            let ChannelTraceEvent {
                description,
                severity: _,
                timestamp,
                child_ref,
            } = event;
            let child = match child_ref {
                Some(ChildRef::SubchannelRef(child)) => {
                    format!(" ({} {})", names.of(child.subchannel_id), child.name)
                }
                Some(ChildRef::ChannelRef(_)) => panic!("no channel has a channel"),
                None => String::new(),
            };
            let severity = severity.as_str_name().trim_start_matches("CT_");
            let at = self.seconds(timestamp.as_ref());
            lines.push(format!("{at} {severity} {description}{child}"));
        }
        lines
    }
}

/// Short names of ids, in the order in which a test meets them: `a`, `b`. Tests that run at the same time
/// share the numbers of a process.
#[derive(Default)]
pub(crate) struct Names(BTreeMap<i64, char>);

impl Names {
    fn of(&mut self, id: i64) -> char {
        assert!(id > 0);
        let next = (b'a'..=b'z').nth(self.0.len()).expect("few ids");
        *self.0.entry(id).or_insert_with(|| char::from(next))
    }
}

pub(crate) fn id_of_channel(channel: &proto::Channel) -> i64 {
    channel.r#ref.as_ref().expect("a ref").channel_id
}

/// Returns the id of the only subchannel of a channel.
#[track_caller]
pub(crate) fn only_subchannel(channel: &proto::Channel) -> i64 {
    let [subchannel] = channel.subchannel_ref.as_slice() else {
        panic!("not one subchannel: {:?}", channel.subchannel_ref);
    };
    subchannel.subchannel_id
}

/// Returns the id of the only socket of a subchannel.
#[track_caller]
pub(crate) fn only_socket(subchannel: &proto::Subchannel) -> i64 {
    let [socket] = subchannel.socket_ref.as_slice() else {
        panic!("not one socket: {:?}", subchannel.socket_ref);
    };
    socket.socket_id
}

/// Makes one call, and returns its code.
pub(crate) async fn call(channel: &Channel) -> Code {
    let mut greeter = GreeterClient::new(channel.clone());
    let name = "Ada".to_owned();
    match greeter.say_hello(HelloRequest { name }).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}
