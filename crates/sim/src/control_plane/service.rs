//! The service behind the address of a control plane.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response};
use tower_service::Service;
use trunkline_xds_proto::method::{STREAM_AGGREGATED_RESOURCES, STREAM_LOAD_STATS};

use super::body::{PlaneBody, status};
use super::reader;
use super::state::{Plane, StreamKind};
use crate::backend::IncomingBody;
use crate::executor;

/// The gRPC status code UNIMPLEMENTED.
const UNIMPLEMENTED: u32 = 12;

/// Answers the calls of a control plane.
#[derive(Clone)]
pub(super) struct PlaneService(pub(super) Arc<Plane>);

impl Service<Request<IncomingBody>> for PlaneService {
    type Response = Response<PlaneBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<IncomingBody>) -> Self::Future {
        let plane = &self.0;
        let kind = match request.uri().path() {
            STREAM_AGGREGATED_RESOURCES => StreamKind::Discovery,
            STREAM_LOAD_STATS => StreamKind::Load,
            _ => {
                let mut response = response(PlaneBody::empty(plane.clone()));
                let status = status(UNIMPLEMENTED, "a control plane has no such method");
                response.headers_mut().extend(status);
                return ready(Ok(response));
            }
        };
        let stream = plane.change(|content| content.start(kind));
        let name = format!("control plane {}, stream {stream}", plane.address);
        let reading = reader::read(plane.clone(), kind, stream, request.into_body());
        executor::spawn(&plane.world, name, Box::pin(reading));
        ready(Ok(response(PlaneBody::new(plane.clone(), stream))))
    }
}

fn response(body: PlaneBody) -> Response<PlaneBody> {
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", kind);
    response
}
