//! Calls with one request and one response.

use tonic::{Request, Response, Status};

use crate::suite::judge::{LARGE_REQUEST, LARGE_RESPONSE, Verdict, same, sized, succeeded};
use crate::suite::proto::{Empty, Payload, SimpleRequest, SimpleResponse};
use crate::suite::stub::{Stub, Tests};
use crate::wrong::Wrong;

/// Messages of no bytes.
pub(super) async fn empty_unary(stub: Stub) -> Result<Verdict, Wrong> {
    let reply = succeeded("EmptyCall", stub.tests().empty_call(Empty {}).await)?;
    same("the reply", reply.into_inner(), Empty {})?;
    Ok(Verdict::Passed)
}

/// Messages that are larger than a flow-control window.
pub(super) async fn large_unary(stub: Stub) -> Result<Verdict, Wrong> {
    large_call(stub.tests()).await?;
    Ok(Verdict::Passed)
}

/// Makes the call of `large_unary`, which other cases also make.
pub(crate) async fn large_call(mut tests: Tests) -> Result<Response<SimpleResponse>, Wrong> {
    let reply = succeeded("UnaryCall", tests.unary_call(large_request()).await)?;
    sized(reply.get_ref().payload.as_ref(), LARGE_RESPONSE)?;
    Ok(reply)
}

/// Makes the call of `large_unary`, and returns its result as it is.
pub(crate) async fn try_large_call(mut tests: Tests) -> Result<Response<SimpleResponse>, Status> {
    tests.unary_call(Request::new(large_request())).await
}

/// Returns the request of `large_unary`.
pub(super) fn large_request() -> SimpleRequest {
    SimpleRequest {
        response_size: LARGE_RESPONSE as i32,
        payload: Some(Payload::zeros(LARGE_REQUEST)),
        ..SimpleRequest::default()
    }
}
