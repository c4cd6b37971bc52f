//! A backend's answers.

use std::fmt::Write;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderValue, Response};

use super::connection::AcceptedConn;
use super::reply::CallReply;
use crate::world::SERVER;

/// Answers one call. An error means that the client abandoned the call, which is no fault of the
/// backend.
pub(super) async fn answer(
    connection: AcceptedConn,
    body: RecvStream,
    respond: SendResponse<Bytes>,
    reply: CallReply,
) {
    let call = ServedCall {
        connection,
        respond,
    };
    let _ = call.answer(body, reply).await;
}

struct ServedCall {
    connection: AcceptedConn,
    respond: SendResponse<Bytes>,
}

impl ServedCall {
    async fn answer(mut self, body: RecvStream, mut reply: CallReply) -> Result<(), h2::Error> {
        while let CallReply::After(delay, then) = reply {
            self.connection.sleep(delay).await;
            reply = *then;
        }
        match reply {
            CallReply::Echo => self.echo(body).await,
            CallReply::GoAway => {
                self.connection.state.stop_one(self.connection.conn);
                self.echo(body).await
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
                std::future::poll_fn(|cx| self.respond.poll_reset(cx)).await?;
                Ok(())
            }
        }
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
