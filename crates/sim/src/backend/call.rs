//! A backend's answers.

use std::fmt::Write;
use std::future::pending;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Request, Response};

use super::connection::AcceptedConn;
use super::incoming::IncomingBody;
use super::reply::CallReply;
use super::reset::unless_abandoned;
use super::service::CallService;
use crate::world::SERVER;

/// The gRPC status code UNIMPLEMENTED.
const UNIMPLEMENTED: u32 = 12;

/// Answers one call.
pub(super) async fn answer(
    connection: AcceptedConn,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    reply: CallReply,
) {
    let call = ServedCall {
        connection,
        respond,
    };
    // An error means that the client abandoned the call, which is no fault of the backend.
    let _ = call.answer(request, reply).await;
}

struct ServedCall {
    connection: AcceptedConn,
    respond: SendResponse<Bytes>,
}

impl ServedCall {
    async fn answer(
        mut self,
        request: Request<RecvStream>,
        mut reply: CallReply,
    ) -> Result<(), h2::Error> {
        while let CallReply::After(delay, then) = reply {
            unless_abandoned(&mut self.respond, self.connection.sleep(delay)).await?;
            reply = *then;
        }
        match reply {
            CallReply::Echo => self.echo(request.into_body()).await,
            CallReply::Service => match self.connection.state.service() {
                Some(service) => self.serve(service, request).await,
                None => self.status(UNIMPLEMENTED, "the backend has no service"),
            },
            CallReply::GoAway => {
                let state = &self.connection.state;
                state.stop_one(self.connection.conn);
                match state.service() {
                    Some(service) => self.serve(service, request).await,
                    None => self.echo(request.into_body()).await,
                }
            }
            CallReply::Status { code, message } => self.status(code, &message),
            CallReply::ResetStream(code) => {
                self.respond.send_reset(Reason::from(code));
                Ok(())
            }
            CallReply::DropConnection => {
                let conn = self.connection.conn;
                let shared = &self.connection.shared;
                shared.with(|world| world.kill_end(conn, SERVER));
                Ok(())
            }
            CallReply::Never | CallReply::After(..) => {
                // Keeps the stream until the client resets it: a drop would reset it here.
                unless_abandoned(&mut self.respond, pending()).await
            }
        }
    }

    async fn serve(
        self,
        service: Box<dyn CallService>,
        request: Request<RecvStream>,
    ) -> Result<(), h2::Error> {
        let path = request.uri().path().to_owned();
        let mut request = request.map(IncomingBody::new);
        let AcceptedConn { shared, client, .. } = self.connection;
        request.extensions_mut().insert(client);
        if let Err(error) = service.answer(request, self.respond).await {
            shared.with(|world| world.trace(format!("the service failed at {path}: {error}")));
        }
        Ok(())
    }

    async fn echo(mut self, mut body: RecvStream) -> Result<(), h2::Error> {
        let mut messages = BytesMut::new();
        while let Some(part) = body.data().await {
            let part = part?;
            body.flow_control().release_capacity(part.len())?;
            messages.extend_from_slice(&part);
        }
        let mut stream = self.respond.send_response(self.head(), false)?;
        stream.send_data(messages.freeze(), false)?;
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        stream.send_trailers(trailers)
    }

    fn status(mut self, code: u32, message: &str) -> Result<(), h2::Error> {
        let mut head = self.head();
        let headers = head.headers_mut();
        headers.insert("grpc-status", HeaderValue::from(code));
        if let Ok(message) = HeaderValue::from_str(&percent_encoded(message)) {
            headers.insert("grpc-message", message);
        }
        self.respond.send_response(head, true).map(|_| ())
    }

    fn head(&self) -> Response<()> {
        let mut head = Response::new(());
        let headers = head.headers_mut();
        let kind = HeaderValue::from_static("application/grpc");
        headers.insert("content-type", kind);
        let address = self.connection.address.to_string();
        if let Ok(address) = HeaderValue::from_str(&address) {
            headers.insert("x-backend", address);
        }
        head
    }
}

/// Returns `text` in the encoding that the gRPC protocol requires for `grpc-message`.
fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'%' | 0..=0x1F | 0x7F.. => {
                let _ = write!(out, "%{byte:02X}");
            }
            plain => out.push(char::from(plain)),
        }
    }
    out
}
