//! The data path: the life of one call.
//!
//! From the ground up: `deadline`, `kept_metadata`, `plan` and `transparent_retries`; `siblings`, the connections of a subchannel for a call
//! that waits for a free stream; `authorizing`, an attempt whose credentials are awaited;
//! `attempt`, one attempt until the head of its response; `body`,
//! the response; `refusal`, the response of a peer that is no gRPC server; `in_progress`, what all
//! attempts have in common; `hedges`, attempts side by side; `sequence`, attempts one after the
//! other; [`call`], which joins them; and `spare`, the memory that calls use one after the other.

mod deadline;
mod kept_metadata;
mod plan;
mod transparent_retries;

mod siblings;

mod attempt;
mod authorizing;
pub(crate) mod body;
mod refusal;

mod in_progress;

mod hedges;
mod sequence;

pub(crate) mod spare;

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use trunkline_status::Status;

use crate::call::body::Body;
use crate::call::in_progress::{Call, CallRequest, NoResponse};
use crate::handle::Handle;

/// Makes a call. Never fails: a local failure is a trailers-only response.
///
/// The future is allocated for each call, and a small one costs less. So it keeps the request in
/// place, and boxes what few calls need.
pub(crate) fn call<B>(
    handle: Arc<Handle>,
    request: Request<B>,
) -> impl Future<Output = Result<Response<Body>, Infallible>> + Send
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let (uri, mut request) = CallRequest::new(head);
    async move {
        let path = match Call::prepare(&handle, &uri) {
            Ok(path) => path,
            Err(status) => return Ok(trailers_only(&status)),
        };
        let mut call = Call::new(&handle, &uri, path, &mut request);
        // Two steps, so that the future has no place for the response while it reads a refusal.
        let no_response = match sequence::run(&mut call, body).await {
            Ok(response) => return Ok(response),
            Err(no_response) => no_response,
        };
        let status = match no_response {
            NoResponse::Ended(status) => status,
            NoResponse::Refused(refusal) => call.read(refusal).await,
        };
        call.record.end(&status, None);
        let mut response = trailers_only(&status);
        if let Some(peer) = call.answered_by {
            response.extensions_mut().insert(*peer);
        }
        Ok(response)
    }
}

/// Returns a response that has nothing but the status of the call.
fn trailers_only(status: &Status) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    status.add_to_trailers(headers);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::combinators::UnsyncBoxBody;

    use super::*;

    /// Returns the size of what a function returns.
    fn size_of_output<A, B, R>(_: impl FnOnce(A, B) -> R) -> usize {
        size_of::<R>()
    }

    /// The future of a call is allocated for each call. What few calls need is boxed in it.
    #[test]
    fn the_future_of_a_call_is_small() {
        // tonic's body is a box like this one.
        let size = size_of_output(call::<UnsyncBoxBody<Bytes, Status>>);
        assert!(size < 1024, "{size} bytes");
    }
}
