//! The channels of a program, and the service that answers questions about them.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trunkline_channel::{ChannelIdentity, Observer, ObserverFactory, WeakChannel};

use crate::answers;
use crate::observer::ChannelObserver;
use crate::options::ChannelzOptions;
use crate::paging::page;
use crate::proto::channelz_server::{Channelz as Service, ChannelzServer};
use crate::proto::{
    GetChannelRequest, GetChannelResponse, GetServerRequest, GetServerResponse,
    GetServerSocketsRequest, GetServerSocketsResponse, GetServersRequest, GetServersResponse,
    GetSocketRequest, GetSocketResponse, GetSubchannelRequest, GetSubchannelResponse,
    GetTopChannelsRequest, GetTopChannelsResponse,
};
use crate::record::ChannelRecord;
use crate::registry::Registry;

/// The channels of a program, and the service `grpc.channelz.v1.Channelz` that answers questions about
/// them. Clones share the channels.
///
/// It is given to each channel's builder, as
/// [`telemetry`](trunkline_channel::ChannelBuilder::telemetry), and its
/// [`service`](Self::service) is added to a tonic server of the program. It keeps no channel: a
/// channel disappears when it ends.
///
/// Source: [gRFC A14](https://github.com/grpc/proposal/blob/master/A14-channelz.md).
#[derive(Clone, Debug, Default)]
pub struct Channelz {
    options: ChannelzOptions,
    registry: Arc<Registry>,
}

impl Channelz {
    /// Returns an instance without channels.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an instance without channels, with these options.
    #[must_use]
    pub fn with_options(options: ChannelzOptions) -> Self {
        Self {
            options,
            registry: Arc::default(),
        }
    }

    /// Returns the service, for a tonic server on any runtime:
    /// `Server::builder().add_service(channelz.service())`.
    ///
    /// Whoever can call it reads the targets, addresses and errors of all channels. Serve it where only
    /// operators of the program connect.
    #[must_use]
    pub fn service(&self) -> ChannelzServer<Self> {
        ChannelzServer::new(self.clone())
    }

    /// Returns the channels with this id and higher ones that have not ended.
    fn channels(&self, start: i64) -> impl Iterator<Item = Arc<ChannelRecord>> {
        let records = self.registry.starting_at(start).into_iter();
        records.filter(|record| record.channel().is_some())
    }
}

impl ObserverFactory for Channelz {
    fn observer_for(&self, channel: &ChannelIdentity<'_>) -> Option<Arc<dyn Observer>> {
        let record = Arc::new(ChannelRecord::new(channel, self.options.clone()));
        let registry = Arc::clone(&self.registry);
        Some(Arc::new(ChannelObserver::new(record, registry)))
    }

    fn channel_built(&self, channel: &WeakChannel) {
        self.registry.set_built(channel);
    }
}

#[tonic::async_trait]
impl Service for Channelz {
    async fn get_top_channels(
        &self,
        request: Request<GetTopChannelsRequest>,
    ) -> Result<Response<GetTopChannelsResponse>, Status> {
        let request = request.into_inner();
        let channels = self.channels(request.start_channel_id);
        let channels = channels.map(|record| answers::channel(&record));
        let page = page(channels, request.max_results);
        Ok(Response::new(GetTopChannelsResponse {
            channel: page.items,
            end: page.is_last,
        }))
    }

    /// Returns no server: this crate knows channels only.
    async fn get_servers(
        &self,
        _: Request<GetServersRequest>,
    ) -> Result<Response<GetServersResponse>, Status> {
        Ok(Response::new(GetServersResponse {
            server: Vec::new(),
            end: true,
        }))
    }

    async fn get_server(
        &self,
        request: Request<GetServerRequest>,
    ) -> Result<Response<GetServerResponse>, Status> {
        Err(not_found("server", request.into_inner().server_id))
    }

    async fn get_server_sockets(
        &self,
        _: Request<GetServerSocketsRequest>,
    ) -> Result<Response<GetServerSocketsResponse>, Status> {
        Ok(Response::new(GetServerSocketsResponse {
            socket_ref: Vec::new(),
            end: true,
        }))
    }

    async fn get_channel(
        &self,
        request: Request<GetChannelRequest>,
    ) -> Result<Response<GetChannelResponse>, Status> {
        let id = request.into_inner().channel_id;
        let record = self.registry.get(id);
        let record = record.filter(|record| record.channel().is_some());
        let record = record.ok_or_else(|| not_found("channel", id))?;
        Ok(Response::new(GetChannelResponse {
            channel: Some(answers::channel(&record)),
        }))
    }

    async fn get_subchannel(
        &self,
        request: Request<GetSubchannelRequest>,
    ) -> Result<Response<GetSubchannelResponse>, Status> {
        let id = request.into_inner().subchannel_id;
        let mut channels = self.registry.starting_at(0).into_iter();
        let subchannel = channels.find_map(|record| answers::subchannel(&record, id));
        let subchannel = subchannel.ok_or_else(|| not_found("subchannel", id))?;
        Ok(Response::new(GetSubchannelResponse {
            subchannel: Some(subchannel),
        }))
    }

    async fn get_socket(
        &self,
        request: Request<GetSocketRequest>,
    ) -> Result<Response<GetSocketResponse>, Status> {
        let id = request.into_inner().socket_id;
        let mut channels = self.registry.starting_at(0).into_iter();
        let found = channels.find_map(|record| {
            let channel = record.channel()?;
            let socket = record.tree.lock().socket(id).cloned()?;
            let stats = channel.connection_stats(socket.subchannel, socket.connection);
            Some(answers::socket(id, &socket, stats.as_ref(), record.clock))
        });
        let socket = found.ok_or_else(|| not_found("socket", id))?;
        Ok(Response::new(GetSocketResponse {
            socket: Some(socket),
        }))
    }
}

/// Returns the error of an id that nothing has, or nothing has any more.
fn not_found(what: &str, id: i64) -> Status {
    Status::not_found(format!(
        "no {what} with the id {id}: it has ended, or it was never here"
    ))
}
