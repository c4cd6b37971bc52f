//! gRPC over HTTP/2: the head of a response, and messages in its body.

use bytes::{Buf, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{StatusCode, response};
use trunkline_runtime::PeerAddr;
use trunkline_status::{Code, Status};

/// The bytes in front of each message: a flag and a length.
///
/// Source: [gRPC over HTTP/2, Length-Prefixed-Message](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
const PREFIX: usize = 5;

/// The flag of a message that is not compressed.
const NOT_COMPRESSED: u8 = 0;

/// Checks that this is the head of a gRPC response: it may come from a proxy or a web server.
///
/// # Errors
///
/// The status that stands for any other response, by its HTTP status.
pub(crate) fn check_head(head: &response::Parts, peer: &PeerAddr) -> Result<(), Status> {
    let content_type = head.headers.get(CONTENT_TYPE);
    let is_grpc = content_type.is_some_and(|value| is_grpc(value.as_bytes()));
    if head.status == StatusCode::OK && is_grpc {
        return Ok(());
    }
    let code = Code::from_http_status(head.status);
    Err(Status::new(
        code,
        format!(
            "{peer} answered HTTP {} with the content type {} and no grpc-status; is this a gRPC \
             server?",
            head.status.as_u16(),
            content_type.map_or_else(
                || "(none)".to_owned(),
                |value| value.as_bytes().escape_ascii().to_string(),
            ),
        ),
    ))
}

/// Returns true for a content type of gRPC itself, and not of gRPC-Web, for example.
fn is_grpc(content_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    content_type
        .split_at_checked(GRPC.len())
        .is_some_and(|(own, rest)| {
            own.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';'))
        })
}

/// Returns the status of a call that the server ended without one.
///
/// Source: [HTTP to gRPC status](https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
pub(crate) fn without_status(peer: &PeerAddr) -> Status {
    Status::new(
        Code::Unknown,
        format!("{peer} ended the response without a grpc-status"),
    )
}

/// Returns a message with its prefix.
pub(crate) fn with_prefix(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(PREFIX + message.len());
    bytes.extend_from_slice(&[NOT_COMPRESSED]);
    // A message over 4 GiB cannot be sent; those that the channel itself sends are small.
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(message);
    bytes.freeze()
}

/// Cuts the data of a response into messages. Holds at most one message and one piece of data.
#[derive(Debug)]
pub(crate) struct Messages {
    data: BytesMut,
    /// The longest message that is accepted, in bytes without its prefix.
    limit: usize,
}

impl Messages {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            data: BytesMut::new(),
            limit,
        }
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        self.data.extend_from_slice(data);
    }

    /// Returns the next whole message without its prefix; `None` until there is one.
    ///
    /// # Errors
    ///
    /// When it is longer than the limit, or compressed.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let Some(&[flag, len @ ..]) = self.data.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let len = u32::from_be_bytes(len) as usize;
        if len > self.limit {
            let limit = self.limit;
            let text = format!("a message of {len} bytes arrived; the limit is {limit} bytes");
            return Err(Status::new(Code::ResourceExhausted, text));
        }
        if flag != NOT_COMPRESSED {
            return Err(Status::internal(format!(
                "a message with the compression flag {flag} arrived, and no compression was agreed"
            )));
        }
        if self.data.len() - PREFIX < len {
            return Ok(None);
        }
        self.data.advance(PREFIX);
        Ok(Some(self.data.split_to(len).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However the data is cut into pieces, the messages are the same.
    #[test]
    fn messages_are_found_in_any_pieces() {
        let sent: [&[u8]; 3] = [b"one", b"", b"three"];
        let data: Vec<u8> = sent
            .iter()
            .flat_map(|message| with_prefix(message))
            .collect();
        for piece in 1..=data.len() {
            let mut messages = Messages::new(5);
            let mut received = Vec::new();
            for data in data.chunks(piece) {
                messages.push(data);
                while let Some(message) = messages.next().expect("valid messages") {
                    received.push(message);
                }
            }
            assert_eq!(received, sent, "in pieces of {piece}");
        }
    }

    /// The prefix alone is enough to refuse a message: nothing of it is kept.
    #[test]
    fn long_and_compressed_messages_are_refused() {
        for (prefix, code) in [
            ([0, 0, 0, 0, 6], Code::ResourceExhausted),
            ([1, 0, 0, 0, 1], Code::Internal),
        ] {
            let mut messages = Messages::new(5);
            messages.push(&prefix);
            let error = messages.next().expect_err("a bad message");
            assert_eq!(error.code(), code);
        }
    }
}
