//! What a stub needs of the channel under it.

use bytes::Bytes;
use http_body::Body;
use tonic::client::GrpcService;
use tonic::codegen::StdError;

/// The channel under a stub.
pub(crate) trait Service:
    GrpcService<
        tonic::body::Body,
        ResponseBody: Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
        Error: Into<StdError> + Send,
        Future: Send,
    > + Clone
    + Send
    + 'static
{
}

impl<T> Service for T where
    T: GrpcService<
            tonic::body::Body,
            ResponseBody: Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
            Error: Into<StdError> + Send,
            Future: Send,
        > + Clone
        + Send
        + 'static
{
}
