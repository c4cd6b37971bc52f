//! The service of the tonic server.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use tonic::codegen::async_trait;
use tonic::codegen::tokio_stream::Stream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::messages::{SeenFlags, StaysCompressed};
use super::proto::test_service_server::TestService;
use super::proto::{
    BoolValue, EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
    StreamingOutputCallResponse,
};

/// The test service. It finds the flags of a request's messages in the extensions ([`SeenFlags`]), and
/// chooses those of a response by [`StaysCompressed`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Tests;

/// The address of the client, in the extensions of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClientAddress(pub(super) SocketAddr);

type Replies = Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;

#[async_trait]
impl TestService for Tests {
    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    async fn unary_call(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let flags = flags(&request)?;
        let request = request.into_inner();
        expect(request.expect_compressed, &flags, 0)?;
        asked_for(request.response_status)?;
        let mut response = Response::new(SimpleResponse {
            payload: Some(payload(request.response_size)?),
            ..SimpleResponse::default()
        });
        if !is_true(request.response_compressed) {
            response.disable_compression();
        }
        Ok(response)
    }

    async fn cacheable_unary_call(
        &self,
        _: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        Err(Status::unimplemented("no case of this program calls it"))
    }

    type StreamingOutputCallStream = Replies;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Replies>, Status> {
        let client = client(&request)?;
        let parameters = request.into_inner().response_parameters;
        let stay = parameters.iter().map(|one| is_true(one.compressed));
        let stay = StaysCompressed(stay.collect());
        let (sender, replies) = async_channel::bounded(1);
        tokio::spawn(async move {
            for one in parameters {
                // A closed channel means that the client has ended the call.
                if sender.send(reply(one, client).await).await.is_err() {
                    return;
                }
            }
        });
        let mut response = Response::new(Box::pin(replies) as Replies);
        response.extensions_mut().insert(stay);
        Ok(response)
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let flags = flags(&request)?;
        let mut requests = request.into_inner();
        let (mut size, mut index) = (0, 0);
        while let Some(request) = requests.message().await? {
            expect(request.expect_compressed, &flags, index)?;
            size += request.payload.map_or(0, |payload| payload.body.len());
            index += 1;
        }
        let size = i32::try_from(size).map_err(|_| Status::out_of_range("2 GiB or more"))?;
        let mut response = Response::new(StreamingInputCallResponse {
            aggregated_payload_size: size,
        });
        response.disable_compression();
        Ok(response)
    }

    type FullDuplexCallStream = Replies;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Replies>, Status> {
        let client = client(&request)?;
        let mut requests = request.into_inner();
        let (sender, replies) = async_channel::bounded(1);
        tokio::spawn(async move {
            loop {
                let request = match requests.message().await {
                    Ok(Some(request)) => request,
                    Ok(None) => return,
                    Err(status) => {
                        // A closed channel means that the client has ended the call.
                        let _ = sender.send(Err(status)).await;
                        return;
                    }
                };
                if let Err(status) = asked_for(request.response_status) {
                    let _ = sender.send(Err(status)).await;
                    return;
                }
                for one in request.response_parameters {
                    if sender.send(reply(one, client).await).await.is_err() {
                        return;
                    }
                }
            }
        });
        let mut response = Response::new(Box::pin(replies) as Replies);
        response.disable_compression();
        Ok(response)
    }

    type HalfDuplexCallStream = Replies;

    async fn half_duplex_call(
        &self,
        _: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Replies>, Status> {
        Err(Status::unimplemented("no case of this program calls it"))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("no server of the suite has it"))
    }
}

/// Returns the flags of a request's messages.
fn flags<T>(request: &Request<T>) -> Result<SeenFlags, Status> {
    let flags = request.extensions().get::<SeenFlags>().cloned();
    flags.ok_or_else(|| Status::internal("the flags of the messages are not known"))
}

/// Returns the address of the client.
fn client<T>(request: &Request<T>) -> Result<SocketAddr, Status> {
    let client = request.extensions().get::<ClientAddress>();
    let client = client.ok_or_else(|| Status::internal("the address of the client is not known"));
    client.map(|client| client.0)
}

/// Returns an error if the message with this index is not compressed as it claims.
fn expect(expected: Option<BoolValue>, flags: &SeenFlags, index: usize) -> Result<(), Status> {
    let Some(expected) = expected else {
        return Ok(());
    };
    match flags.so_far().get(index) {
        Some(compressed) if *compressed == expected.value => Ok(()),
        found => Err(Status::invalid_argument(format!(
            "compressed is {found:?}, expected {}",
            expected.value
        ))),
    }
}

/// Returns the status that a request asks for, as an error.
fn asked_for(status: Option<EchoStatus>) -> Result<(), Status> {
    match status {
        Some(EchoStatus { code, message }) if code != 0 => {
            Err(Status::new(Code::from_i32(code), message))
        }
        _ => Ok(()),
    }
}

/// Returns a response after the time that it asks for.
async fn reply(
    one: ResponseParameters,
    client: SocketAddr,
) -> Result<StreamingOutputCallResponse, Status> {
    if let Ok(interval @ 1..) = u64::try_from(one.interval_us) {
        tokio::time::sleep(Duration::from_micros(interval)).await;
    }
    Ok(StreamingOutputCallResponse {
        payload: Some(payload(one.size)?),
        peer_socket_address: if is_true(one.fill_peer_socket_address) {
            client.to_string()
        } else {
            String::new()
        },
    })
}

fn payload(size: i32) -> Result<Payload, Status> {
    let size = usize::try_from(size);
    let size = size.map_err(|_| Status::invalid_argument("a negative size"))?;
    Ok(Payload::zeros(size))
}

fn is_true(value: Option<BoolValue>) -> bool {
    value.is_some_and(|value| value.value)
}
