//! The part of the client for `helloworld.Greeter` that is used, as volo's code generator makes it.

use volo::client::MkClient;
use volo::service::{BoxCloneService, Service};
use volo_grpc::body::BoxBody;
use volo_grpc::client::Client;
use volo_grpc::codec::compression::CompressionEncoding;
use volo_grpc::codec::decode::Kind;
use volo_grpc::codec::encode::encode;
use volo_grpc::codegen::{Bytes, Frame, StreamExt, futures};
use volo_grpc::context::ClientContext;
use volo_grpc::{
    BoxStream, Code, RecvEntryMessage, RecvStream, Request, Response, SendEntryMessage, Status,
};

use crate::message::Hello;

/// The requests of a call.
pub(crate) struct GreeterRequestSend(pub(crate) BoxStream<'static, Result<Hello, Status>>);

/// The responses to a call.
pub(crate) struct GreeterResponseRecv(pub(crate) RecvStream<Hello>);

/// The channel under the client.
type Channel = BoxCloneService<
    ClientContext,
    Request<GreeterRequestSend>,
    Response<GreeterResponseRecv>,
    Status,
>;

/// Makes a client of a channel.
pub(crate) struct MkGreeterClient;

/// The client.
#[derive(Clone)]
pub(crate) struct GreeterClient(pub(crate) Client<Channel>);

impl MkClient<Client<Channel>> for MkGreeterClient {
    type Target = GreeterClient;

    fn mk_client(&self, service: Client<Channel>) -> GreeterClient {
        GreeterClient(service)
    }
}

impl SendEntryMessage for GreeterRequestSend {
    fn into_body(
        self,
        compression: Option<CompressionEncoding>,
    ) -> BoxStream<'static, Result<Frame<Bytes>, Status>> {
        encode(self.0, compression)
    }
}

impl RecvEntryMessage for GreeterResponseRecv {
    fn from_body(
        _method: Option<&str>,
        body: BoxBody,
        kind: Kind,
        compression: Option<CompressionEncoding>,
    ) -> Result<Self, Status> {
        Ok(Self(RecvStream::new(body, kind, compression)))
    }
}

impl GreeterClient {
    /// Makes a unary call in this context.
    pub(crate) async fn unary(
        &self,
        context: &mut ClientContext,
        request: Hello,
    ) -> Result<Response<Hello>, Status> {
        let requests = futures::stream::once(futures::future::ready(Ok(request)));
        let request = Request::new(GreeterRequestSend(Box::pin(requests)));
        let response = Service::call(&self.0, context, request).await?;
        let (mut metadata, extensions, responses) = response.into_parts();
        let mut responses = responses.0;
        let message = StreamExt::try_next(&mut responses)
            .await
            .map_err(|mut status| {
                status.metadata_mut().merge(metadata.clone());
                status
            })?
            .ok_or_else(|| Status::new(Code::Internal, "Missing response message."))?;
        if let Some(trailers) = responses.trailers().await? {
            metadata.merge(trailers);
        }
        Ok(Response::from_parts(metadata, extensions, message))
    }

    /// Starts a call with a stream of messages each way in this context. It waits for the head of
    /// the response.
    pub(crate) async fn stream(
        &self,
        context: &mut ClientContext,
        requests: BoxStream<'static, Result<Hello, Status>>,
    ) -> Result<RecvStream<Hello>, Status> {
        let request = Request::new(GreeterRequestSend(requests));
        let response = Service::call(&self.0, context, request).await?;
        Ok(response.into_inner().0)
    }
}
