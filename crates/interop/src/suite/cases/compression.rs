//! Messages that are compressed, and messages of the same call that are not.
//!
//! A server without the feature under test answers as if the flag were not there. Then the rest of the
//! case is checked all the same.

use tonic::codec::CompressionEncoding::Gzip;
use tonic::codegen::tokio_stream;
use tonic::{Code, Request};

use super::unary::large_request;
use crate::suite::judge::{Feature, LARGE_RESPONSE, Verdict, failed, same, sized, succeeded};
use crate::suite::messages::StaysCompressed;
use crate::suite::proto::{
    BoolValue, Payload, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest,
};
use crate::suite::stub::Stub;
use crate::suite::watched::Seen;
use crate::wrong::Wrong;

/// A compressed request and one that is not.
pub(super) async fn client_compressed_unary(stub: Stub) -> Result<Verdict, Wrong> {
    let request = |compressed| SimpleRequest {
        expect_compressed: Some(BoolValue { value: compressed }),
        ..large_request()
    };
    let probe = stub.tests().unary_call(request(true)).await;
    let lacks = probe.is_ok();
    if !lacks {
        failed("the probe", probe, Code::InvalidArgument)?;
    }
    for compressed in [true, false] {
        // grpc-go compresses the response as the request was, also if the client does not accept that.
        let mut tests = stub.tests().accept_compressed(Gzip);
        if compressed {
            tests = tests.send_compressed(Gzip);
        }
        let call = tests.unary_call(request(compressed)).await;
        let reply = succeeded(&format!("compressed: {compressed}"), call)?;
        sized(reply.get_ref().payload.as_ref(), LARGE_RESPONSE)?;
    }
    Ok(unless(lacks, Feature::CompressedRequest))
}

/// A stream of a compressed request and one that is not.
pub(super) async fn client_compressed_streaming(stub: Stub) -> Result<Verdict, Wrong> {
    let request = |compressed, size| StreamingInputCallRequest {
        expect_compressed: Some(BoolValue { value: compressed }),
        payload: Some(Payload::zeros(size)),
    };
    let probe = tokio_stream::once(request(true, 27_182));
    let probe = stub.tests().streaming_input_call(probe).await;
    let lacks = probe.is_ok();
    if !lacks {
        failed("the probe", probe, Code::InvalidArgument)?;
    }
    let both = [request(true, 27_182), request(false, 45_904)];
    let mut requests = Request::new(tokio_stream::iter(both));
    requests
        .extensions_mut()
        .insert(StaysCompressed(vec![true, false]));
    let mut tests = stub.tests().send_compressed(Gzip).accept_compressed(Gzip);
    let call = tests.streaming_input_call(requests).await;
    let reply = succeeded("StreamingInputCall", call)?.into_inner();
    same("bytes received", reply.aggregated_payload_size, 73_086)?;
    Ok(unless(lacks, Feature::CompressedRequest))
}

/// A compressed response and one that is not.
pub(super) async fn server_compressed_unary(stub: Stub) -> Result<Verdict, Wrong> {
    let mut lacks = false;
    for compressed in [true, false] {
        let mut request = Request::new(SimpleRequest {
            response_compressed: Some(BoolValue { value: compressed }),
            ..large_request()
        });
        let seen = Seen::default();
        request.extensions_mut().insert(seen.clone());
        let mut tests = stub.tests().accept_compressed(Gzip);
        let reply = succeeded("UnaryCall", tests.unary_call(request).await)?;
        sized(reply.get_ref().payload.as_ref(), LARGE_RESPONSE)?;
        let found = seen.flags.so_far();
        if compressed && found == [false] {
            lacks = true;
        } else {
            same("the flag", found, vec![compressed])?;
        }
    }
    Ok(unless(lacks, Feature::CompressedResponse))
}

/// A stream of a compressed response and one that is not.
pub(super) async fn server_compressed_streaming(stub: Stub) -> Result<Verdict, Wrong> {
    let expected = [(true, 31_415), (false, 92_653)];
    let parameters = expected.map(|(compressed, size)| ResponseParameters {
        size,
        compressed: Some(BoolValue { value: compressed }),
        ..ResponseParameters::default()
    });
    let mut request = Request::new(StreamingOutputCallRequest {
        response_parameters: parameters.into(),
        ..StreamingOutputCallRequest::default()
    });
    let seen = Seen::default();
    request.extensions_mut().insert(seen.clone());
    let mut tests = stub.tests().accept_compressed(Gzip);
    let call = tests.streaming_output_call(request).await;
    let mut replies = succeeded("StreamingOutputCall", call)?.into_inner();
    for (_, size) in expected {
        let reply = succeeded("a response", replies.message().await)?;
        let payload = reply.and_then(|reply| reply.payload);
        sized(payload.as_ref(), usize::try_from(size)?)?;
    }
    same(
        "the end",
        succeeded("the end", replies.message().await)?,
        None,
    )?;
    let found = seen.flags.so_far();
    let lacks = found == [false, false];
    if !lacks {
        same("the flags", found, vec![true, false])?;
    }
    Ok(unless(lacks, Feature::CompressedResponse))
}

fn unless(lacks: bool, feature: Feature) -> Verdict {
    if lacks {
        Verdict::ServerLacks(feature)
    } else {
        Verdict::Passed
    }
}
