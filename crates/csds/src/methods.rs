//! The methods of the service.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tonic::codegen::tokio_stream::Stream;
use tonic::server::{StreamingService, UnaryService};
use tonic::{Code, Request, Response, Status, Streaming};
use trunkline_xds::XdsPool;
use trunkline_xds::proto::envoy::service::status::v3::{ClientStatusRequest, ClientStatusResponse};

/// `FetchClientStatus`: one answer to one request.
pub(crate) struct Fetch(pub(crate) XdsPool);

/// `StreamClientStatus`: an answer to each request.
pub(crate) struct Watch(pub(crate) XdsPool);

/// The answers to a stream of requests. It ends after the first error.
pub(crate) struct Answers {
    pool: XdsPool,
    /// `None` after an error.
    requests: Option<Streaming<ClientStatusRequest>>,
}

fn answer(pool: &XdsPool, request: &ClientStatusRequest) -> Result<ClientStatusResponse, Status> {
    pool.client_status(request).map_err(|error| {
        let code = Code::from_i32(error.code().number().into());
        Status::new(code, error.message())
    })
}

impl UnaryService<ClientStatusRequest> for Fetch {
    type Response = ClientStatusResponse;
    type Future = Ready<Result<Response<ClientStatusResponse>, Status>>;

    fn call(&mut self, request: Request<ClientStatusRequest>) -> Self::Future {
        ready(answer(&self.0, request.get_ref()).map(Response::new))
    }
}

impl StreamingService<ClientStatusRequest> for Watch {
    type Response = ClientStatusResponse;
    type ResponseStream = Answers;
    type Future = Ready<Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<Streaming<ClientStatusRequest>>) -> Self::Future {
        ready(Ok(Response::new(Answers {
            pool: self.0.clone(),
            requests: Some(request.into_inner()),
        })))
    }
}

impl Stream for Answers {
    type Item = Result<ClientStatusResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(requests) = &mut self.requests else {
            return Poll::Ready(None);
        };
        let request = ready!(Pin::new(requests).poll_next(cx));
        let answer = request.map(|request| answer(&self.pool, &request?));
        if let Some(Err(_)) = &answer {
            self.requests = None;
        }
        Poll::Ready(answer)
    }
}
