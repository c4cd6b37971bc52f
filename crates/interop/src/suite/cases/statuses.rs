//! Calls that end with a status other than OK.

use tonic::Code;
use tonic::codegen::tokio_stream;

use crate::suite::judge::{Verdict, failed, same};
use crate::suite::proto::{EchoStatus, Empty, SimpleRequest, StreamingOutputCallRequest};
use crate::suite::stub::Stub;
use crate::wrong::Wrong;

/// A code and a message, of a unary and of a streaming call.
pub(super) async fn status_code_and_message(stub: Stub) -> Result<Verdict, Wrong> {
    let message = "test status message";
    unary(&stub, message).await?;
    let request = StreamingOutputCallRequest {
        response_status: Some(unknown(message)),
        ..StreamingOutputCallRequest::default()
    };
    let call = stub
        .tests()
        .full_duplex_call(tokio_stream::once(request))
        .await;
    let ended = match call {
        Ok(replies) => replies.into_inner().message().await.map(|_| ()),
        Err(status) => Err(status),
    };
    let status = failed("FullDuplexCall", ended, Code::Unknown)?;
    same("the message", status.message(), message)?;
    Ok(Verdict::Passed)
}

/// A message with white space and characters beyond ASCII.
pub(super) async fn special_status_message(stub: Stub) -> Result<Verdict, Wrong> {
    let message = "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n";
    unary(&stub, message).await?;
    Ok(Verdict::Passed)
}

/// Makes a unary call that ends with UNKNOWN and this message.
async fn unary(stub: &Stub, message: &str) -> Result<(), Wrong> {
    let request = SimpleRequest {
        response_status: Some(unknown(message)),
        ..SimpleRequest::default()
    };
    let call = stub.tests().unary_call(request).await;
    let status = failed("UnaryCall", call, Code::Unknown)?;
    same("the message", status.message(), message)
}

fn unknown(message: &str) -> EchoStatus {
    EchoStatus {
        code: Code::Unknown.into(),
        message: message.to_owned(),
    }
}

/// A method that the server's service lacks.
pub(super) async fn unimplemented_method(stub: Stub) -> Result<Verdict, Wrong> {
    let call = stub.tests().unimplemented_call(Empty {}).await;
    failed("UnimplementedCall", call, Code::Unimplemented)?;
    Ok(Verdict::Passed)
}

/// A service that the server lacks.
pub(super) async fn unimplemented_service(stub: Stub) -> Result<Verdict, Wrong> {
    let call = stub.unimplemented().unimplemented_call(Empty {}).await;
    failed("UnimplementedCall", call, Code::Unimplemented)?;
    Ok(Verdict::Passed)
}
