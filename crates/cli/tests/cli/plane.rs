//! A control plane with fixed resources, on a real socket.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::future::ready;
use futures_util::stream::BoxStream;
use tonic::codegen::{Body, Bytes, http};
use tonic::server::{Grpc, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower_service::Service;
use trunkline_sim::control_plane::Resource;
use trunkline_sim::control_plane::proto::envoy::service::discovery::v3::{
    DiscoveryRequest, DiscoveryResponse,
};
use trunkline_sim::control_plane::proto::google::protobuf::Any;
use trunkline_testkit::certificates::{Issued, server_config};
use trunkline_testkit::tls_server::TlsServer;

/// The service of discovery: it answers each request for names that its stream has not asked for, with those
/// that it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plane(Arc<BTreeMap<(String, String), Any>>);

impl Plane {
    /// Adds a resource.
    pub(crate) fn with<R: Resource>(mut self, resource: &R) -> Self {
        let key = (R::TYPE_URL.to_owned(), resource.name().to_owned());
        Arc::make_mut(&mut self.0).insert(key, resource.pack());
        self
    }

    /// Serves over TLS with this certificate.
    pub(crate) fn serve(self, certificate: &Issued) -> TlsServer {
        TlsServer::start_service(self, server_config(certificate)).expect("a server")
    }
}

impl<B> Service<http::Request<B>> for Plane
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let plane = self.clone();
        Box::pin(async move {
            let mut server = Grpc::new(ProstCodec::default());
            Ok(server.streaming(plane, request).await)
        })
    }
}

impl StreamingService<DiscoveryRequest> for Plane {
    type Response = DiscoveryResponse;
    type ResponseStream = BoxStream<'static, Result<DiscoveryResponse, Status>>;
    type Future = std::future::Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<DiscoveryRequest>>) -> Self::Future {
        let resources = Arc::clone(&self.0);
        let mut asked: HashMap<String, Vec<String>> = HashMap::new();
        let answers = request.into_inner().filter_map(move |request| {
            let answer = request.map(|request| {
                let (kind, names) = (request.type_url, request.resource_names);
                let before = asked.insert(kind.clone(), names.clone());
                let found = names
                    .iter()
                    .filter_map(|name| resources.get(&(kind.clone(), name.clone())));
                let found = found.cloned().collect();
                (before.as_ref() != Some(&names)).then(|| DiscoveryResponse {
                    version_info: "1".to_owned(),
                    nonce: names.join(","),
                    resources: found,
                    type_url: kind,
                    ..DiscoveryResponse::default()
                })
            });
            ready(answer.transpose())
        });
        std::future::ready(Ok(Response::new(answers.boxed())))
    }
}
