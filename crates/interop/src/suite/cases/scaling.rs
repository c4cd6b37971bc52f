//! More calls than a server allows on one connection.

use async_channel::Sender;
use tonic::Streaming;

use crate::suite::judge::{Feature, Verdict, same, succeeded};
use crate::suite::proto::{
    BoolValue, ResponseParameters, StreamingOutputCallRequest, StreamingOutputCallResponse,
};
use crate::suite::stub::{Stub, Tests};
use crate::wrong::Wrong;

/// The most concurrent calls that the servers allow on a connection.
pub(in crate::suite) const MAX_STREAMS: u32 = 10;

/// Two connections to an address.
const CONFIG: &str = r#"{"connectionScaling": {"maxConnectionsPerSubchannel": 2}}"#;

/// As many calls as fit on a connection share it, and the next one has a connection of its own.
pub(super) async fn max_concurrent_streams_connection_scaling(
    stub: Stub,
) -> Result<Verdict, Wrong> {
    let stub = stub.with_changed_channel(|builder| builder.default_service_config(CONFIG))?;
    let tests = stub.tests();
    let mut calls = Vec::new();
    for _ in 0..MAX_STREAMS {
        calls.push(OpenCall::begin(&tests).await?);
    }
    let shared = calls[0].address.clone();
    for call in &calls {
        same("the address of a call", &call.address, &shared)?;
    }
    same("connections of as many calls as fit", stub.connected(), 1)?;
    let above = OpenCall::begin(&tests).await?;
    same("connections of one call more", stub.connected(), 2)?;
    let is_filled = !shared.is_empty();
    if is_filled && above.address == shared {
        return Err(format!("the call above the limit is on {shared}, too").into());
    }
    calls.push(above);
    for call in calls {
        call.end().await?;
    }
    Ok(if is_filled {
        Verdict::Passed
    } else {
        Verdict::ServerLacks(Feature::PeerAddress)
    })
}

/// A call whose request has not ended.
struct OpenCall {
    requests: Sender<StreamingOutputCallRequest>,
    replies: Streaming<StreamingOutputCallResponse>,
    /// The address of the client, as the server sees it; empty if the server does not tell.
    address: String,
}

impl OpenCall {
    /// Begins a call, and exchanges one message.
    async fn begin(tests: &Tests) -> Result<Self, Wrong> {
        let (requests, stream) = async_channel::unbounded();
        let parameters = ResponseParameters {
            size: 1,
            fill_peer_socket_address: Some(BoolValue { value: true }),
            ..ResponseParameters::default()
        };
        let request = StreamingOutputCallRequest {
            response_parameters: vec![parameters],
            ..StreamingOutputCallRequest::default()
        };
        requests.send(request).await?;
        let call = tests.clone().full_duplex_call(stream).await;
        let mut replies = succeeded("FullDuplexCall", call)?.into_inner();
        let reply = succeeded("a response", replies.message().await)?;
        let reply = reply.ok_or("the call ended before its response")?;
        Ok(Self {
            requests,
            replies,
            address: reply.peer_socket_address,
        })
    }

    /// Ends the request, and waits for the end of the call.
    async fn end(mut self) -> Result<(), Wrong> {
        drop(self.requests);
        let end = succeeded("the end", self.replies.message().await)?;
        same("the end", end, None)
    }
}
