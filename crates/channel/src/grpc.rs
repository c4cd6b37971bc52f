//! gRPC over HTTP/2: the head of a response, and messages in its body.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use trunkline_runtime::PeerAddr;
use trunkline_status::{Code, Status, decode_message, encode_message};

/// The header of the status code.
pub(crate) const GRPC_STATUS: &str = "grpc-status";

/// The value of `grpc-status` of a call that succeeded.
const OK: &str = "0";

const GRPC_MESSAGE: &str = "grpc-message";
const GRPC_DETAILS: &str = "grpc-status-details-bin";

/// The base64 of binary headers: padded or not, as the protocol requires of a receiver.
///
/// Source: [gRPC over HTTP/2, Custom-Metadata](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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
/// For any other response, the gRPC status that its HTTP status maps to.
pub(crate) fn check_head(
    http_status: StatusCode,
    headers: &HeaderMap,
    peer: &PeerAddr,
) -> Result<(), Status> {
    // A look at each name costs less than a hash of this one.
    let mut fields = headers.iter();
    let content_type = fields.find(|(name, _)| **name == CONTENT_TYPE);
    let content_type = content_type.map(|(_, value)| value);
    let is_grpc = content_type.is_some_and(|value| is_grpc(value.as_bytes()));
    if http_status == StatusCode::OK && is_grpc {
        return Ok(());
    }
    let code = Code::from_http_status(http_status);
    let printed = |value: &HeaderValue| value.as_bytes().escape_ascii().to_string();
    let mut text = format!(
        "{peer} answered HTTP {} with the content type {} and no grpc-status; is this a gRPC \
         server?",
        http_status.as_u16(),
        content_type.map_or_else(|| "(none)".to_owned(), printed),
    );
    if let Some(location) = headers.get(LOCATION) {
        text.push_str(" It redirects to ");
        text.push_str(&printed(location));
        text.push('.');
    }
    Err(Status::new(code, text))
}

/// Makes the status in a peer's head or trailers readable for every stub. A stub could otherwise
/// replace it by `UNKNOWN`, or panic.
///
/// An invalid code becomes `UNKNOWN`, with a message that quotes the code. Bytes of the message
/// that are not UTF-8 become U+FFFD. Of several details, the first value that is base64 stays.
pub(crate) fn repair_status(headers: &mut HeaderMap) -> SeenStatus {
    let (mut seen, mut is_readable) = (SeenStatus::Missing, true);
    // One pass costs less than a lookup by name: there are rarely more than three fields.
    for (name, value) in &*headers {
        match name.as_str() {
            GRPC_STATUS => {
                is_readable &= is_code(value.as_bytes());
                if seen == SeenStatus::Missing {
                    seen = SeenStatus::of(value);
                }
            }
            GRPC_MESSAGE => is_readable &= is_plain(value.as_bytes()),
            GRPC_DETAILS => is_readable = false,
            _ => {}
        }
    }
    if !is_readable {
        repair_fields(headers);
        let status = headers.get(GRPC_STATUS);
        seen = status.map_or(SeenStatus::Missing, SeenStatus::of);
    }
    seen
}

/// What trailers have of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeenStatus {
    Missing,
    Ok,
    Failed,
}

impl SeenStatus {
    fn of(code: &HeaderValue) -> Self {
        if code == OK { Self::Ok } else { Self::Failed }
    }
}

fn repair_fields(headers: &mut HeaderMap) {
    if let Some(code) = headers.get(GRPC_STATUS)
        && !is_code(code.as_bytes())
        && let Some(status) = Status::from_trailers(headers)
    {
        status.add_to_trailers(headers);
    }
    if let Some(message) = headers.get(GRPC_MESSAGE)
        && !is_plain(message.as_bytes())
    {
        let message = encode_message(&decode_message(message));
        headers.insert(GRPC_MESSAGE, message);
    }
    if headers.contains_key(GRPC_DETAILS) {
        repair_details(headers);
    }
}

/// Returns true for a valid code in its one valid form: 0 to 16, without a leading zero.
fn is_code(value: &[u8]) -> bool {
    matches!(value, [b'0'..=b'9'] | [b'1', b'0'..=b'6'])
}

/// Returns true for a message of printable ASCII without `%`: percent-encoding does not change it.
fn is_plain(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~') && *byte != b'%')
}

fn repair_details(headers: &mut HeaderMap) {
    let mut values = headers.get_all(GRPC_DETAILS).iter();
    if let (Some(only), None) = (values.next(), values.next())
        && BASE64.decode(only.as_bytes()).is_ok()
    {
        return;
    }
    // A binary header may be a list, with commas or as several headers.
    let values = headers.get_all(GRPC_DETAILS).iter();
    let mut parts = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let valid = parts.find(|part| BASE64.decode(part.trim_ascii()).is_ok());
    match valid.and_then(|part| HeaderValue::from_bytes(part.trim_ascii()).ok()) {
        Some(value) => drop(headers.insert(GRPC_DETAILS, value)),
        None => drop(headers.remove(GRPC_DETAILS)),
    }
}

/// Removes the status from a head that does not end the response, and returns it. It must not reach
/// the stub: trailers may follow, and their status has precedence.
pub(crate) fn take_status(headers: &mut HeaderMap) -> Option<Status> {
    // One pass costs less than a lookup by name, and hardly any head has a status.
    if headers.keys().all(|name| name.as_str() != GRPC_STATUS) {
        return None;
    }
    let status = Status::from_trailers(headers)?;
    for name in [GRPC_STATUS, GRPC_MESSAGE, GRPC_DETAILS] {
        headers.remove(name);
    }
    Some(status)
}

/// Returns true for `application/grpc`, alone or before a `+` or `;`. Other types that begin like
/// this, such as gRPC-Web's, are false.
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

/// Returns a message with its gRPC prefix: not compressed, and its length.
///
/// Source: [gRPC over HTTP/2](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
#[must_use]
pub fn with_prefix(message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(PREFIX + message.len());
    bytes.extend_from_slice(&[NOT_COMPRESSED]);
    // The length has 32 bits.
    let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(message);
    bytes.freeze()
}

/// Cuts the data of a response into messages, for a caller without a stub. Holds at most one message and
/// one piece of data.
///
/// ```
/// use trunkline_channel::{Messages, with_prefix};
///
/// let mut messages = Messages::new(1024);
/// let data = with_prefix(b"one");
/// messages.push(&data[..6]);
/// assert_eq!(messages.next()?, None);
/// messages.push(&data[6..]);
/// assert_eq!(messages.next()?.as_deref(), Some(&b"one"[..]));
/// # Ok::<(), trunkline_status::Status>(())
/// ```
#[derive(Debug)]
pub struct Messages {
    data: BytesMut,
    /// The longest message that is accepted, in bytes without its prefix.
    limit: usize,
}

impl Messages {
    /// Returns a reader of messages with up to `limit` bytes, without their prefixes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            data: BytesMut::new(),
            limit,
        }
    }

    /// Adds the next data of the response.
    pub fn push(&mut self, data: &[u8]) {
        self.data.extend_from_slice(data);
    }

    /// Returns the next whole message without its prefix; `None` until there is one.
    ///
    /// # Errors
    ///
    /// When it is longer than the limit, or compressed.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator would end where this has no message yet"
    )]
    pub fn next(&mut self) -> Result<Option<Bytes>, Status> {
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

    fn repaired(pairs: &[(&'static str, &'static [u8])]) -> Vec<(String, Vec<u8>)> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_bytes(value).expect("a header value");
            headers.append(*name, value);
        }
        repair_status(&mut headers);
        let pairs = headers.iter();
        pairs
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect()
    }

    #[track_caller]
    fn check_repair(name: &'static str, value: &'static [u8], expected: Option<&[u8]>) {
        let values: Vec<_> = repaired(&[(name, value)])
            .into_iter()
            .map(|(_, v)| v)
            .collect();
        assert_eq!(
            values.first().map(Vec::as_slice),
            expected,
            "{}",
            value.escape_ascii()
        );
    }

    /// `grpc-message` is never an error and never dropped: what cannot be read of it is replaced.
    #[test]
    fn messages_are_made_readable() {
        for (message, readable) in [
            (&b"plain text"[..], &b"plain text"[..]),
            (b"100%25", b"100%25"),
            (b"100%", b"100%25"),
            (b"caf%E9 closed", b"caf%EF%BF%BD closed"),
            (b"caf\xe9 closed", b"caf%EF%BF%BD closed"),
            (b"caf\xc3\xa9", b"caf%C3%A9"),
        ] {
            check_repair(GRPC_MESSAGE, message, Some(readable));
        }
    }

    /// Details are one base64 value, padded or not, or there are none.
    #[test]
    fn details_are_base64() {
        for (details, readable) in [
            (&b"CAk="[..], Some(&b"CAk="[..])),
            (b"CAk", Some(b"CAk")),
            (b"", Some(b"")),
            (b"!not base64!", None),
            (b"C", None),
            (b"_-_-", None),
            (b"CAk=,CAo=", Some(b"CAk=")),
            (b"!, CAo=", Some(b"CAo=")),
        ] {
            check_repair(GRPC_DETAILS, details, readable);
        }
        let several = [(GRPC_DETAILS, &b"!"[..]), (GRPC_DETAILS, b"CAk=")];
        let expected = [(GRPC_DETAILS.to_owned(), b"CAk=".to_vec())];
        assert_eq!(repaired(&several), expected);
    }

    /// Codes are written in one way; an invalid code becomes UNKNOWN, and is quoted in the message.
    #[test]
    fn codes_are_numbers_up_to_16() {
        for (code, readable) in [
            (&b"0"[..], &b"0"[..]),
            (b"16", b"16"),
            (b"05", b"5"),
            (b"17", b"2"),
            (b"-1", b"2"),
            (b"OK", b"2"),
            (b"", b"2"),
        ] {
            check_repair(GRPC_STATUS, code, Some(readable));
        }
    }

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

    /// A long or compressed message is refused by its prefix alone, before its data arrives.
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
