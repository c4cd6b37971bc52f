//! Metadata of the application.

use tonic::Request;
use tonic::codegen::tokio_stream;
use tonic::metadata::MetadataValue;

use super::streaming::exchange;
use super::unary::large_request;
use crate::suite::judge::{LARGE_REQUEST, LARGE_RESPONSE, Verdict, same, sized, succeeded};
use crate::suite::stub::Stub;
use crate::suite::watched::Seen;
use crate::wrong::Wrong;

/// The key and value that a server sends back in its headers.
const INITIAL: (&str, &str) = ("x-grpc-test-echo-initial", "test_initial_metadata_value");

/// The key and value that a server sends back in its trailers.
const TRAILING: (&str, [u8; 3]) = ("x-grpc-test-echo-trailing-bin", [0xab; 3]);

/// Text in the headers and bytes in the trailers, of a unary and of a streaming call.
pub(super) async fn custom_metadata(stub: Stub) -> Result<Verdict, Wrong> {
    let seen = Seen::default();
    let request = with_metadata(large_request(), &seen);
    let reply = succeeded("UnaryCall", stub.tests().unary_call(request).await)?;
    sized(reply.get_ref().payload.as_ref(), LARGE_RESPONSE)?;
    initial(&seen)?;
    trailing("UnaryCall", reply.metadata())?;

    let seen = Seen::default();
    let requests = tokio_stream::once(exchange(LARGE_REQUEST, LARGE_RESPONSE));
    let requests = with_metadata(requests, &seen);
    let call = stub.tests().full_duplex_call(requests).await;
    let mut replies = succeeded("FullDuplexCall", call)?.into_inner();
    let reply = succeeded("a response", replies.message().await)?;
    sized(
        reply.and_then(|reply| reply.payload).as_ref(),
        LARGE_RESPONSE,
    )?;
    initial(&seen)?;
    let trailers = succeeded("the end", replies.trailers().await)?;
    trailing("FullDuplexCall", &trailers.unwrap_or_default())?;
    Ok(Verdict::Passed)
}

fn with_metadata<T>(message: T, seen: &Seen) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert(INITIAL.0, MetadataValue::from_static(INITIAL.1));
    metadata.insert_bin(TRAILING.0, MetadataValue::from_bytes(&TRAILING.1));
    request.extensions_mut().insert(seen.clone());
    request
}

/// Returns an error unless the headers have the first value, and only that.
fn initial(seen: &Seen) -> Result<(), Wrong> {
    let headers = seen.headers();
    let found = headers.get(INITIAL.0).map(|value| value.as_bytes());
    same(
        "the value in the headers",
        found,
        Some(INITIAL.1.as_bytes()),
    )?;
    let early = headers.contains_key(TRAILING.0);
    same("whether the other value is in the headers", early, false)
}

/// Returns an error unless the trailers have the second value.
fn trailing(call: &str, trailers: &tonic::metadata::MetadataMap) -> Result<(), Wrong> {
    let value = trailers.get_bin(TRAILING.0);
    let found = value.and_then(|value| value.to_bytes().ok());
    let what = format!("the value in the trailers of {call}");
    same(&what, found.as_deref(), Some(&TRAILING.1[..]))
}
