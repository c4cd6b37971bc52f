//! The services of a backend.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::Incoming;
use tokio::sync::watch;
use tonic::codegen::async_trait;
use tonic::codegen::tokio_stream::Stream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};
use tower_service::Service;

use super::body::CountedBody;
use super::counters::AtomicCounters;
use super::options::Options;
use crate::proto::health::health_check_response::ServingStatus;
use crate::proto::health::health_server::{Health, HealthServer};
use crate::proto::health::{HealthCheckRequest, HealthCheckResponse};
use crate::proto::helloworld::greeter_server::{Greeter, GreeterServer};
use crate::proto::helloworld::{HelloReply, HelloRequest};

/// The services of a backend for one connection.
#[derive(Clone, Debug)]
pub(super) struct Services {
    greeter: GreeterServer<Hello>,
    health: HealthServer<Healthy>,
    counters: Arc<AtomicCounters>,
}

impl Services {
    /// Returns the services at the address `local`. A change of `goaway` ends health watches.
    pub(super) fn new(
        options: &Options,
        local: SocketAddr,
        counters: Arc<AtomicCounters>,
        goaway: watch::Receiver<u64>,
    ) -> Self {
        let greeter = GreeterServer::new(Hello {
            served_by: format!("{} {local}", options.name),
            work: options.work,
        });
        let status = if options.serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        let health = HealthServer::new(Healthy { status, goaway });
        Self {
            greeter,
            health,
            counters,
        }
    }
}

impl Service<http::Request<Incoming>> for Services {
    type Response = http::Response<CountedBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Incoming>) -> Self::Future {
        self.counters.called();
        let counters = Arc::clone(&self.counters);
        // The generated services answer an unknown method with UNIMPLEMENTED.
        let response = if request.uri().path().starts_with("/grpc.health.v1.Health/") {
            self.health.call(request)
        } else {
            self.greeter.call(request)
        };
        Box::pin(async move { Ok(response.await?.map(|body| CountedBody::new(body, counters))) })
    }
}

#[derive(Debug)]
struct Hello {
    served_by: String,
    work: Duration,
}

#[async_trait]
impl Greeter for Hello {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        if !self.work.is_zero() {
            tokio::time::sleep(self.work).await;
        }
        let message = format!("Hello {}", request.into_inner().name);
        let mut response = Response::new(HelloReply { message });
        let served_by = self
            .served_by
            .parse()
            .map_err(|error| Status::internal(format!("served-by: {error}")))?;
        response.metadata_mut().insert("served-by", served_by);
        Ok(response)
    }
}

/// The services whose health is known; the empty name is the server as a whole.
const SERVICES: [&str; 2] = ["", "helloworld.Greeter"];

#[derive(Debug)]
struct Healthy {
    status: ServingStatus,
    goaway: watch::Receiver<u64>,
}

#[async_trait]
impl Health for Healthy {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let metadata = test_metadata(request.metadata());
        match request.into_inner().service.as_str() {
            service if SERVICES.contains(&service) => Ok(Response::new(response(self.status))),
            other => Err(Status::not_found(format!(
                "there is no service {other:?}{metadata}"
            ))),
        }
    }

    type WatchStream = HealthUpdates;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        let status = if SERVICES.contains(&service.as_str()) {
            self.status
        } else {
            ServingStatus::ServiceUnknown
        };
        let mut goaway = self.goaway.clone();
        Ok(Response::new(HealthUpdates {
            first: Some(response(status)),
            end: Box::pin(async move {
                // An error means that the door is gone, which also ends the watch.
                let _ = goaway.changed().await;
            }),
        }))
    }
}

/// Returns the metadata whose keys begin with `test-`, as text.
fn test_metadata(metadata: &MetadataMap) -> String {
    let headers = metadata.as_ref().iter();
    let headers = headers.filter(|(key, _)| key.as_str().starts_with("test-"));
    headers
        .map(|(key, value)| format!("; {key}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect()
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

/// A stream of one update, which ends when the connection is to end: otherwise a drain would wait
/// for the client that watches.
struct HealthUpdates {
    first: Option<HealthCheckResponse>,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for HealthUpdates {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        ready!(self.end.as_mut().poll(cx));
        Poll::Ready(None)
    }
}
